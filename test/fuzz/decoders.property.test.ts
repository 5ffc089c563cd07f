/** Every decoder, some thousand cases each from one seed: see test/fuzz/target.ts for the properties, docs/testing.md for more. */
import { expect, test } from 'vitest'
import { campaign } from '#test/fuzz/campaign.ts'
import { TARGETS } from '#test/fuzz/targets/index.ts'

/** Cases of a quick decoder. */
const CASES = 2400
const seed = Number(process.env['ASSAY_SEED'] ?? 1)

test.each(TARGETS)(`$name, seed ${seed}`, async (target) => {
  const cases = Math.ceil(CASES / (target.slowness ?? 1))
  const figures = await campaign(target, { cases, seed })
  expect(figures.cases).toBe(cases)
  expect(figures.accepted).toBeGreaterThan(0)
})
