/** Many worlds. `ASSAY_SIM_RUNS=n`: how many. */
import { expect, test } from 'vitest'
import { figures, liveAll } from '#test/sim/world/seeds.ts'

test('jobs end as they must', { timeout: 7_000_000 }, async () => {
  const reports = await liveAll(1, Number(process.env['ASSAY_SIM_RUNS'] ?? 1_000))
  for (const { seed, phase, liar } of reports) expect([seed, phase]).toEqual([seed, liar ? phase : 'settled'])
  console.log(JSON.stringify(figures(reports)))
})
