/** Whole programs: the WebAssembly engine trains to the same state bits as the reference, with any number of threads. */
import { afterAll, expect, test } from 'vitest'
import { buildProgram } from '#graph/program.ts'
import type { ProgramSpec } from '#graph/spec.ts'
import { createEngine } from './index.ts'
import { type Plan, Replica } from './testing.ts'
import type { Engine } from './types.ts'
import { wasmEngine } from './wasm/engine.ts'

const reference = await createEngine('reference')
const engines: Record<string, Engine> = {
  'one thread': await wasmEngine(),
  'two threads': await wasmEngine({ threads: 2 }),
  'emulated fma': await wasmEngine({ fma: 'emulated' }),
}
afterAll(() => Promise.all(Object.values(engines).map((engine) => engine.close())))

const adamw = {
  type: 'adamw',
  learningRate: 0.003,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  warmup: 3,
} as const
const sgd = { type: 'sgd', learningRate: 0.05, momentum: 0.9, weightDecay: 0.01, warmup: 0 } as const
const image = { format: 'idx', height: 6, width: 6, features: 36, classes: 4 } as const
const text = { format: 'text', height: 0, width: 0, features: 8, classes: 256 } as const
const size = { batch: 4, microBatches: 2 }

const cases: { name: string; spec: ProgramSpec; below: number; steps: number }[] = [
  {
    name: 'mlp, sgd',
    spec: { model: { type: 'mlp', hidden: [9, 5], activation: 'relu' }, optimizer: sgd, data: image, ...size },
    below: 4,
    steps: 100,
  },
  {
    name: 'cnn, adamw',
    spec: {
      model: { type: 'cnn', channels: [3, 5], kernel: 3, hidden: 7, activation: 'gelu' },
      optimizer: adamw,
      data: image,
      ...size,
    },
    below: 4,
    steps: 20,
  },
  {
    name: 'gpt with dropout, adamw',
    spec: {
      model: { type: 'gpt', width: 12, layers: 2, heads: 2, context: 8, dropout: 0.1 },
      optimizer: adamw,
      data: text,
      ...size,
    },
    below: 256,
    steps: 6,
  },
]

test.each(cases)('$name: the same state after $steps steps', ({ spec, below, steps }) => {
  const program = buildProgram(spec)
  const plan: Plan = { batch: spec.batch, microBatches: spec.microBatches, below }
  const train = (engine: Engine): { words: Uint32Array; losses: number[] } => {
    const replica = new Replica(engine, program, plan, 7)
    const losses = Array.from({ length: steps }, (_, step) => replica.step(step))
    return { words: replica.words(), losses }
  }
  const expected = train(reference)
  expect(expected.losses.every(Number.isFinite)).toBe(true)
  for (const [name, engine] of Object.entries(engines)) {
    const { words, losses } = train(engine)
    expect({ name, losses }).toEqual({ name, losses: expected.losses })
    expect({ name, at: words.findIndex((word, i) => word !== expected.words[i]) }).toEqual({ name, at: -1 })
  }
})
