/** Words on which arithmetic goes wrong first, drawn from a seed: what tests and the conformance vectors feed. */
import type { Word } from './types.ts'

/** A small seeded generator of words (mulberry32); print the seed in every test that uses it. */
export function words(seed: number): () => Word {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return (x ^ (x >>> 14)) >>> 0
  }
}

const SPECIAL: readonly Word[] = [
  0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345, 1, 0x80000001, 0x007fffff, 0x807fffff,
  0x00800000, 0x80800000, 0x00800001, 0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff,
  0x4b000000, 0x4b7fffff, 0x4f000000, 0xcf000000, 0x4effffff, 0xcf000001, 0x34000000, 0x33800000,
]

/** Words that hurt: special values, few-bit significands, exponents near the limits, plain random ones. */
export function nasty(next: () => Word): Word {
  const word = next()
  switch (next() % 6) {
    case 0:
      return SPECIAL[word % SPECIAL.length]!
    case 1:
      return (word & 0x80f00000) >>> 0
    case 2:
      return (word & 0x807fffff) >>> 0
    case 3:
      return ((word & 0x807fffff) | ((110 + (next() % 34)) << 23)) >>> 0
    case 4:
      return ((word & 0xff80000f) | 0) >>> 0
    default:
      return word
  }
}

/** Operands that are hard for a fused multiply-add; `kind` walks through the cases. */
export function fmaOperands(next: () => Word, kind: number): [Word, Word, Word] {
  const [x, y, z] = [next(), next(), next()]
  const at = (w: Word, exponent: number): Word =>
    ((w & 0x807fffff) | (Math.min(Math.max(exponent, 0), 254) << 23)) >>> 0
  const e = 100 + (next() % 50)
  /** A significand whose lowest set bit is `last`. */
  const ending = (w: Word, last: Word): Word => ((w & -last) | last) >>> 0
  switch (kind % 8) {
    case 0: {
      // A product of 25 bits, a tie, and a far smaller addend of either sign that must break it.
      const f = 110 + (next() % 30)
      return [ending(at(x, e), 0x1000), ending(at(y, f), 0x800), at(z, e + f - 157 - (next() % 90))]
    }
    case 1: {
      // A product 2^-46 beside half a unit of the addend, subnormal addends included: no tie, but nearly one.
      const field = next() % 4 === 0 ? 0 : next() % 200
      const half = Math.max(field, 1) - 151
      const f = 60 + (next() % 40)
      return [at(0x00000001, f), at(0x007ffffe | (y & 0x80000000), half + 253 - f), at(z | 1, field)]
    }
    case 2: {
      // An addend within two units of minus the product.
      const [a, b] = [at(x, 60 + (next() % 120)), at(y, 60 + (next() % 120))]
      return [a, b, (word(-float(a) * float(b)) + (next() % 5) - 2) >>> 0]
    }
    case 3: // A product around the subnormal range.
      return [at(x, 40 + (next() % 45)), at(y, 40 + (next() % 45)), (z & 0x80ffffff) >>> 0]
    case 4: // A subnormal factor.
      return [at(x, 0), at(y, 100 + (next() % 60)), (z & 0x81ffffff) >>> 0]
    case 5: // Overflow, by a little or a lot.
      return [at(x, 170 + (next() % 60)), at(y, 170 + (next() % 60)), (z | 0x7e000000) >>> 0]
    case 6: // Every alignment of the two terms.
      return [at(x, e), at(y, 254 - e), at(z, 97 + (next() % 60))]
    default:
      return [nasty(next), nasty(next), nasty(next)]
  }
}

const view = new DataView(new ArrayBuffer(4))

/** The word of the binary32 nearest to x. */
export function word(x: number): Word {
  view.setFloat32(0, x)
  return view.getUint32(0)
}

/** The value of a binary32 word. */
export function float(w: Word): number {
  view.setUint32(0, w)
  return view.getFloat32(0)
}
