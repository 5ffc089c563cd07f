/**
 * Ten million cases of every block: the compiled arithmetic of the contracts against its definition in TypeScript.
 * `ASSAY_CASES` sets another number.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Probe, startProbe } from '#contracts/testing/arithmetic.ts'
import { ALL_BLOCKS } from '#contracts/testing/block-cases.ts'
import { checkBlock } from '#contracts/testing/block-runs.ts'

const SEED = 30_052_021
const CASES = Number(process.env['ASSAY_CASES'] ?? 10_000_000)
let probe: Probe

beforeAll(async () => {
  probe = await startProbe()
})
afterAll(() => probe?.stop())

test.each(ALL_BLOCKS)(`%s, ${CASES} cases (seed ${SEED})`, { timeout: 3_600_000 }, async (block) => {
  const start = performance.now()
  expect(await checkBlock(probe, block, CASES, SEED)).toEqual([])
  console.log(`${block}: ${CASES} cases, ${((performance.now() - start) / 1000).toFixed(0)} s`)
})
