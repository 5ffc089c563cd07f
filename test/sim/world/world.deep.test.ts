/** Many worlds: `ASSAY_SIM_RUNS=n` says how many. */
import { expect, test } from 'vitest'
import { ChainPool } from '#test/sim/world/chain.ts'
import { figures, live, seeds } from '#test/sim/world/seeds.ts'
import type { Report } from '#test/sim/world/world.ts'

test('jobs end as they must', { timeout: 7_000_000 }, async () => {
  const pool = await ChainPool.start()
  const reports: Report[] = []
  try {
    for (const seed of seeds(1_000)) reports.push(await live(pool, seed))
  } finally {
    await pool.stop()
    console.log(JSON.stringify(figures(reports)))
  }
  for (const { seed, phase, liar } of reports) expect([seed, phase]).toEqual([seed, liar ? phase : 'settled'])
})
