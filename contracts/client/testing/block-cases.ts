/** Arguments on which each block goes wrong first: ties, cancellation, subnormals, both ends of every range, NaNs. */
import { ARITY, BLOCK_CODE, BLOCKS, evaluate } from '#arith/blocks.ts'
import { float, fmaOperands, nasty, word } from '#arith/hard.ts'
import {
  evaluateQuantised,
  isQuantisedBlock,
  QUANTISED_ARITY,
  QUANTISED_BOUND,
  QUANTISED_CODE,
} from '#arith/quantised.ts'
import type { Block, QuantisedBlock, Word } from '#arith/types.ts'

export type AnyBlock = Block | QuantisedBlock
type Args = [Word, Word, Word]
type Next = () => Word

/** All thirty, in the order of their codes. */
export const ALL_BLOCKS: readonly AnyBlock[] = [...BLOCKS, ...(Object.keys(QUANTISED_CODE) as QuantisedBlock[])]

export const codeOf = (block: AnyBlock): number => (isQuantisedBlock(block) ? QUANTISED_CODE[block] : BLOCK_CODE[block])

const SIGN = 0x80000000
const sometimes = (next: Next, n: number): boolean => next() % n === 0
/** -reach..reach */
const around = (next: Next, reach: number): number => (next() % (2 * reach + 1)) - reach
const withExponent = (w: Word, e: number): Word => ((w & 0x807fffff) | (Math.min(Math.max(e, 0), 254) << 23)) >>> 0
/** Of any length, often short. */
const integer = (next: Next): Word => next() >>> (next() % 32)
/** Zeros from some bit down: sums and products of such significands end in ties. */
const short = (next: Next): Word => (next() & (0xffffffff << (next() % 24))) >>> 0
const any = (next: Next): Word => (sometimes(next, 2) ? nasty(next) : integer(next))

function addends(next: Next, i: number): Args {
  const a = nasty(next)
  switch (i % 4) {
    case 0:
      return [a, nasty(next), 0]
    case 1: // Cancellation, or a double, but for some units in the last place.
      return [a, ((a ^ (next() & SIGN)) + around(next, 2)) >>> 0, 0]
    case 2: {
      // Every alignment, with ties.
      const e = 1 + (next() % 254)
      return [withExponent(short(next), e), withExponent(short(next), e + around(next, 50)), 0]
    }
    default: // On the lowest grids.
      return [withExponent(short(next), next() % 4), withExponent(short(next), next() % 4), 0]
  }
}

function quotient(next: Next, i: number): Args {
  if (i % 4 === 0) return [nasty(next), nasty(next), 0]
  // Over 2^24 - 1 a power of two is 2^-48 above a tie, less than a quotient of a subnormal shows.
  if (i % 16 === 1) return [(1 << (next() % 24)) >>> 0, withExponent(next() | 0x7fffff, next() % 255), 0]
  if (i % 4 === 1) return [withExponent(short(next), next() % 255), withExponent(short(next), next() % 255), 0]
  // Near a quotient that is subnormal, or normal.
  const b = withExponent(next(), 100 + (next() % 50))
  const q = i % 4 === 2 ? next() & 0x80ffffff : withExponent(next(), 127)
  return [(evaluate('fmul', [q >>> 0, b]) + around(next, 1)) >>> 0, b, 0]
}

function radicand(next: Next, i: number): Args {
  if (i % 4 === 0) return [nasty(next), 0, 0]
  if (i % 4 === 1) return [withExponent(next() & 0x7fffffff, next() % 255), 0, 0]
  const root = withExponent(short(next) & 0x7fffffff, 60 + (next() % 130))
  return [(evaluate('fmul', [root, root]) + around(next, 1)) >>> 0, 0, 0]
}

function pair(next: Next, i: number): Args {
  const a = nasty(next)
  if (i % 3 === 0) return [a, nasty(next), 0]
  return [a, i % 3 === 1 ? (a + around(next, 1)) >>> 0 : (a ^ SIGN) >>> 0, 0]
}

/** Integers halfway between two floats, or one beside it. */
function halfway(next: Next): Word {
  const length = 25 + (next() % 8)
  const whole = ((next() | 0x800000) & 0xffffff) * 2 ** (length - 24)
  const magnitude = whole + 2 ** (length - 25) + around(next, 1)
  return (sometimes(next, 2) ? magnitude : -magnitude) >>> 0
}

function shiftFor(next: Next, i: number): Args {
  const bounds = Object.values(QUANTISED_BOUND)
  const bound = i % 2 === 0 ? bounds[(i >> 1) % 2]! : integer(next)
  if (i % 4 > 1) return [any(next), bound, 0]
  // bound + 1/2 in any binade, or one unit beside it.
  const half = word((bound * 2 + 1) * 2 ** around(next, 100))
  return [((half + around(next, 1)) | (next() & SIGN)) >>> 0, bound, 0]
}

function scaled(next: Next, i: number): Args {
  const a = i % 2 === 0 ? any(next) : withExponent(short(next), next() % 255)
  if (i % 8 === 0) return [a, any(next), 0]
  // To a result of about 0 to 34 bits.
  const e = Math.max((a >>> 23) & 255, 1) - 127
  return [a, (-e + (next() % 38) - 3) >>> 0, 0]
}

function wide(next: Next, i: number): Args {
  const shift = i % 16 === 0 ? any(next) : around(next, i % 2 === 0 ? 60 : 260) >>> 0
  if (i % 4 === 0) return [any(next), any(next), shift]
  // 24 bits, then half a unit, or nearly, somewhere in 64 bits.
  let value = BigInt((next() | 0x800000) & 0xffffff) * 2n + BigInt(next() % 2)
  value = (value << BigInt(next() % 40)) + BigInt(around(next, 1))
  if (sometimes(next, 2)) value = -value
  const bits = BigInt.asUintN(64, value)
  return [Number(bits >> 32n), Number(bits & 0xffffffffn), shift]
}

const ints = (next: Next): Args => [any(next), any(next), 0]
const shifts = (next: Next): Args => [next(), sometimes(next, 4) ? any(next) : next() % 64, 0]
const FAMILY: Readonly<Record<AnyBlock, (next: Next, i: number) => Args>> = {
  fadd: addends,
  fsub: addends,
  fmul: (next, i) => {
    const [a, b] = i % 4 === 0 ? [nasty(next), nasty(next)] : fmaOperands(next, next())
    return [a, b, 0]
  },
  fdiv: quotient,
  fsqrt: radicand,
  ffma: fmaOperands,
  fmax: pair,
  flt: pair,
  fle: pair,
  feq: pair,
  iadd: ints,
  isub: ints,
  imul: ints,
  ilt: (next, i) => (i % 2 === 0 ? ints(next) : pair(next, i)),
  ieq: (next, i) => (i % 2 === 0 ? ints(next) : pair(next, i)),
  and: ints,
  or: ints,
  xor: ints,
  shl: shifts,
  shr: shifts,
  select: (next) => [sometimes(next, 3) ? 0 : any(next), next(), next()],
  f2i: (next, i) => [i % 4 === 0 ? nasty(next) : withExponent(next(), 124 + (next() % 37)), 0, 0],
  i2f: (next, i) => [i % 2 === 0 ? halfway(next) : any(next), 0, 0],
  u2f: (next, i) => [i % 2 === 0 ? halfway(next) : any(next), 0, 0],
  canon: (next, i) => [i % 2 === 0 ? nasty(next) : withExponent(next(), [0, 1, 254, 255][next() % 4]!), 0, 0],
  qshift: shiftFor,
  f2q: scaled,
  q2f: wide,
  imulh: ints,
  ult: (next, i) => (i % 2 === 0 ? ints(next) : pair(next, i)),
}

/** What hardware gives where one operation of binary64, rounded by `fround`, is the same thing. */
const HARDWARE: Partial<Record<AnyBlock, (a: Word, b: Word) => number>> = {
  fadd: (a, b) => Math.fround(float(a) + float(b)),
  fsub: (a, b) => Math.fround(float(a) - float(b)),
  fmul: (a, b) => Math.fround(float(a) * float(b)),
  fdiv: (a, b) => Math.fround(float(a) / float(b)),
  fsqrt: (a) => Math.fround(Math.sqrt(float(a))),
  i2f: (a) => Math.fround(a | 0),
  u2f: (a) => Math.fround(a),
}

/** The same word, but for the bits of a NaN. */
const same = (result: Word, value: number): boolean =>
  Number.isNaN(value) ? result === 0x7fc00000 : result === word(value)

/** Case i of a block: three arguments (unused ones are 0) and the word that the TypeScript definition gives. */
export function blockCase(block: AnyBlock, next: Next, i: number): [...Args, Word] {
  const args = FAMILY[block](next, i)
  const result = isQuantisedBlock(block)
    ? evaluateQuantised(block, args.slice(0, QUANTISED_ARITY[block]))
    : evaluate(block, args.slice(0, ARITY[block]))
  const hardware = HARDWARE[block]
  if (hardware !== undefined && !same(result, hardware(args[0], args[1])))
    throw new Error(`${block}(${args}): ${result}`)
  return [...args, result]
}
