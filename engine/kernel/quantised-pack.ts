/**
 * Scales one block of a side of a quantised contraction: a panel of floats, a column in every lane, becomes pairs of 16-bit
 * integers. Panels of rows are the same with rows in the lanes.
 */
import { NAN } from '#arith/blocks.ts'
import { QUANTISED_BOUND } from '#arith/quantised.ts'
import type { QuantisedOrder } from '#arith/types.ts'
import { type Body, type Expr, i32, type Local, mask, vec } from './ir.ts'
import type { Target } from './target.ts'

/** Words before the pairs of a panel, for each column: minus the shift, and 1.0 or NaN, by which results are multiplied. */
export const HEADER = 2
/** Stands for minus the shift of what is not finite: with any other shift the sum is beyond all exponents of floats. */
const NOT_FINITE = 300
const WORD = 4
const c = i32.const

const MAGNITUDE = 0x7fffffff
const SIGN = 0x80000000
const INFINITY = 0x7f800000
const SMALLEST_NORMAL = 0x00800000
const FRACTION = 0x007fffff
const ONE = 0x3f800000
const TWO_TO_24 = 0x4b800000
const TWO_TO_23 = 0x4b000000
/** 1.5 * 2^23: added to a magnitude of at most 2^22, it leaves the nearest integer in the low bits. */
const MAGIC = 0x4b400000

/** Words of a panel of `width` columns: its header, then for each pair of k the given number of planes. */
export function panelWords(width: number, depth: number, planes: number): number {
  return width * (HEADER + Math.ceil(depth / 2) * planes)
}

/** What a panel is made of. */
export interface PanelKind {
  readonly order: QuantisedOrder
  /** Bits of the lower digit, where a value is cut in two planes: high, then low. One plane holds whole values. */
  readonly bits: number
  readonly planes: number
  /** Columns: a multiple of the number of lanes. */
  readonly width: number
}

/** Where the floats lie: words of neighbouring columns side by side, `pitch` bytes from one k to the next. */
export interface Floats {
  readonly at: Expr
  readonly pitch: number
}

/**
 * Reads `width` columns of `depth` floats and writes the panel: minus the shifts, the factors 1.0 or NaN, and for each pair of
 * k, for each plane, a word a column with the even k in its low half. A missing odd k counts as 0.
 */
export function emitQuantise(
  body: Body,
  target: Target,
  kind: PanelKind,
  from: Floats,
  panel: Expr,
  depth: Expr,
): void {
  const { lanes } = target
  const { pitch } = from
  const row = WORD * kind.width
  const pairs = body.let(i32.and(depth, c(-2)))
  // One vector of columns after the other: few registers are needed.
  body.range(c(0), c(row), WORD * lanes, (column) => {
    const start = body.let(i32.add(from.at, column))
    const to = body.let(i32.add(panel, column))
    const largest = largestOf(body, start, pitch, pairs, depth)
    const shift = shiftOf(body, largest, kind.order)
    const finite = body.let(mask.ilt(largest, vec.const(INFINITY)))
    body.store(to, vec.select(finite, vec.isub(vec.const(0), shift), vec.const(NOT_FINITE)), lanes)
    body.store(to, vec.select(finite, vec.const(ONE), vec.const(NAN)), lanes, row)

    const { scaled, bias } = scaling(body, shift, kind.order)
    const source = body.let(start)
    body.set(to, i32.add(to, c(HEADER * row)))
    const pair = (even: Expr, odd: Expr): void => {
      planesOf(body, kind, bias, body.let(even), body.let(odd)).forEach((words, plane) => {
        body.store(to, words, lanes, plane * row)
      })
      body.set(source, i32.add(source, c(2 * pitch)))
      body.set(to, i32.add(to, c(kind.planes * row)))
    }
    body.range(c(0), pairs, 2, () => pair(scaled(vec.load(source)), scaled(vec.load(source, pitch))))
    body.if(i32.ltS(pairs, depth), () => pair(scaled(vec.load(source)), vec.const(bias)))
  })
}

/** The largest magnitude of each column, compared as integers: whatever is not finite is above all that is. */
function largestOf(body: Body, start: Expr, pitch: number, pairs: Expr, depth: Expr): Local {
  const [largest, other] = [body.let(vec.const(0)), body.let(vec.const(0))]
  const at = body.let(start)
  const magnitude = (offset: number): Expr => vec.and(vec.load(at, offset), vec.const(MAGNITUDE))
  body.range(c(0), pairs, 2, () => {
    body.set(largest, vec.imax(largest, magnitude(0)))
    body.set(other, vec.imax(other, magnitude(pitch)))
    body.set(at, i32.add(at, c(2 * pitch)))
  })
  body.if(i32.ltS(pairs, depth), () => body.set(largest, vec.imax(largest, magnitude(0))))
  body.set(largest, vec.imax(largest, other))
  return largest
}

/** The largest shift that keeps the rounded magnitude within the bound; 0 for 0; anything for what is not finite. */
function shiftOf(body: Body, largest: Expr, order: QuantisedOrder): Local {
  const bound = QUANTISED_BOUND[order]
  const top = 32 - Math.clz32(bound)
  // A magnitude (1 + f) 2^e fits at shift top - 1 - e if (1 + f) 2^top < 2 bound + 1; both bounds are odd, so a tie does not.
  const least = (2 * bound + 1) * 2 ** (23 - top) - 2 ** 23
  const tiny = body.let(mask.ilt(largest, vec.const(SMALLEST_NORMAL)))
  const normal = body.let(vec.select(tiny, vec.fmul(largest, vec.const(TWO_TO_24)), largest))
  const shift = body.let(vec.isub(vec.const(top - 1 + 127), vec.shr(normal, 23)))
  body.set(shift, vec.iadd(shift, vec.select(tiny, vec.const(24), vec.const(0))))
  const above = mask.ilt(vec.const(least - 1), vec.and(normal, vec.const(FRACTION)))
  body.set(shift, vec.isub(shift, vec.ofMask(above)))
  body.set(shift, vec.select(mask.ieq(largest, vec.const(0)), vec.const(0), shift))
  return shift
}

/** From floats to integers: x * 2^shift, rounded to nearest, ties to even, plus `bias`; anything for what is not finite. */
function scaling(body: Body, shift: Expr, order: QuantisedOrder): { scaled: (x: Expr) => Expr; bias: number } {
  // 2^shift may be no float; its two halves are. What the first product loses of small numbers, the second rounds to 0.
  const half = body.let(vec.isub(vec.shr(vec.iadd(shift, vec.const(1024)), 1), vec.const(512)))
  const power = (n: Expr): Local => body.let(vec.shl(vec.iadd(n, vec.const(127)), 23))
  const [first, second] = [power(half), power(vec.isub(shift, half))]
  const product = (x: Expr): Expr => vec.fmul(vec.fmul(x, first), second)
  if (QUANTISED_BOUND[order] < 2 ** 22) {
    return { scaled: (x) => vec.fadd(product(x), vec.const(MAGIC)), bias: MAGIC }
  }
  const scaled = (x: Expr): Expr => {
    const y = body.let(product(x))
    const magic = body.let(vec.or(vec.and(y, vec.const(SIGN)), vec.const(TWO_TO_23)))
    return vec.f2i(vec.fsub(vec.fadd(y, magic), magic))
  }
  return { scaled, bias: 0 }
}

/** The words of a pair of values, which are `bias` too large, for each plane. The bias has no low 16 bits. */
function planesOf(body: Body, { order, bits, planes }: PanelKind, bias: number, even: Expr, odd: Expr): Expr[] {
  const low = vec.const(0xffff)
  const high = vec.const(0xffff0000)
  if (planes === 1) return [vec.or(vec.and(even, low), vec.shl(odd, 16))]
  // v = upper * 2^bits + lower, with 0 <= lower < 2^bits in q16, -half <= lower < half in q24, where sums leave less room.
  const half = order === 'q16' ? 0 : 1 << (bits - 1)
  const moved = (v: Expr): Local => body.let(vec.iadd(v, vec.const(half - bias)))
  const [e, o] = [moved(even), moved(odd)]
  const upper = vec.or(vec.and(vec.shr(e, bits), low), vec.and(vec.shl(o, 16 - bits), high))
  const digit = (v: Expr): Expr => vec.and(v, vec.const((1 << bits) - 1))
  if (half === 0) return [upper, vec.or(digit(e), vec.shl(digit(o), 16))]
  const lower = (v: Expr): Expr => vec.isub(digit(v), vec.const(half))
  return [upper, vec.or(vec.and(lower(e), low), vec.shl(lower(o), 16))]
}
