/** IEEE 754 binary32 from exact rationals of BigInts: slow, independent of any float hardware, for tests only. */
import type { Block, Word } from './types.ts'

const NAN = 0x7fc00000

/** The exact value `significand * 2^exponent` of a finite word. */
export interface Exact {
  readonly significand: bigint
  readonly exponent: number
}

const sign = (w: Word): number => w >>> 31
const isNan = (w: Word): boolean => (w & 0x7fffffff) > 0x7f800000
const isInf = (w: Word): boolean => (w & 0x7fffffff) === 0x7f800000
const isZero = (w: Word): boolean => (w & 0x7fffffff) === 0
const inf = (s: number): Word => ((s << 31) | 0x7f800000) >>> 0
const zero = (s: number): Word => (s << 31) >>> 0

/** @param w a finite word */
export function exact(w: Word): Exact {
  const field = (w >>> 23) & 255
  const significand = BigInt(field === 0 ? w & 0x7fffff : (w & 0x7fffff) | 0x800000)
  return { significand: sign(w) === 1 ? -significand : significand, exponent: Math.max(field, 1) - 150 }
}

/**
 * The binary32 nearest to `n / d * 2^exponent` (d > 0), ties to even: the quotient on a grid 64 bits finer than any
 * result needs, with a sticky last bit, then one decision.
 */
export function nearest(n: bigint, d: bigint, exponent: number, signOfZero: number): Word {
  if (n === 0n) return zero(signOfZero)
  const s = n < 0n ? 1 : 0
  const size = n < 0n ? -n : n
  const up = BigInt(Math.max(0, 90 + d.toString(2).length - size.toString(2).length))
  let q = ((size << up) / d) * 2n
  if ((size << up) % d !== 0n) q |= 1n
  const scale = exponent - Number(up) - 1
  // The result's unit: 24 bits below the leading one, but not below 2^-149.
  const unit = Math.max(q.toString(2).length + scale - 24, -149)
  const drop = BigInt(unit - scale)
  let kept = q >> drop
  const rest = q - (kept << drop)
  const half = 1n << (drop - 1n)
  if (rest > half || (rest === half && (kept & 1n) === 1n)) kept++
  // The fields add up by themselves, also when rounding carries into the exponent.
  const word = unit === -149 ? Number(kept) : (unit + 149) * 0x800000 + Number(kept)
  return word >= 0x7f800000 ? inf(s) : (word | (s << 31)) >>> 0
}

function fma(a: Word, b: Word, c: Word): Word {
  if (isNan(a) || isNan(b) || isNan(c)) return NAN
  const s = sign(a) ^ sign(b)
  if (isInf(a) || isInf(b)) {
    if (isZero(a) || isZero(b) || (isInf(c) && sign(c) !== s)) return NAN
    return inf(s)
  }
  if (isInf(c)) return c
  const x = exact(a)
  const y = exact(b)
  const z = exact(c)
  const low = Math.min(x.exponent + y.exponent, z.exponent)
  const product = (x.significand * y.significand) << BigInt(x.exponent + y.exponent - low)
  const sum = product + (z.significand << BigInt(z.exponent - low))
  return nearest(sum, 1n, low, product === 0n && s === sign(c) ? s : 0)
}

function fmul(a: Word, b: Word): Word {
  // -0 as addend keeps every sign of zero.
  return fma(a, b, zero(isNan(a) || isNan(b) ? 0 : sign(a) ^ sign(b)))
}

function fdiv(a: Word, b: Word): Word {
  if (isNan(a) || isNan(b)) return NAN
  const s = sign(a) ^ sign(b)
  if (isInf(a)) return isInf(b) ? NAN : inf(s)
  if (isInf(b)) return zero(s)
  if (isZero(b)) return isZero(a) ? NAN : inf(s)
  const x = exact(a)
  const y = exact(b)
  const [n, d] = y.significand < 0n ? [-x.significand, -y.significand] : [x.significand, y.significand]
  return nearest(n, d, x.exponent - y.exponent, s)
}

function fsqrt(a: Word): Word {
  if (isNan(a) || isZero(a)) return isZero(a) ? a : NAN
  if (sign(a) === 1) return NAN
  if (isInf(a)) return a
  const { significand, exponent } = exact(a)
  // A root of 60 bits with a sticky bit below is enough to round to 24.
  const even = exponent % 2 === 0 ? 0 : 1
  const n = significand << BigInt(120 + even)
  let root = 1n << BigInt((n.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (root + n / root) >> 1n
    if (next >= root) break
    root = next
  }
  const sticky = root * root === n ? 0n : 1n
  return nearest(root * 2n + sticky, 1n, (exponent - even - 120) / 2 - 1, 0)
}

/** -1, 0, 1, or undefined if unordered. */
function order(a: Word, b: Word): number | undefined {
  if (isNan(a) || isNan(b)) return undefined
  const key = (w: Word): number => (sign(w) === 1 ? -(w & 0x7fffffff) : w)
  return Math.sign(key(a) - key(b))
}

function f2i(a: Word): Word {
  if (isNan(a)) return 0
  const { significand, exponent } = exact(a)
  const whole = isInf(a) ? significand << 200n : exponent >= 0 ? significand << BigInt(exponent) : undefined
  const value = whole ?? significand / (1n << BigInt(-exponent))
  const bounded = value > 0x7fffffffn ? 0x7fffffffn : value < -0x80000000n ? -0x80000000n : value
  return Number(BigInt.asUintN(32, bounded))
}

const bool = (x: boolean): Word => (x ? 1 : 0)

/** Every block, written without the help of `evaluate`. */
export const INDEPENDENT: Readonly<Record<Block, (a: Word, b: Word, c: Word) => Word>> = {
  fadd: (a, b) => fma(a, 0x3f800000, b),
  fsub: (a, b) => fma(a, 0x3f800000, isNan(b) ? b : (b ^ 0x80000000) >>> 0),
  fmul,
  fdiv,
  fsqrt,
  ffma: fma,
  fmax: (a, b) => (isNan(a) || isNan(b) ? NAN : order(a, b) === 1 || (order(a, b) === 0 && sign(a) === 0) ? a : b),
  flt: (a, b) => bool(order(a, b) === -1),
  fle: (a, b) => bool([-1, 0].includes(order(a, b) ?? 2)),
  feq: (a, b) => bool(order(a, b) === 0),
  iadd: (a, b) => Number(BigInt.asUintN(32, BigInt(a) + BigInt(b))),
  isub: (a, b) => Number(BigInt.asUintN(32, BigInt(a) - BigInt(b))),
  imul: (a, b) => Number(BigInt.asUintN(32, BigInt(a) * BigInt(b))),
  ilt: (a, b) => bool(BigInt.asIntN(32, BigInt(a)) < BigInt.asIntN(32, BigInt(b))),
  ieq: (a, b) => bool(a === b),
  and: (a, b) => Number(BigInt(a) & BigInt(b)),
  or: (a, b) => Number(BigInt(a) | BigInt(b)),
  xor: (a, b) => Number(BigInt(a) ^ BigInt(b)),
  shl: (a, b) => Number(BigInt.asUintN(32, BigInt(a) << BigInt(b % 32))),
  shr: (a, b) => Number(BigInt(a) >> BigInt(b % 32)),
  select: (a, b, c) => (a === 0 ? c : b),
  f2i,
  i2f: (a) => nearest(BigInt.asIntN(32, BigInt(a)), 1n, 0, 0),
  u2f: (a) => nearest(BigInt(a), 1n, 0, 0),
  canon: (a) => (isNan(a) ? NAN : ((a >>> 23) & 255) === 0 ? zero(sign(a)) : a),
}
