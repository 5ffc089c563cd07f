/**
 * The compiled arithmetic of the contracts against its definition in TypeScript, on an EVM: thousands of cases of each
 * block.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Probe, startProbe } from '#contracts/testing/arithmetic.ts'
import { ALL_BLOCKS, codeOf } from '#contracts/testing/block-cases.ts'
import { checkBlock, mostGas } from '#contracts/testing/block-runs.ts'

const SEED = 5_052_021
const CASES = 5000
let probe: Probe

beforeAll(async () => {
  probe = await startProbe()
})
afterAll(() => probe?.stop())

test('the codes are 1 to 30', () => {
  expect(ALL_BLOCKS.map(codeOf)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
})

test.each(ALL_BLOCKS)(`%s, ${CASES} cases (seed ${SEED})`, async (block) => {
  expect(await checkBlock(probe, block, CASES, SEED)).toEqual([])
})

test(`the gas of the dearest cases is what the specification says (seed ${SEED})`, async () => {
  const spec = readFileSync(new URL('../docs/spec/arithmetic.md', import.meta.url), 'utf8')
  const kept = readFileSync(new URL('snapshots/arithmetic.json', import.meta.url), 'utf8')
  const ordinary = JSON.parse(kept) as Readonly<Record<string, string>>
  const section = spec.split(/^## /m).find((part) => part.startsWith('On chain')) ?? ''
  const rows = [...section.matchAll(/^\| `(\w+)` \| ([\d,]+) \| ([\d,]+) \|$/gm)].map(([, ...row]) => row)
  const found: string[][] = []
  for (const block of ALL_BLOCKS) {
    const figures = [Number(ordinary[block]), await mostGas(probe, block, CASES, SEED)]
    found.push([block, ...figures.map((gas) => gas.toLocaleString('en-US'))])
  }
  expect(rows).toEqual(found)
})

test('a difference is found, and named', async () => {
  expect(await probe.check(codeOf('iadd'), Uint32Array.of(1, 2, 0, 3, 1, 2, 0, 4, 1, 2, 0, 3))).toBe(1)
})

test.each([0, 31, 2 ** 31])('there is no block %i', async (code) => {
  await expect(probe.evaluate(code, [0, 0, 0])).rejects.toThrow(`NoBlock(${code})`)
})
