/** Ten million cases of the fused multiply-add, and a million of every other block, against exact rationals. */
import { expect, test } from 'vitest'
import { ARITY, BLOCK_CODE, BLOCKS, evaluate } from './blocks.ts'
import { fmaOperands, nasty, words } from './testing.ts'
import { INDEPENDENT } from './testing-binary32.ts'

const SEED = 5_552_024

test(`ffma, 10,000,000 cases (seed ${SEED})`, { timeout: 3_600_000 }, () => {
  const next = words(SEED)
  for (let i = 0; i < 10_000_000; i++) {
    const args = fmaOperands(next, i)
    const [result, wanted] = [evaluate('ffma', args), INDEPENDENT.ffma(...args)]
    if (result !== wanted) expect({ args, result }).toEqual({ args, result: wanted })
  }
})

test.each(BLOCKS)(`%s, 1,000,000 cases (seed ${SEED})`, { timeout: 3_600_000 }, (block) => {
  const next = words(SEED + BLOCK_CODE[block])
  for (let i = 0; i < 1_000_000; i++) {
    const [a, b, c] = [nasty(next), nasty(next), nasty(next)]
    const args = [a, b, c].slice(0, ARITY[block])
    const [result, wanted] = [evaluate(block, args), INDEPENDENT[block](a, b, c)]
    if (result !== wanted) expect({ args, result }).toEqual({ args, result: wanted })
  }
})
