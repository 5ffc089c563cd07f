/** Every liar, at the contracts, with lies at several places: they lose, and nobody else. */
import { afterAll, describe, expect, test } from 'vitest'
import { ACTORS } from './cast.ts'
import { Stage } from './stage.ts'

const stage = await Stage.open()
afterAll(() => stage.close())

describe.each(['2', '3'])('seed %s', (seed) => {
  test.each(ACTORS)('$name: $lie', async (actor) => {
    expect((await stage.trial(actor, seed)).faults).toEqual([])
  })
})
