/** Activations computed again: an engine trains to the same state from less memory. */
import { expect, test } from 'vitest'
import { buildProgram } from '#graph/program.ts'
import { createEngine } from './index.ts'
import { GPT, Replica } from './testing.ts'

test('a gpt trains to the same bits whether its blocks are kept or computed again', async () => {
  const train = async (recompute: 'none' | 'blocks') => {
    const engine = await createEngine('wasm', { threads: 2 })
    try {
      const replica = new Replica(engine, buildProgram({ ...GPT, recompute }), { ...GPT, below: 256 }, 3)
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
