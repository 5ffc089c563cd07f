/**
 * Decimal text to binary32, correctly rounded: the nearest binary32, ties to even.
 *
 * `Math.fround(Number(text))` rounds twice and is wrong where the binary64 lands exactly between two binary32 values
 * although the text does not (1.00000005960464477539062500001 gives 1 instead of 1 + 2^-23). Rounding is monotonic, so that is
 * the only case; there the text is compared with the midpoint in exact integers.
 */
import { fail } from '#proto/errors.ts'

/** Longest number accepted; it bounds the exact comparison too. */
export const MAX_DECIMAL = 64

const DECIMAL = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,4}))?$/
const MIN_NORMAL = 2 ** -126
/** The 29 bits of a binary64 mantissa that binary32 lacks, and their midpoint. */
const DROPPED = 0x1fffffffn
const MIDPOINT = 0x10000000n

const view = new DataView(new ArrayBuffer(8))

/**
 * The bits of `text` as binary32. Only normal numbers and zeros are representable in a data set: what overflows, or is not
 * zero but smaller than 2^-126, is an error, as are NaN and infinities.
 * @throws AssayError `bad-data` saying what is wrong with the text
 */
export function decimalBits(text: string): number {
  if (text.length > MAX_DECIMAL) fail('bad-data', `a number has at most ${MAX_DECIMAL} characters`)
  const match = DECIMAL.exec(text)
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match ?? []
  if (!match || whole.length + fraction.length === 0) fail('bad-data', `"${text}" is not a decimal number`)
  const digits = BigInt(whole + fraction)
  const double = Math.abs(Number(text))
  let single = Math.fround(double)
  if (isMidpoint(double)) single = resolve(double, single, digits, Number(exponent) - fraction.length)
  if (single === Number.POSITIVE_INFINITY) fail('bad-data', `"${text}" is too large for a 32-bit float`)
  if (double < MIN_NORMAL && digits !== 0n) {
    fail('bad-data', `"${text}" is too small for a 32-bit float: write 0 or scale the column`)
  }
  view.setFloat32(0, sign === '-' ? -single : single)
  return view.getUint32(0)
}

function isMidpoint(double: number): boolean {
  if (double < MIN_NORMAL || double === Number.POSITIVE_INFINITY) return false
  view.setFloat64(0, double)
  return (view.getBigUint64(0) & DROPPED) === MIDPOINT
}

/** The right neighbour of a midpoint: below it, above it, or on a true tie the even one, which is `tie` already. */
function resolve(midpoint: number, tie: number, digits: bigint, exponent: number): number {
  const order = compare(digits, exponent, midpoint)
  if (order === 0) return tie
  view.setFloat32(0, tie)
  const bits = view.getUint32(0)
  if (order < 0) view.setUint32(0, tie > midpoint ? bits - 1 : bits)
  else view.setUint32(0, tie < midpoint ? bits + 1 : bits)
  return view.getFloat32(0)
}

/** Sign of `digits * 10^exponent - double`, exactly. Both are within the range of binary32 here, so the powers are small. */
function compare(digits: bigint, exponent: number, double: number): number {
  view.setFloat64(0, double)
  const bits = view.getBigUint64(0)
  const mantissa = (bits & 0xfffffffffffffn) | 0x10000000000000n
  const power = Number(bits >> 52n) - 1075
  const left = digits * (exponent > 0 ? 10n ** BigInt(exponent) : 1n) * (power < 0 ? 2n ** BigInt(-power) : 1n)
  const right = mantissa * (exponent < 0 ? 10n ** BigInt(-exponent) : 1n) * (power > 0 ? 2n ** BigInt(power) : 1n)
  return left < right ? -1 : left > right ? 1 : 0
}
