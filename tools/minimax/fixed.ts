/** Elementary functions in BigInt fixed point with 256 fraction bits: the reference from which coefficients come. */

export const FRACTION = 256
const BITS = BigInt(FRACTION)
export const ONE = 1n << BITS

export const mul = (a: bigint, b: bigint): bigint => (a * b) >> BITS
export const div = (a: bigint, b: bigint): bigint => (a << BITS) / b
export const abs = (a: bigint): bigint => (a < 0n ? -a : a)

/** The exact fixed-point value of a finite number whose bits all lie above 2^-256. */
export function fixed(value: number): bigint {
  let scale = 0n
  while (!Number.isInteger(value)) {
    value *= 2
    scale++
  }
  return (BigInt(value) << BITS) >> scale
}

/** The nearest double; for printing only. */
export function approximate(x: bigint): number {
  return Number(x >> (BITS - 200n)) / 2 ** 200
}

/** The binary32 nearest to x (ties to even), as a number. The magnitude must be normal. */
export function toFloat32(x: bigint): number {
  const magnitude = abs(x)
  const length = magnitude.toString(2).length
  const drop = BigInt(Math.max(length - 24, 0))
  let kept = magnitude >> drop
  const rest = magnitude - (kept << drop)
  const half = drop === 0n ? 1n : 1n << (drop - 1n)
  if (rest > half || (rest === half && (kept & 1n) === 1n)) kept++
  const value = Number(kept) * 2 ** (Number(drop) - FRACTION)
  return x < 0n ? -value : value
}

/** Floor of the square root of a fixed-point value. */
export function sqrt(x: bigint): bigint {
  const n = x << BITS
  if (n === 0n) return 0n
  let guess = 1n << BigInt((n.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (guess + n / guess) >> 1n
    if (next >= guess) return guess
    guess = next
  }
}

/** e^x: Taylor's series at x / 2^16, squared 16 times. */
export function exp(x: bigint): bigint {
  const guard = 64n
  const one = ONE << guard
  const bits = BITS + guard
  const reduced = (x << guard) >> 16n
  let sum = one
  let term = one
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    term = ((term * reduced) >> bits) / n
    sum += term
  }
  for (let i = 0; i < 16; i++) sum = (sum * sum) >> bits
  return sum >> guard
}

/** Natural logarithm of x > 0: 2 atanh((m - 1) / (m + 1)) + k ln 2 with m in 1/2..1. */
export function log(x: bigint): bigint {
  const k = BigInt(x.toString(2).length) - BITS
  const m = k > 0n ? x >> k : x << -k
  return logNear1(m) + k * LN2
}

function logNear1(m: bigint): bigint {
  const z = div(m - ONE, m + ONE)
  const z2 = mul(z, z)
  let sum = 0n
  let power = z
  for (let n = 1n; power !== 0n && power !== -1n; n += 2n) {
    sum += power / n
    power = mul(power, z2)
  }
  return 2n * sum
}

export const LN2 = -logNear1(ONE >> 1n)

/** Machin: 16 atan(1/5) - 4 atan(1/239). */
export const PI = 16n * atanInverse(5n) - 4n * atanInverse(239n)

function atanInverse(d: bigint): bigint {
  let power = ONE / d
  let sum = power
  for (let n = 3n, sign = -1n; power !== 0n; n += 2n, sign = -sign) {
    power /= d * d
    sum += (sign * power) / n
  }
  return sum
}

export function tanh(x: bigint): bigint {
  const e = exp(2n * x)
  return div(e - ONE, e + ONE)
}

/** 2/sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!: all terms have one sign. */
export function erf(x: bigint): bigint {
  const x2 = mul(x, x)
  let term = x
  let sum = x
  for (let n = 3n; term !== 0n && term !== -1n; n += 2n) {
    term = (2n * mul(term, x2)) / n
    sum += term
  }
  return div(2n * mul(exp(-x2), sum), sqrt(PI))
}

/** x less the nearest multiple of pi / 2, and that multiple mod 4. */
function quarter(x: bigint): [rest: bigint, turns: number] {
  const half = PI >> 1n
  const turns = (2n * x + half) / (2n * half) - (2n * x + half < 0n ? 1n : 0n)
  return [x - turns * half, Number(((turns % 4n) + 4n) % 4n)]
}

/** The Taylor series of sine or cosine for |x| < 1, from its first term on. */
function series(x: bigint, first: bigint, start: bigint): bigint {
  const x2 = mul(x, x)
  let term = first
  let sum = first
  for (let n = start; term !== 0n && term !== -1n; n += 2n) {
    term = -mul(term, x2) / (n * (n + 1n))
    sum += term
  }
  return sum
}

export function sin(x: bigint): bigint {
  const [rest, turns] = quarter(x)
  const value = turns % 2 === 0 ? series(rest, rest, 2n) : series(rest, ONE, 1n)
  return turns < 2 ? value : -value
}

export const cos = (x: bigint): bigint => sin(x + (PI >> 1n))
