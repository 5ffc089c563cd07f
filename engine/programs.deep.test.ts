/**
 * Models of real size trained for long: the same state bits on every engine; a small one on the reference, too. Prints the digests
 * that docs/testing.md records.
 */
import { afterAll, expect, test } from 'vitest'
import { buildProgram } from '#graph/program.ts'
import type { ProgramSpec } from '#graph/spec.ts'
import { everyEngine } from './compiled/testing.ts'
import { digestOf } from './conformance/conform.ts'
import { createEngine } from './index.ts'
import { ADAMW, GPT, Replica, trainingDifference } from './testing.ts'
import { wasmEngine } from './wasm/engine.ts'

const reference = await createEngine('reference')
const engines = [await wasmEngine(), ...(await everyEngine())]
afterAll(() => Promise.all(engines.map((engine) => engine.close())))
const named = Object.fromEntries(
  engines.map((engine) => [`${engine.name} ${engine.variant}, ${engine.threads} thread(s)`, engine]),
)

test('a gpt of width 32 with dropout and adamw: the same state after 200 steps', () => {
  expect(trainingDifference(reference, named, GPT, 256, 200)).toBeNull()
})

const MNIST = { format: 'idx', height: 28, width: 28, features: 784, classes: 10 } as const
const text = (features: number) => ({ format: 'text', height: 0, width: 0, features, classes: 256 }) as const
const gpt = (width: number, layers: number, heads: number, context: number, batch: number): ProgramSpec => ({
  model: { type: 'gpt', width, layers, heads, context, dropout: 0 },
  optimizer: ADAMW,
  data: text(context),
  batch,
  microBatches: 4,
})
const STEPS = 200
/** With the emulated fused multiply-add the largest model would take hours. */
const LARGE = 'gpt 10 M'
const MODELS: Readonly<Record<string, ProgramSpec>> = {
  mlp: {
    model: { type: 'mlp', hidden: [256], activation: 'relu' },
    optimizer: ADAMW,
    data: MNIST,
    batch: 64,
    microBatches: 4,
  },
  cnn: {
    model: { type: 'cnn', channels: [8, 16], kernel: 3, hidden: 64, activation: 'relu' },
    optimizer: ADAMW,
    data: MNIST,
    batch: 32,
    microBatches: 4,
  },
  'gpt 0.84 M': gpt(128, 4, 4, 128, 8),
  [LARGE]: gpt(384, 6, 6, 256, 4),
}

test.each(Object.keys(MODELS))(`%s: the same state after ${STEPS} steps`, (name) => {
  const spec = MODELS[name]!
  const program = buildProgram(spec)
  const below = spec.data.format === 'text' ? 256 : spec.data.classes
  const digests = new Set<string>()
  for (const engine of engines.filter(({ variant }) => name !== LARGE || variant !== 'emulated')) {
    const replica = new Replica(engine, program, { batch: spec.batch, microBatches: spec.microBatches, below }, 1)
    for (let step = 0; step < STEPS; step++) replica.step(step)
    const digest = digestOf(replica.words())
    process.stdout.write(`${name}: ${digest} ${engine.name} ${engine.variant}, ${engine.threads} thread(s)\n`)
    digests.add(digest)
  }
  expect(digests.size).toBe(1)
})
