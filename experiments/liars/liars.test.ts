/** Some of the liars, at the contracts: they lose, and nobody else. All of them: liars.deep.test.ts, and the experiment. */
import { afterAll, expect, test } from 'vitest'
import { ACTORS } from './cast.ts'
import { Stage } from './stage.ts'

const NAMES = [
  ...[
    'forged entry',
    'replayed old proof',
    'wrong lane sum',
    'colluders that hide sums',
    'two-faced partner',
    'griefing verifier',
    'Sybil that launders',
  ],
  ...['colluders, true claim', 'attack on a partner', 'stalling solver', 'eight Sybils', 'inconsistent solver'],
]

const stage = await Stage.open()
afterAll(() => stage.close())

test.each(ACTORS.filter(({ name }) => NAMES.includes(name)))('$name: $lie', async (actor) => {
  expect((await stage.trial(actor, 'test')).faults).toEqual([])
})
