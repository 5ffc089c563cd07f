/** Quantised contraction from exact rationals of BigInts: slow, independent of quantised.ts, for tests only. */
import { nasty } from './testing.ts'
import { exact, INDEPENDENT, nearest } from './testing-binary32.ts'
import type { QuantisedBlock, QuantisedOrder, Word } from './types.ts'

const NAN = 0x7fc00000
const finite = (w: Word): boolean => (w & 0x7f800000) !== 0x7f800000

/** The integer nearest to w * 2^shift, ties to even. */
function scaled(w: Word, shift: number): bigint {
  const { significand, exponent } = exact(w)
  const by = exponent + shift
  if (by >= 0) return significand << BigInt(by)
  const unit = 1n << BigInt(-by)
  const magnitude = significand < 0n ? -significand : significand
  const floor = magnitude / unit
  const rest = 2n * (magnitude % unit)
  const rounded = rest > unit || (rest === unit && floor % 2n === 1n) ? floor + 1n : floor
  return significand < 0n ? -rounded : rounded
}

/** Found by halving: rounding is monotone in the shift, and in the magnitude. */
function shift(words: readonly Word[], bound: bigint): number {
  const largest = words.reduce((most, w) => Math.max(most, w & 0x7fffffff), 0)
  if (largest === 0) return 0
  let [fits, fails] = [-400, 400]
  while (fails - fits > 1) {
    const middle = Math.floor((fits + fails) / 2)
    if (scaled(largest, middle) <= bound) fits = middle
    else fails = middle
  }
  return fits
}

/** One element of a quantised contraction, before `finish`. */
export function exactDot(order: QuantisedOrder, a: readonly Word[], b: readonly Word[]): Word {
  const bound = order === 'q16' ? 32_639n : 5_931_641n
  let total = 0
  for (let at = 0; at < a.length; at += 256) {
    const [x, y] = [a.slice(at, at + 256), b.slice(at, at + 256)]
    let value = NAN
    if ([...x, ...y].every(finite)) {
      const [left, right] = [shift(x, bound), shift(y, bound)]
      const sum = x.reduce((s, w, i) => s + scaled(w, left) * scaled(y[i]!, right), 0n)
      value = nearest(sum, 1n, -left - right, 0)
    }
    total = at === 0 ? value : INDEPENDENT.fadd(total, value, 0)
  }
  return total
}

/** Every block of a quantised contraction, written without the help of quantised.ts. Far shifts are cut at 2,000. */
export const INDEPENDENT_QUANTISED: Readonly<Record<QuantisedBlock, (a: Word, b: Word, c: Word) => Word>> = {
  qshift: (a, b) => (finite(a) ? shift([a], BigInt(b)) >>> 0 : 0),
  f2q: (a, b) => {
    if (!finite(a)) return (a & 0x7fffffff) > 0x7f800000 ? 0 : a >>> 31 === 1 ? 0x80000000 : 0x7fffffff
    const value = scaled(a, Math.max(-2000, Math.min(2000, b | 0)))
    const bounded = value > 0x7fffffffn ? 0x7fffffffn : value < -0x80000000n ? -0x80000000n : value
    return Number(BigInt.asUintN(32, bounded))
  },
  q2f: (a, b, c) => nearest(BigInt(a | 0) * 2n ** 32n + BigInt(b), 1n, -Math.max(-2000, Math.min(2000, c | 0)), 0),
  imulh: (a, b) => {
    const product = BigInt(a | 0) * BigInt(b | 0)
    // Division of BigInts truncates; a high word is the floor.
    const low = ((product % 2n ** 32n) + 2n ** 32n) % 2n ** 32n
    return Number(BigInt.asUintN(32, (product - low) / 2n ** 32n))
  },
  ult: (a, b) => (BigInt(a) < BigInt(b) ? 1 : 0),
}

const KINDS = 8
/** 32639.5 * 2^-15 and 5931641.5 * 2^-23, and their neighbours. */
const TIES: readonly Word[] = [0x3f7eff00, 0x3f7efeff, 0x3f7eff01, 0x3f3504f3, 0x3f3504f2, 0x3f3504f4]

/** Words that are hard for a quantised block; `kind` walks through the cases. */
export function hardVector(next: () => Word, count: number, kind: number): Uint32Array {
  const spread = (low: number, width: number): Word => ((next() & 0x807fffff) | ((low + (next() % width)) << 23)) >>> 0
  return Uint32Array.from({ length: count }, (_, i): Word => {
    switch (kind % KINDS) {
      case 0:
        return spread(120, 8)
      case 1: // One outlier that leaves nothing of the rest.
        return i === count >> 1 ? spread(170, 30) : spread(110, 20)
      case 2: // Zeros of both signs.
        return next() & 0x80000000
      case 3: // Half integers, below a largest value that lies halfway above the bound of q16 or q24.
        if (i === count >> 1) return TIES[next() % TIES.length]!
        return ((next() & 0x807fffff & (i % 2 === 0 ? 0xffffff00 : 0xfffff000)) | (125 << 23)) >>> 0
      case 4: // All that is subnormal, or nearly.
        return spread(0, 3)
      case 5: // The end of the range.
        return spread(251, 4)
      case 6: // Zeros and equal values: large exact sums and full cancellation.
        return i % 3 === 0 ? 0 : ((next() & 0x80000000) | 0x3f7f0080) >>> 0
      default: {
        const word = nasty(next)
        return finite(word) || next() % 512 === 0 ? word : spread(120, 8)
      }
    }
  })
}
