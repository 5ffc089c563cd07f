import { expect, test } from 'vitest'
import { ARITY, BLOCK_CODE, BLOCKS, canonical, evaluate } from './blocks.ts'
import { fmaOperands, nasty, words } from './testing.ts'
import { INDEPENDENT } from './testing-binary32.ts'

const SEED = 20_240_611
const CASES = Number(process.env['ASSAY_CASES'] ?? 20_000)

test('codes are the positions in the list, from 1', () => {
  expect(BLOCKS.map((block) => BLOCK_CODE[block])).toEqual(BLOCKS.map((_, i) => i + 1))
  expect(BLOCKS.length).toBe(25)
})

test.each(BLOCKS)(`%s equals its independent definition (seed ${SEED})`, (block) => {
  const next = words(SEED + BLOCK_CODE[block])
  for (let i = 0; i < CASES; i++) {
    const [a, b, c] = [nasty(next), nasty(next), nasty(next)]
    const args = [a, b, c].slice(0, ARITY[block])
    const result = evaluate(block, args)
    const wanted = INDEPENDENT[block](a, b, c)
    if (result !== wanted) expect({ args: args.map(hex), result: hex(result) }).toEqual({ result: hex(wanted) })
  }
})

test(`ffma where it hurts: ties, cancellation, both ends of the range (seed ${SEED})`, () => {
  const next = words(SEED)
  for (let i = 0; i < 4 * CASES; i++) {
    const args = fmaOperands(next, i)
    const result = evaluate('ffma', args)
    const wanted = INDEPENDENT.ffma(...args)
    if (result !== wanted) expect({ args: args.map(hex), result: hex(result) }).toEqual({ result: hex(wanted) })
  }
})

test(`quotients and roots around midpoints and on the subnormal grid (seed ${SEED})`, () => {
  const next = words(SEED)
  for (let i = 0; i < CASES; i++) {
    // q * b rounded, divided by b again: near midpoints; small exponents make the quotient subnormal.
    const b = ((next() & 0x007fffff) | ((100 + (next() % 50)) << 23)) >>> 0
    const q = i % 2 === 0 ? next() & 0x00ffffff : ((next() & 0x007fffff) | (127 << 23)) >>> 0
    const a = evaluate('fmul', [q, b])
    expect(evaluate('fdiv', [a, b])).toBe(INDEPENDENT.fdiv(a, b, 0))
    const square = evaluate('fmul', [b, b])
    for (const x of [square, square + 1, square - 1]) expect(evaluate('fsqrt', [x])).toBe(INDEPENDENT.fsqrt(x, 0, 0))
  }
})

test('fma is not mul then add: 1 + 2^-12 squared less 1', () => {
  expect(evaluate('ffma', [0x3f800800, 0x3f800800, 0xbf800000])).toBe(0x3a000400)
  expect(evaluate('fadd', [evaluate('fmul', [0x3f800800, 0x3f800800]), 0xbf800000])).toBe(0x3a000000)
})

test('a wrong number of words is refused', () => {
  expect(() => evaluate('fadd', [0])).toThrow(/takes 2/)
})

test('canonical is canon', () => {
  const next = words(SEED)
  for (let i = 0; i < CASES; i++) {
    const word = nasty(next)
    expect(canonical(word)).toBe(evaluate('canon', [word]))
  }
})

const hex = (word: number): string => `0x${word.toString(16)}`
