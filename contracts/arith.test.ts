/** The compiled arithmetic of the contracts against its definition in TypeScript, on an EVM: thousands of cases of each block. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Probe, startProbe } from '#contracts/testing/arithmetic.ts'
import { ALL_BLOCKS, codeOf } from '#contracts/testing/block-cases.ts'
import { checkBlock } from '#contracts/testing/block-runs.ts'

const SEED = 5_052_021
let probe: Probe

beforeAll(async () => {
  probe = await startProbe()
})
afterAll(() => probe?.stop())

test('the codes are 1 to 30', () => {
  expect(ALL_BLOCKS.map(codeOf)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
})

test.each(ALL_BLOCKS)(`%s, 5,000 cases (seed ${SEED})`, async (block) => {
  expect(await checkBlock(probe, block, 5000, SEED)).toEqual([])
})

test('a difference is found, and named', async () => {
  expect(await probe.check(codeOf('iadd'), Uint32Array.of(1, 2, 0, 3, 1, 2, 0, 4, 1, 2, 0, 3))).toBe(1)
})

test.each([0, 31, 2 ** 31])('there is no block %i', async (code) => {
  await expect(probe.evaluate(code, [0, 0, 0])).rejects.toThrow(`NoBlock(${code})`)
})
