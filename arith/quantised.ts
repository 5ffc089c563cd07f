/**
 * Quantised contraction: rows and columns become scaled integers, whose products sum exactly in any order
 * (docs/spec/arithmetic.md, Quantised orders).
 */
import { NAN } from './blocks.ts'
import type { Order, QuantisedBlock, QuantisedOrder, Word } from './types.ts'

/** Loop positions that share a scale and an exact sum. */
export const QUANTISED_BLOCK = 256

/**
 * Largest magnitude of a quantised value. 127 * 256 + 127 is what two signed bytes hold symmetrically. The other one is
 * the largest whose sums over a block stay within 2^53, exact in binary64 as well; it takes three signed bytes.
 */
export const QUANTISED_BOUND: Readonly<Record<QuantisedOrder, number>> = { q16: 32_639, q24: 5_931_641 }

/** Number of arguments of each block. */
export const QUANTISED_ARITY: Readonly<Record<QuantisedBlock, 2 | 3>> = { qshift: 2, f2q: 2, q2f: 3, imulh: 2, ult: 2 }

/** Byte code of each block where a micro-step is encoded; they follow those of `BLOCK_CODE`, never reused. */
export const QUANTISED_CODE: Readonly<Record<QuantisedBlock, number>> = {
  qshift: 26,
  f2q: 27,
  q2f: 28,
  imulh: 29,
  ult: 30,
}

export function isQuantised(order: Order): order is QuantisedOrder {
  return order === 'q16' || order === 'q24'
}

/**
 * The dot product of two vectors of binary32 values, as the element of a quantised contraction before `finish`.
 * @returns a binary32 value; +0 for empty vectors
 */
export function quantisedDot(order: QuantisedOrder, a: Float32Array, b: Float32Array): number {
  let total = 0
  for (let start = 0; start < a.length; start += QUANTISED_BLOCK) {
    const end = start + QUANTISED_BLOCK
    const value = blockValue(a.subarray(start, end), b.subarray(start, end), QUANTISED_BOUND[order])
    total = start === 0 ? value : Math.fround(total + value)
  }
  return total
}

function blockValue(a: Float32Array, b: Float32Array, bound: number): number {
  const [largestA, largestB] = [maxMagnitude(a), maxMagnitude(b)]
  if (!(largestA < Number.POSITIVE_INFINITY && largestB < Number.POSITIVE_INFINITY)) return Number.NaN
  const [shiftA, shiftB] = [shiftOf(largestA, bound), shiftOf(largestB, bound)]
  const [scaleA, scaleB] = [powerOfTwo(shiftA), powerOfTwo(shiftB)]
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += nearest(a[i]! * scaleA) * nearest(b[i]! * scaleB)
  // The sum and its scale are exact, so this rounds once.
  return Math.fround(sum * powerOfTwo(-shiftA - shiftB))
}

/** The largest magnitude; NaN if any value is NaN, 0 for an empty vector. */
function maxMagnitude(x: Float32Array): number {
  let largest = 0
  for (let i = 0; i < x.length; i++) largest = Math.max(largest, Math.abs(x[i]!))
  return largest
}

/**
 * The largest s such that |rne(largest * 2^s)| <= bound; 0 if `largest` is 0 or not finite.
 * @param largest a binary32 magnitude
 * @param bound an integer below 2^32
 */
export function shiftOf(largest: number, bound: number): number {
  if (!(largest > 0 && largest < Number.POSITIVE_INFINITY)) return 0
  f64[0] = largest
  const exponent = (halves[HIGH]! >>> 20) - 1023
  // 1 <= fraction < 2. What rounds to at most `bound` is at most bound + 1/2, which itself rounds to the even neighbour.
  const fraction = largest * powerOfTwo(-exponent)
  const limit = 2 * bound + 1
  const top = 32 - Math.clz32(bound)
  const reached = fraction * powerOfTwo(top)
  const fits = reached < limit || (reached === limit && bound % 2 === 0)
  return top - 1 - exponent - (fits ? 0 : 1)
}

const f64 = new Float64Array(1)
/** Its words: the sign and exponent lie in `halves[HIGH]`. */
const halves = new Uint32Array(f64.buffer)
f64[0] = 1
const HIGH = halves[0] === 0 ? 1 : 0

/** 2^n for -1022 <= n <= 1023. */
function powerOfTwo(n: number): number {
  halves[1 - HIGH] = 0
  halves[HIGH] = (n + 1023) << 20
  return f64[0]!
}

/** The nearest integer, ties to even, for |x| <= 2^51. */
function nearest(x: number): number {
  const magic = 1.5 * 2 ** 52
  return x + magic - magic
}

const word = new Uint32Array(1)
const single = new Float32Array(word.buffer)

function floatOf(bits: Word): number {
  word[0] = bits
  return single[0]!
}

/** The word of a binary32 value, NaN canonical. */
export function wordOf(value: number): Word {
  single[0] = value
  return Number.isNaN(value) ? NAN : word[0]!
}

/** Beyond this shift every finite value but 0 saturates, or rounds to 0. */
const FAR = 400
const clampShift = (shift: Word): number => Math.min(Math.max(shift | 0, -FAR), FAR)

export function isQuantisedBlock(block: string): block is QuantisedBlock {
  return Object.hasOwn(QUANTISED_ARITY, block)
}

/** The value of one block: words in, a word out. */
export function evaluateQuantised(block: QuantisedBlock, args: readonly Word[]): Word {
  if (args.length !== QUANTISED_ARITY[block]) throw new RangeError(`${block} takes ${QUANTISED_ARITY[block]} words`)
  return MEANING[block](args[0]!, args[1]!, args[2] ?? 0)
}

/** The meaning of each block, total over all words (docs/spec/arithmetic.md, Quantised orders). */
const MEANING: Readonly<Record<QuantisedBlock, (a: Word, b: Word, c: Word) => Word>> = {
  qshift: (a, b) => shiftOf(Math.abs(floatOf(a)), b) >>> 0,
  f2q: (a, b) => {
    const scaled = floatOf(a) * powerOfTwo(clampShift(b))
    // Beyond 2^31 there is nothing left to round. NaN compares as neither.
    if (scaled >= 0x80000000) return 0x7fffffff
    if (scaled <= -0x80000000) return 0x80000000
    return Number.isNaN(scaled) ? 0 : Math.min(nearest(scaled), 0x7fffffff) >>> 0
  },
  q2f: (a, b, c) => {
    const value = BigInt.asIntN(64, (BigInt(a) << 32n) | BigInt(b))
    const magnitude = value < 0n ? -value : value
    // To 53 bits, rounded to odd: one more rounding, to 24 bits or fewer, then equals rounding once.
    const excess = Math.max(magnitude.toString(2).length - 53, 0)
    const kept = magnitude >> BigInt(excess)
    const odd = kept << BigInt(excess) === magnitude ? kept : kept | 1n
    const rounded = Math.fround(Number(odd) * powerOfTwo(excess) * powerOfTwo(-clampShift(c)))
    return wordOf(value < 0n ? -rounded : rounded)
  },
  imulh: (a, b) => Number(BigInt.asUintN(32, (BigInt(a | 0) * BigInt(b | 0)) >> 32n)),
  ult: (a, b) => (a >>> 0 < b >>> 0 ? 1 : 0),
}
