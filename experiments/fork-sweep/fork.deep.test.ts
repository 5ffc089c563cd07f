/** Many games about real entries of all small jobs. */
import { expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import { PRESETS } from '#graph/presets.ts'
import { seeds } from '#graph/testing.ts'
import type { End } from '#pinpoint/types.ts'
import { seededRandom } from '#proto/testing.ts'
import { forksOf, groundIn } from './testing.ts'

const OPTIMIZERS = [PRESETS['gpt-tiny'].optimizer, PRESETS['mlp-tiny'].optimizer]

test.each(['mlp-tiny', 'cnn-tiny', 'gpt-tiny', 'gpt-dropout'] as const)('%s', async (preset) => {
  const ends = new Set<End | undefined>()
  for (const arithmetic of ['f32', 'q16'] as const) {
    for (const optimizer of OPTIMIZERS) {
      for (const replicas of [1, 2]) {
        const engine = await createEngine('wasm')
        try {
          const steps = replicas === 1 ? ([0, 2] as const) : ([3, 5] as const)
          const ground = groundIn(engine, {
            preset,
            change: { arithmetic, optimizer, replicas },
            steps,
            replica: replicas - 1,
          })
          for (const seed of seeds(10)) for (const end of await forksOf(ground, seededRandom(seed))) ends.add(end)
        } finally {
          await engine.close()
        }
      }
    }
  }
  for (const end of ['block', 'input', 'stored', 'export'] as const) expect(ends).toContain(end)
})
