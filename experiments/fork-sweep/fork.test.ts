/** Whole games about real entries: an honest side wins, whichever it is, from a checkpoint too. */
import { afterAll, expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import { PRESETS } from '#graph/presets.ts'
import { seeds } from '#graph/testing.ts'
import type { End } from '#pinpoint/types.ts'
import { seededRandom } from '#proto/testing.ts'
import { forksOf, groundIn, type Setting } from './testing.ts'

const engine = await createEngine('wasm')
afterAll(() => engine.close())

const { optimizer: adamw } = PRESETS['gpt-tiny']
const { optimizer: sgd } = PRESETS['mlp-tiny']

test.each<Setting>([
  { preset: 'mlp-tiny', change: { replicas: 1 }, steps: [0, 2], replica: 0 },
  { preset: 'mlp-tiny', change: { replicas: 2, optimizer: adamw, arithmetic: 'q16' }, steps: [3, 5], replica: 1 },
  { preset: 'cnn-tiny', change: { replicas: 2, arithmetic: 'q16' }, steps: [0, 1], replica: 0 },
  { preset: 'gpt-dropout', change: { replicas: 1, optimizer: sgd }, steps: [2, 3], replica: 0 },
])('$preset, $change.arithmetic, steps $steps of replica $replica', async (setting) => {
  const ground = groundIn(engine, setting)
  const ends: (End | undefined)[] = []
  for (const seed of seeds(4)) ends.push(...(await forksOf(ground, seededRandom(seed))))
  expect(ends.length).toBeGreaterThan(4)
})
