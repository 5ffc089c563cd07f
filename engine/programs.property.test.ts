/** Whole programs: every engine trains to the same state bits as the reference, with any number of threads. */
import { afterAll, expect, test } from 'vitest'
import { everyEngine } from './compiled/testing.ts'
import { createEngine } from './index.ts'
import { ADAMW, GPT, IMAGE, SGD, trainingDifference } from './testing.ts'
import { wasmEngine } from './wasm/engine.ts'

const reference = await createEngine('reference')
const compiled = [await wasmEngine(), ...(await everyEngine())]
const engines = Object.fromEntries(
  compiled.map((engine) => [`${engine.name} ${engine.variant}, ${engine.threads} thread(s)`, engine]),
)
afterAll(() => Promise.all(compiled.map((engine) => engine.close())))

const SIZE = { batch: 4, microBatches: 2 }

test('an mlp with sgd: the same state after 100 steps', () => {
  const model = { type: 'mlp', hidden: [9, 5], activation: 'relu' } as const
  const spec = { model, optimizer: SGD, data: IMAGE, ...SIZE }
  expect(trainingDifference(reference, engines, spec, 4, 100)).toBeNull()
})

test('a cnn with adamw: the same state after 50 steps', () => {
  const model = { type: 'cnn', channels: [3, 5], kernel: 3, hidden: 7, activation: 'gelu' } as const
  const spec = { model, optimizer: ADAMW, data: IMAGE, ...SIZE }
  expect(trainingDifference(reference, engines, spec, 4, 50)).toBeNull()
})

test('contractions as integers: the same state of an mlp in q16 after 40 steps, of a cnn in q24 after 12', () => {
  const mlp = { type: 'mlp', hidden: [9, 5], activation: 'tanh' } as const
  const q16 = { model: mlp, optimizer: ADAMW, data: IMAGE, arithmetic: 'q16', ...SIZE } as const
  expect(trainingDifference(reference, engines, q16, 4, 40)).toBeNull()
  const cnn = { type: 'cnn', channels: [3, 5], kernel: 3, hidden: 7, activation: 'relu' } as const
  const q24 = { model: cnn, optimizer: SGD, data: IMAGE, arithmetic: 'q24', ...SIZE } as const
  expect(trainingDifference(reference, engines, q24, 4, 12)).toBeNull()
})

test('a gpt with dropout and adamw: the same state after 6 steps', () => {
  expect(trainingDifference(reference, engines, { ...GPT, batch: 2, microBatches: 2 }, 256, 6)).toBeNull()
})
