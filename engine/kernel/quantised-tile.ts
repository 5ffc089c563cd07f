/** The register tile of quantised contractions: sums of products of digits for a few rows of a few vectors of results. */
import type { QuantisedOrder } from '#arith/types.ts'
import { type Body, type Expr, i32, type Local, mask, vec } from './ir.ts'
import { HEADER } from './quantised-pack.ts'
import type { Target } from './target.ts'
import { FIRST, LAST } from './tile.ts'

const WORD = 4
const TWO_TO_16 = 0x47800000
const c = i32.const

/**
 * How values are cut into 16-bit digits, so that no sum over a block of 256 leaves 32 bits. q16: the left side in a signed and
 * an unsigned digit of 8 bits, the right side whole: 256 * 255 * 32639 < 2^31. q24: both sides in signed digits of 12 bits. A sum of upper times lower stands 2^bits above the next.
 */
export const DIGITS: Readonly<
  Record<QuantisedOrder, { readonly left: 2; readonly right: 1 | 2; readonly bits: number; readonly sums: 2 | 3 }>
> = {
  q16: { left: 2, right: 1, bits: 8, sums: 2 },
  q24: { left: 2, right: 2, bits: 12, sums: 3 },
}

export interface QuantisedTileKey {
  readonly order: QuantisedOrder
  readonly rows: number
  readonly columns: number
  /** Bytes from one row of the result to the next. */
  readonly outRow: number
  /** Columns of the packed panel; that of rows has as many as the target has lanes. */
  readonly panel: number
}

/** Pairs of k in one turn of the inner loop. */
const UNROLL = 4

/** Exponents with which a sum of q16, 1 to 2^39, is neither subnormal nor infinite. */
const [LOWEST, HIGHEST] = [-126, 88] as const

/** The float nearest to (256 high + low) * 2^exponent, for these exponents: two exact floats add up, and the scale is exact. */
function scaled(body: Body, [high, low]: readonly Expr[], exponent: Expr): Expr {
  const upper = body.let(vec.iadd(high!, vec.sar(low!, 8)))
  const lower = vec.or(vec.shl(vec.and(upper, vec.const(0xff)), 8), vec.and(low!, vec.const(0xff)))
  const sum = vec.fadd(vec.fmul(vec.i2f(vec.sar(upper, 8)), vec.const(TWO_TO_16)), vec.i2f(lower))
  return vec.fmul(sum, vec.shl(vec.iadd(exponent, vec.const(127)), 23))
}

interface Place {
  readonly row: number
  readonly v: number
  readonly sums: readonly Local[]
}

/** A tile function; parameters: its rows in their panel, the panel of columns, the results, pairs of k, the mode. */
export function emitQuantisedTile(body: Body, { lanes }: Target, key: QuantisedTileKey): void {
  const [rowPanel, panel, out, pairs, mode] = body.params as readonly Expr[] as [Local, Local, Expr, Expr, Expr]
  const { order, rows, columns, outRow, panel: width } = key
  const { left, right, bits, sums } = DIGITS[order]
  const vectors = Math.ceil(columns / lanes)
  const tile = Array.from({ length: rows }, (_, row) =>
    Array.from(
      { length: vectors },
      (_, v): Place => ({
        row,
        v,
        sums: Array.from({ length: sums }, () => body.let(vec.const(0))),
      }),
    ),
  )
  const a = body.let(i32.add(rowPanel, c(HEADER * lanes * WORD)))
  const b = body.let(i32.add(panel, c(HEADER * width * WORD)))
  const factors = Array.from({ length: right }, () => Array.from({ length: vectors }, () => body.local('vec')))
  const factor = body.local('vec')

  const steps = (count: number): void => {
    for (let pair = 0; pair < count; pair++) {
      factors.forEach((plane, p) => {
        plane.forEach((vector, v) => {
          body.set(vector, vec.load(b, ((pair * right + p) * width + lanes * v) * WORD))
        })
      })
      tile.forEach((row, i) => {
        for (let digit = 0; digit < left; digit++) {
          body.set(factor, vec.loadSplat(a, ((pair * left + digit) * lanes + i) * WORD))
          for (const { v, sums: into } of row) {
            factors.forEach((plane, p) => {
              const sum = into[digit + p]!
              body.set(sum, vec.dot16(factor, plane[v]!, sum))
            })
          }
        }
      })
    }
    body.set(a, i32.add(a, c(count * left * lanes * WORD)))
    body.set(b, i32.add(b, c(count * right * width * WORD)))
  }
  const whole = body.let(i32.and(pairs, c(-UNROLL)))
  body.range(c(0), whole, UNROLL, () => steps(UNROLL))
  body.range(whole, pairs, 1, () => steps(1))

  const each = (visit: (value: Local, offset: number, place: { row: number; v: number }) => void): void => {
    for (const place of tile.flat()) visit(place.sums[0]!, place.row * outRow + lanes * place.v * WORD, place)
  }
  const places = tile.flat()
  const header = (nth: number, { row, v }: Place, combine: (x: Expr, y: Expr) => Expr): Local =>
    body.let(
      combine(vec.loadSplat(rowPanel, (nth * lanes + row) * WORD), vec.load(panel, (nth * width + lanes * v) * WORD)),
    )
  const exact = (): void => {
    for (const place of places) {
      const value = vec.q2f(place.sums, bits, header(0, place, vec.iadd))
      body.set(place.sums[0]!, vec.fmul(value, header(1, place, vec.fmul)))
    }
  }
  if (order === 'q16') {
    const extreme = body.let(mask.first(0))
    for (const place of places) {
      const above = vec.iadd(header(0, place, vec.iadd), vec.const(-LOWEST))
      body.set(extreme, mask.or(extreme, mask.not(mask.iltU(above, vec.const(HIGHEST - LOWEST + 1)))))
    }
    body.if(mask.any(extreme), exact, () => {
      for (const place of places) body.set(place.sums[0]!, scaled(body, place.sums, header(0, place, vec.iadd)))
    })
  } else {
    exact()
  }
  body.if(i32.eqz(i32.and(mode, c(FIRST))), () =>
    each((value, offset) => body.set(value, vec.fadd(vec.load(out, offset), value))),
  )
  body.if(i32.and(mode, c(LAST)), () => each((value) => body.set(value, vec.canon(value))))
  each((value, offset, { v }) => body.store(out, value, Math.min(lanes, columns - lanes * v), offset))
}
