/** Whole worlds: every role's real code on the real contracts, with everything going wrong that a seed can draw. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ChainPool } from '#test/sim/world/chain.ts'
import { figures, live, seeds } from '#test/sim/world/seeds.ts'
import type { Report } from '#test/sim/world/world.ts'

let pool: ChainPool
const reports: Report[] = []

beforeAll(async () => {
  pool = await ChainPool.start()
})

afterAll(() => pool.stop())

/** A world takes a second, on a machine that is busy with other work many. */
const timeout = 900_000

test('jobs end as they must in the worlds of the first seeds', { timeout }, async () => {
  for (const seed of seeds(6)) reports.push(await live(pool, seed))
  for (const { seed, phase, liar } of reports) expect([seed, phase]).toEqual([seed, liar ? phase : 'settled'])
  console.log(JSON.stringify(figures(reports)))
})

test('a seed replays exactly: the same events at the same moments, whatever was simulated before', {
  timeout,
}, async () => {
  const [first] = reports as [Report, ...Report[]]
  expect(await live(pool, first.seed)).toEqual(first)
})
