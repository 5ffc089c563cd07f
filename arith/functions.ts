/**
 * The elementary functions as fixed sequences of building blocks, without branches. Each appends its blocks to an
 * assembler and returns the argument that holds its value. Error bounds, block counts and special values:
 * docs/spec/arithmetic.md, Functions. Coefficients: tools/minimax.
 */

import type { Asm } from './assembler.ts'
import { bits, float } from './assembler.ts'
import * as c from './coefficients.ts'
import type { Arg, Word } from './types.ts'

const ONE = float(1)
const INF = bits(0x7f800000)
const SIGN = bits(0x80000000)
const MAGNITUDE = bits(0x7fffffff)

/** 1.5 * 2^23: adding it rounds a small float to the nearest integer n and leaves n in the low bits of the word. */
const MAGIC = float(12582912)
/** e^x overflows above it (log of the largest float). */
const EXP_MAX = bits(0x42b17217)
/** e^x is below 2^-126 under it: such results are +0. */
const EXP_MIN = bits(0xc2aeac4f)

/** x with the sign of x cleared. */
export function abs(p: Asm, x: Arg): Arg {
  return p.emit('and', x, MAGNITUDE)
}

/** -x, for NaN and zeros too (the sign bit flips). */
export function neg(p: Asm, x: Arg): Arg {
  return p.emit('xor', x, SIGN)
}

/** ((k[n] x + k[n-1]) x + ...) x + k[0] by fused multiply-adds. */
function horner(p: Asm, x: Arg, k: readonly Word[]): Arg {
  let sum = bits(k.at(-1)!)
  for (let i = k.length - 2; i >= 0; i--) sum = p.emit('ffma', sum, x, bits(k[i]!))
  return sum
}

/**
 * e^x where the result is normal; NaN for NaN and both infinities.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2; e^r by a polynomial; n is added to the exponent. A NaN stays one: its word
 * in place of the magic sum has no low bits, so nothing is added to it.
 */
function expNormal(p: Asm, x: Arg): Arg {
  const sum = p.emit('ffma', x, bits(c.LOG2E), MAGIC)
  const n = p.emit('fsub', sum, MAGIC)
  const high = p.emit('ffma', n, bits((c.LN2_HIGH ^ 0x80000000) >>> 0), x)
  const r = p.emit('ffma', n, bits((c.LN2_LOW ^ 0x80000000) >>> 0), high)
  const power = horner(p, r, [0x3f800000, 0x3f800000, ...c.EXP])
  const exponent = p.emit('shl', sum, bits(23))
  return p.emit('iadd', power, exponent)
}

/** e^x; +0 where the result would be below 2^-126, +Inf on overflow. */
export function exp(p: Asm, x: Arg): Arg {
  const y = expNormal(p, x)
  const big = p.emit('flt', EXP_MAX, x)
  const small = p.emit('flt', x, EXP_MIN)
  return p.emit('select', small, bits(0), p.emit('select', big, INF, y))
}

/**
 * Natural logarithm; -Inf at zeros, NaN below, correct for subnormal x.
 *
 * x = 2^k (1 + f) with 2/3 <= 1 + f < 4/3: log x = log(1 + f) + k ln 2.
 */
export function log(p: Asm, x: Arg): Arg {
  const subnormal = p.emit('flt', x, bits(0x00800000))
  const scaled = p.emit('select', subnormal, p.emit('fmul', x, float(2 ** 23)), x)
  // k * 2^23 as an integer: the exponent field after 2/3 (0x3f2aaaab) is moved to a power of two.
  const offset = p.emit('and', p.emit('isub', scaled, bits(0x3f2aaaab)), bits(0xff800000))
  const f = p.emit('fsub', p.emit('isub', scaled, offset), ONE)
  const unscaled = p.emit('isub', offset, p.emit('select', subnormal, bits(23 << 23), bits(0)))
  const k = p.emit('fmul', p.emit('i2f', unscaled), float(2 ** -23))
  const near1 = p.emit('ffma', p.emit('fmul', f, f), horner(p, f, c.LOG), f)
  const y = p.emit('ffma', k, bits(c.LN2), near1)
  // Inf and NaN are their own logarithms; zeros and below have none.
  const finite = p.emit('select', p.emit('flt', x, INF), y, x)
  const none = p.emit('select', p.emit('feq', x, bits(0)), bits(0xff800000), bits(0x7fc00000))
  return p.emit('select', p.emit('fle', x, bits(0)), none, finite)
}

/** `small` where |x| is below the threshold, `large` elsewhere, with the sign of x: both are functions of |x|. */
function odd(p: Asm, x: Arg, size: Arg, threshold: Word, small: Arg, large: Arg): Arg {
  const value = p.emit('select', p.emit('flt', size, bits(threshold)), small, large)
  return p.emit('or', value, p.emit('and', x, SIGN))
}

/** The smaller of x and a constant; NaN stays NaN. */
function atMost(p: Asm, x: Arg, limit: Arg): Arg {
  return p.emit('select', p.emit('flt', limit, x), limit, x)
}

/** Hyperbolic tangent: an odd polynomial near 0, 1 - 2 / (e^(2|x|) + 1) beyond. */
export function tanh(p: Asm, x: Arg): Arg {
  const size = abs(p, x)
  const square = p.emit('fmul', size, size)
  const small = p.emit('ffma', p.emit('fmul', horner(p, square, c.TANH), square), size, size)
  const bounded = atMost(p, size, float(10))
  const e = expNormal(p, p.emit('fadd', bounded, bounded))
  const large = p.emit('fsub', ONE, p.emit('fdiv', float(2), p.emit('fadd', e, ONE)))
  return odd(p, x, size, c.TANH_SMALL, small, large)
}

/** Error function: an odd polynomial near 0, 1 - e^(-polynomial) beyond. */
export function erf(p: Asm, x: Arg): Arg {
  const size = abs(p, x)
  const square = p.emit('fmul', size, size)
  const small = p.emit('ffma', horner(p, square, c.ERF), size, size)
  const bounded = atMost(p, size, bits(c.ERF_LARGE))
  const exponent = p.emit('ffma', horner(p, bounded, c.ERFC), bounded, bounded)
  const large = p.emit('fsub', ONE, expNormal(p, neg(p, exponent)))
  return odd(p, x, size, c.ERF_SMALL, small, large)
}

/**
 * sin(x + quarters pi / 2) for x >= 0 without its sign; NaN above 65536.
 *
 * x = n pi / 2 + r with |r| <= pi / 4: the first of the three steps that take n pi / 2 away is exact. n mod 4 says which
 * polynomial, and with which sign.
 */
function circular(p: Asm, x: Arg, quarters: 0 | 1): Arg {
  const sum = p.emit('ffma', x, bits(c.TWO_OVER_PI), MAGIC)
  const n = p.emit('fsub', sum, MAGIC)
  const minus = (word: Word): Arg => bits((word ^ 0x80000000) >>> 0)
  const high = p.emit('ffma', n, minus(c.HALF_PI_HIGH), x)
  const middle = p.emit('ffma', n, minus(c.HALF_PI_MIDDLE), high)
  const r = p.emit('ffma', n, minus(c.HALF_PI_LOW), middle)
  const square = p.emit('fmul', r, r)
  const sine = p.emit('ffma', p.emit('fmul', horner(p, square, c.SIN), square), r, r)
  const inner = p.emit('ffma', horner(p, square, c.COS), square, float(-0.5))
  const cosine = p.emit('ffma', inner, square, ONE)
  const turn = quarters === 0 ? sum : p.emit('iadd', sum, bits(quarters))
  const value = p.emit('select', p.emit('and', turn, bits(1)), cosine, sine)
  const sign = p.emit('shl', p.emit('and', turn, bits(2)), bits(30))
  const signed = p.emit('xor', value, sign)
  return p.emit('select', p.emit('fle', x, bits(c.TRIGONOMETRIC_MAX)), signed, bits(0x7fc00000))
}

/** Sine of x in radians; NaN where |x| > 65536. */
export function sin(p: Asm, x: Arg): Arg {
  const value = circular(p, abs(p, x), 0)
  return p.emit('xor', value, p.emit('and', x, SIGN))
}

/** Cosine of x in radians; NaN where |x| > 65536. */
export function cos(p: Asm, x: Arg): Arg {
  return circular(p, abs(p, x), 1)
}

/** log x in two parts, the second below the last place of the first, for normal x > 0. */
function logParts(p: Asm, x: Arg): { high: Arg; low: Arg } {
  // x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), which keeps f^3 small beside the logarithm.
  const offset = p.emit('and', p.emit('isub', x, bits(c.SQRT_HALF)), bits(0xff800000))
  const f = p.emit('fsub', p.emit('isub', x, offset), ONE)
  const k = p.emit('fmul', p.emit('i2f', offset), float(2 ** -23))
  // log(1 + f) = near + rest: f - f^2 / 2 with the rounding errors of both terms kept, then the higher powers.
  const square = p.emit('fmul', f, f)
  const squareRest = p.emit('ffma', f, f, neg(p, square))
  const near = p.emit('ffma', square, float(-0.5), f)
  const nearRest = p.emit('ffma', square, float(-0.5), p.emit('fsub', f, near))
  const cube = p.emit('fmul', square, f)
  const powers = p.emit('ffma', cube, horner(p, f, c.LOG_WIDE), nearRest)
  const rest = p.emit('ffma', squareRest, float(-0.5), powers)
  // k ln 2 in two parts, the first exact.
  const shift = p.emit('fmul', k, bits(c.LN2_HIGH))
  const sum = p.emit('fadd', shift, near)
  const sumRest = p.emit('fadd', p.emit('fsub', shift, sum), near)
  const small = p.emit('ffma', k, bits(c.LN2_LOW), p.emit('fadd', sumRest, rest))
  const high = p.emit('fadd', sum, small)
  return { high, low: p.emit('fadd', p.emit('fsub', sum, high), small) }
}

/**
 * x^y for x >= 0; NaN for x < 0 and where an argument is NaN. x below 2^-126 counts as 0. x^0 is 1 at 0 and infinity too;
 * 0 and infinity to other powers are 0 or infinity.
 *
 * e^(y log x), with log x and the product in two parts each.
 */
export function pow(p: Asm, x: Arg, y: Arg): Arg {
  const { high, low } = logParts(p, x)
  const plain = p.emit('fmul', y, high)
  const rest = p.emit('ffma', y, low, p.emit('ffma', y, high, neg(p, plain)))
  // At 0 and at infinity log x is infinite.
  const infinite = p.emit('feq', x, INF)
  const ends = p.emit('or', infinite, p.emit('flt', x, bits(0x00800000)))
  const atEnds = p.emit('fmul', p.emit('select', infinite, y, neg(p, y)), INF)
  const product = p.emit('select', ends, atEnds, plain)
  const sum = p.emit('ffma', product, bits(c.LOG2E), MAGIC)
  const n = p.emit('fsub', sum, MAGIC)
  const first = p.emit('ffma', n, bits((c.LN2_HIGH ^ 0x80000000) >>> 0), product)
  const second = p.emit('ffma', n, bits((c.LN2_LOW ^ 0x80000000) >>> 0), first)
  const power = horner(p, p.emit('fadd', second, rest), [0x3f800000, 0x3f800000, ...c.EXP])
  const value = p.emit('iadd', power, p.emit('shl', sum, bits(23)))
  const big = p.emit('select', p.emit('flt', EXP_MAX, product), INF, value)
  const bounded = p.emit('select', p.emit('flt', product, EXP_MIN), bits(0), big)
  const chosen = p.emit('select', p.emit('feq', y, bits(0)), ONE, bounded)
  return p.emit('select', p.emit('fle', bits(0), x), chosen, bits(0x7fc00000))
}

/** 1 / sqrt(x), two roundings; +-Inf at +-0, NaN below. */
export function rsqrt(p: Asm, x: Arg): Arg {
  return p.emit('fdiv', ONE, p.emit('fsqrt', x))
}

/** Logistic function 1 / (1 + e^-x). */
export function sigmoid(p: Asm, x: Arg): Arg {
  return p.emit('fdiv', ONE, p.emit('fadd', exp(p, neg(p, x)), ONE))
}

/** Distribution function of the standard normal, (1 + erf(x / sqrt 2)) / 2. */
export function normalCdf(p: Asm, x: Arg): Arg {
  const e = erf(p, p.emit('fmul', x, bits(c.SQRT_HALF)))
  return p.emit('ffma', e, float(0.5), float(0.5))
}

/** Density of the standard normal, e^(-x^2/2) / sqrt(2 pi). */
export function normalPdf(p: Asm, x: Arg): Arg {
  const e = exp(p, p.emit('fmul', p.emit('fmul', x, x), float(-0.5)))
  return p.emit('fmul', e, bits(c.INV_SQRT_2PI))
}

/** x times the distribution function of the standard normal (the exact GELU, not its tanh approximation). */
export function gelu(p: Asm, x: Arg): Arg {
  return p.emit('fmul', x, normalCdf(p, x))
}

/** Derivative of `gelu`: cdf(x) + x pdf(x). */
export function geluGradient(p: Asm, x: Arg): Arg {
  const density = normalPdf(p, x)
  return p.emit('ffma', x, density, normalCdf(p, x))
}
