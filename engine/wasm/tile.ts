/** The register tile of contractions: 6 x 8 results, a chain of fused multiply-adds each. */
import { storeWords } from './elements.ts'
import { type Body, type Expr, f32x4, i32, type Local, v128 } from './ir.ts'
import { canon, fma, type Target } from './straight.ts'

/** Rows and columns of the tile: 12 sums, 2 columns and 1 row value fill the 15 registers V8 has. */
export const ROWS = 6
export const COLUMNS = 8
const WORD = 4
const c = i32.const

/** A function of the register tile, specialised by its shape and strides; parameters as `TILE_PARAMS`. */
export type Tiles = (key: TileKey) => number

export interface TileKey {
  readonly rows: number
  readonly columns: number
  /** Bytes from one row of the left side to the next, and from one k to the next. */
  readonly aRow: number
  readonly aDepth: number
  readonly outRow: number
}

/** Bits of a tile's mode: results are stored rather than added to the total; the total is complete. */
export const FIRST = 1
export const LAST = 2

/** The parameters of a tile function: addresses of rows, panel and results; depth; mode. */
export const TILE_PARAMS = ['i32', 'i32', 'i32', 'i32', 'i32'] as const

/** Steps of k in one turn of the inner loop. */
const UNROLL = 4

export function emitTile(body: Body, target: Target, key: TileKey): void {
  const [aStart, bStart, out, deep, mode] = body.params as readonly Expr[] as [Local, Local, Expr, Expr, Expr]
  const { rows, columns, aRow, aDepth, outRow } = key
  const vectors = Math.ceil(columns / 4)
  const sums = Array.from({ length: rows }, () => Array.from({ length: vectors }, () => body.let(v128.splat(0))))
  const a = body.let(aStart)
  const b = body.let(bStart)
  const right = Array.from({ length: vectors }, () => body.local('v128'))
  const left = body.local('v128')

  const steps = (count: number): void => {
    for (let step = 0; step < count; step++) {
      right.forEach((vector, v) => {
        body.set(vector, v128.load(b, (step * COLUMNS + 4 * v) * WORD))
      })
      sums.forEach((row, i) => {
        // The broadcast stands beside its uses: hoisted, it would cost the sums a register.
        body.set(left, v128.loadSplat(a, i * aRow + step * aDepth))
        row.forEach((sum, v) => {
          body.set(sum, fma(target, left, right[v]!, sum))
        })
      })
    }
    body.set(a, i32.add(a, c(count * aDepth)))
    body.set(b, i32.add(b, c(count * COLUMNS * WORD)))
  }
  const whole = body.let(i32.and(deep, c(-UNROLL)))
  body.range(c(0), whole, UNROLL, () => steps(UNROLL))
  body.range(whole, deep, 1, () => steps(1))

  const each = (visit: (sum: Local, offset: number, lanes: number) => void): void => {
    sums.forEach((row, i) => {
      row.forEach((sum, v) => {
        visit(sum, i * outRow + 4 * v * WORD, Math.min(4, columns - 4 * v))
      })
    })
  }
  body.if(i32.eqz(i32.and(mode, c(FIRST))), () =>
    each((sum, offset) => body.set(sum, f32x4.add(v128.load(out, offset), sum))),
  )
  // Constants as literals here: kept from the start, they would cost the sums registers too.
  body.if(i32.and(mode, c(LAST)), () => each((sum) => body.set(sum, canon(body, target, sum, v128.splat))))
  each((sum, offset, lanes) => storeWords(body, out, sum, lanes, offset))
}
