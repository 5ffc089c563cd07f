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

/**
 * Reads `raw[0..depth-1][0..width-1]`, writes a row of zeros behind it, and then the panel: minus the shifts, the factors 1.0
 * or NaN, and for each pair of k, for each plane, a word a column with the even k in its low half.
 */
export function emitQuantise(body: Body, target: Target, kind: PanelKind, raw: Expr, panel: Expr, depth: Expr): void {
  const { lanes } = target
  const { width } = kind
  const pitch = WORD * width
  // One vector of columns after the other: few registers are needed.
  body.range(c(0), c(pitch), WORD * lanes, (at) => {
    const start = body.let(i32.add(raw, at))
    const to = body.let(i32.add(panel, at))
    const largest = largestOf(body, start, pitch, depth, lanes)
    const shift = shiftOf(body, largest, kind.order)
    body.store(to, vec.isub(vec.const(0), shift), lanes)
    body.store(to, vec.select(mask.ilt(largest, vec.const(INFINITY)), vec.const(ONE), vec.const(NAN)), lanes, pitch)

    const scale = scaling(body, shift, kind.order)
    const source = body.let(start)
    body.set(to, i32.add(to, c(HEADER * pitch)))
    body.range(c(0), depth, 2, () => {
      const even = body.let(scale(vec.load(source)))
      const odd = body.let(scale(vec.load(source, pitch)))
      planesOf(body, kind, even, odd).forEach((words, plane) => {
        body.store(to, words, lanes, plane * pitch)
      })
      body.set(source, i32.add(source, c(2 * pitch)))
      body.set(to, i32.add(to, c(kind.planes * pitch)))
    })
  })
}

/** The largest magnitude of each column, compared as integers: whatever is not finite is above all that is. */
function largestOf(body: Body, start: Expr, pitch: number, depth: Expr, lanes: number): Local {
  const largest = body.let(vec.const(0))
  const x = body.local('vec')
  const at = body.let(start)
  body.range(c(0), depth, 1, () => {
    body.set(x, vec.and(vec.load(at), vec.const(MAGNITUDE)))
    body.set(largest, vec.select(mask.ilt(largest, x), x, largest))
    body.set(at, i32.add(at, c(pitch)))
  })
  body.store(at, vec.const(0), lanes)
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

/** From floats to integers: x * 2^shift, rounded to nearest, ties to even; anything for what is not finite. */
function scaling(body: Body, shift: Expr, order: QuantisedOrder): (x: Expr) => Expr {
  // 2^shift may be no float; its two halves are. What the first product loses of small numbers, the second rounds to 0.
  const half = body.let(vec.isub(vec.shr(vec.iadd(shift, vec.const(1024)), 1), vec.const(512)))
  const power = (n: Expr): Local => body.let(vec.shl(vec.iadd(n, vec.const(127)), 23))
  const [first, second] = [power(half), power(vec.isub(shift, half))]
  const scaled = (x: Expr): Expr => vec.fmul(vec.fmul(x, first), second)
  if (QUANTISED_BOUND[order] < 2 ** 22) {
    return (x) => vec.isub(vec.fadd(scaled(x), vec.const(MAGIC)), vec.const(MAGIC))
  }
  return (x) => {
    const y = body.let(scaled(x))
    const magic = body.let(vec.or(vec.and(y, vec.const(SIGN)), vec.const(TWO_TO_23)))
    return vec.f2i(vec.fsub(vec.fadd(y, magic), magic))
  }
}

/** The words of a pair of values for each plane. */
function planesOf(body: Body, { bits, planes }: PanelKind, even: Expr, odd: Expr): Expr[] {
  const low = vec.const(0xffff)
  const high = vec.const(0xffff0000)
  if (planes === 1) return [vec.or(vec.and(even, low), vec.shl(odd, 16))]
  // v = upper * 2^bits + lower with -half <= lower < half; the upper digit's sign reaches its 16th bit.
  const half = vec.const(1 << (bits - 1))
  const [e, o] = [body.let(vec.iadd(even, half)), body.let(vec.iadd(odd, half))]
  const upper = vec.or(vec.and(vec.shr(e, bits), low), vec.and(vec.shl(o, 16 - bits), high))
  const lower = (v: Expr): Expr => vec.isub(vec.and(v, vec.const((1 << bits) - 1)), half)
  return [upper, vec.or(vec.and(lower(e), low), vec.shl(lower(o), 16))]
}
