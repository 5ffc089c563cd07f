/** The register tile of contractions: a few rows of a few vectors of results, a chain of fused multiply-adds each. */
import { type Body, type Expr, i32, type Local, vec } from './ir.ts'
import type { QuantisedTileKey } from './quantised-tile.ts'
import type { Target } from './target.ts'

const WORD = 4
const c = i32.const

/** A function of the register tile, specialised by its shape and strides; parameters as `TILE_PARAMS`. */
export type Tiles = (key: TileKey | QuantisedTileKey) => number

export interface TileKey {
  readonly rows: number
  readonly columns: number
  /** Bytes from one row of the left side to the next, and from one k to the next. */
  readonly aRow: number
  readonly aDepth: number
  readonly outRow: number
  /** Words from one k of the packed panel to the next. */
  readonly panel: number
}

/** Bits of a tile's mode: results are stored rather than added to the total; the total is complete. */
export const FIRST = 1
export const LAST = 2

/** The parameters of a tile function: addresses of rows, panel and results; depth; mode. */
export const TILE_PARAMS = ['i32', 'i32', 'i32', 'i32', 'i32'] as const

/** Steps of k in one turn of the inner loop. */
const UNROLL = 4

export function emitTile(body: Body, { lanes }: Target, key: TileKey): void {
  const [aStart, bStart, out, deep, mode] = body.params as readonly Expr[] as [Local, Local, Expr, Expr, Expr]
  const { rows, columns, aRow, aDepth, outRow, panel } = key
  const vectors = Math.ceil(columns / lanes)
  const sums = Array.from({ length: rows }, () => Array.from({ length: vectors }, () => body.let(vec.const(0))))
  const a = body.let(aStart)
  const b = body.let(bStart)
  const right = Array.from({ length: vectors }, () => body.local('vec'))
  const left = body.local('vec')

  const steps = (count: number): void => {
    for (let step = 0; step < count; step++) {
      right.forEach((vector, v) => {
        body.set(vector, vec.load(b, (step * panel + lanes * v) * WORD))
      })
      sums.forEach((row, i) => {
        // The broadcast stands beside its uses: hoisted, it would cost the sums a register.
        body.set(left, vec.loadSplat(a, i * aRow + step * aDepth))
        row.forEach((sum, v) => {
          body.set(sum, vec.fma(left, right[v]!, sum))
        })
      })
    }
    body.set(a, i32.add(a, c(count * aDepth)))
    body.set(b, i32.add(b, c(count * panel * WORD)))
  }
  const whole = body.let(i32.and(deep, c(-UNROLL)))
  body.range(c(0), whole, UNROLL, () => steps(UNROLL))
  body.range(whole, deep, 1, () => steps(1))

  const each = (visit: (sum: Local, offset: number, lanes: number) => void): void => {
    sums.forEach((row, i) => {
      row.forEach((sum, v) => {
        visit(sum, i * outRow + lanes * v * WORD, Math.min(lanes, columns - lanes * v))
      })
    })
  }
  body.if(i32.eqz(i32.and(mode, c(FIRST))), () =>
    each((sum, offset) => body.set(sum, vec.fadd(vec.load(out, offset), sum))),
  )
  body.if(i32.and(mode, c(LAST)), () => each((sum) => body.set(sum, vec.canon(sum))))
  each((sum, offset, count) => body.store(out, sum, count, offset))
}
