/** Whole games about real entries: an honest side wins, whichever it is, from a checkpoint too. */
import { afterAll, expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import { PRESETS } from '#graph/presets.ts'
import { seeds } from '#graph/testing.ts'
import type { End, Statement } from '#pinpoint/types.ts'
import { seededRandom } from '#proto/testing.ts'
import { LyingRunner } from '#runtime/pinpoint/lie.ts'
import { EntryStatement } from '#runtime/pinpoint/statement.ts'
import { dispute, fork } from './fork.ts'
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

test('a player that starts again at every question plays the same game', async () => {
  const setting = { preset: 'mlp-tiny', change: { replicas: 1 }, steps: [3, 5], replica: 0 } as const
  const ground = groundIn(engine, setting)
  const forgetful = (make: () => Statement): Statement => ({
    preimage: (list, height, index) => make().preimage(list, height, index),
  })
  const value = ground.program.update.outputs[0]?.value ?? 0
  const lie = { item: 7, value, element: 1, micro: 0, bit: 30 }
  const forked = await fork(ground, lie)
  if (forked === undefined) throw new Error('the lie is lost in rounding')
  const { entry } = forked
  const liar = forgetful(() => new EntryStatement(ground.source, new LyingRunner(ground.runner, lie)))
  const honest = forgetful(() => new EntryStatement(ground.source, ground.runner))
  const { outcome: once } = await dispute(ground, forked, ground.statement, false)
  const { outcome: again } = await dispute(ground, { statement: liar, entry }, honest, false)
  expect(again.winner).toBe('challenger')
  expect(again.moves).toEqual(once.moves)
})
