/** Activations computed again: an engine trains to the same state from less memory. */
import { expect, test } from 'vitest'
import { buildProgram } from '#graph/program.ts'
import type { ProgramSpec } from '#graph/spec.ts'
import { createEngine } from './index.ts'
import { ADAMW, Replica } from './testing.ts'

const SPEC: ProgramSpec = {
  model: { type: 'gpt', width: 16, layers: 2, heads: 2, context: 32, dropout: 0.1 },
  optimizer: ADAMW,
  data: { format: 'text', height: 0, width: 0, features: 32, classes: 256 },
  batch: 4,
  microBatches: 2,
}

test('a gpt trains to the same bits whether its blocks are kept or computed again', async () => {
  const train = async (recompute: 'none' | 'blocks') => {
    const engine = await createEngine('wasm')
    try {
      const replica = new Replica(engine, buildProgram({ ...SPEC, recompute }), { ...SPEC, below: 256 }, 3)
      const losses = Array.from({ length: 4 }, (_, step) => replica.step(step))
      return { losses, words: replica.words(), peak: engine.peak() }
    } finally {
      await engine.close()
    }
  }
  const [kept, again] = [await train('none'), await train('blocks')]
  expect(again.losses).toEqual(kept.losses)
  expect(again.words).toEqual(kept.words)
  expect(again.peak).toBeLessThan(kept.peak)
})
