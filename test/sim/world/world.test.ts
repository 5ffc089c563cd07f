/** Whole worlds: every role's real code on the real contracts, with everything going wrong that a seed can draw. */
import { expect, test } from 'vitest'
import { figures, liveAll } from '#test/sim/world/seeds.ts'

test('jobs end as they must in the worlds of the first seeds', async () => {
  const reports = await liveAll(1, 8)
  for (const { seed, phase, liar } of reports) expect([seed, phase]).toEqual([seed, liar ? phase : 'settled'])
  console.log(JSON.stringify(figures(reports)))
})

test('a seed replays exactly: the same events at the same moments, whatever was simulated before', async () => {
  const [first] = await liveAll(2, 2)
  const reports = await liveAll(1, 2)
  expect(reports.at(-1)).toEqual(first)
})
