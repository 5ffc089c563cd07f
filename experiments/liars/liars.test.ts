/** Some of the liars, at the contracts: they lose, and nobody else. All of them: liars.deep.test.ts, and the experiment. */
import { afterAll, expect, test } from 'vitest'
import { ACTORS } from './cast.ts'
import { Stage } from './stage.ts'

const NAMES = [
  ...['wrong lane sum', 'replayed old proof', 'griefing verifier', 'Sybil that launders'],
  ...['colluders, true claim', 'stalling solver', 'inconsistent solver'],
]

const stage = await Stage.open()
afterAll(() => stage.close())

test.each(ACTORS.filter(({ name }) => NAMES.includes(name)))('$name: $lie', async (actor) => {
  expect((await stage.trial(actor, 'test')).faults).toEqual([])
})
