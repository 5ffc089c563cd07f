/**
 * Every decoder, a million cases each (`ASSAY_FUZZ_CASES`) in at most `ASSAY_FUZZ_SECONDS` of computing, from `ASSAY_SEED`.
 * Prints the figures that docs/testing.md records; keeps what fails in test/fuzz/corpus.
 */
import { test } from 'vitest'
import { campaign } from '#test/fuzz/campaign.ts'
import { figuresLine } from '#test/fuzz/figures.ts'
import { TARGETS } from '#test/fuzz/targets/index.ts'

const cases = Number(process.env['ASSAY_FUZZ_CASES'] ?? 1_000_000)
const seconds = Number(process.env['ASSAY_FUZZ_SECONDS'] ?? 1800)
const seed = Number(process.env['ASSAY_SEED'] ?? Math.floor(Math.random() * 2 ** 32))

test.each(TARGETS)(`$name, seed ${seed}`, { timeout: 1000 * (seconds + 600) }, async (target) => {
  process.stdout.write(`${figuresLine(await campaign(target, { cases, seconds, seed, keep: true }))}\n`)
})
