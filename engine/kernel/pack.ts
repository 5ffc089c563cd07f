/** Packs the sides of a contraction: what a register tile reads lies side by side, in the order in which it is read. */
import { CHAIN } from '#arith/interpret.ts'
import type { Contraction } from './contraction.ts'
import { type Body, type Expr, i32, mask, pick, vec } from './ir.ts'

/** Of a register tile and what is packed for it, in words; `depth` is that of a block of k. */
export interface Shape {
  readonly lanes: number
  readonly rows: number
  readonly columns: number
  readonly depth: number
}

const WORD = 4
const c = i32.const

/** Depth of a block of k, rounded up: transposing writes a vector at a time. */
export const paddedDepth = (g: Contraction, lanes: number): number => Math.ceil(Math.min(g.k, CHAIN) / lanes) * lanes

/** Packs the columns of a tile: `panel[k][0..columns - 1]`. Columns past the last hold words that nothing reads or stores. */
export function packColumns(
  body: Body,
  g: Contraction,
  shape: Shape,
  panel: Expr,
  from: Expr,
  j: Expr,
  deep: Expr,
): void {
  const { lanes, columns } = shape
  const { column, k } = g.b
  const source = body.let(from)
  const to = body.let(panel)
  const vectors = Array.from({ length: columns / lanes }, (_, v) => v * lanes)
  if (column === 1) {
    const copy = (upTo: number): void =>
      body.range(c(0), deep, 1, () => {
        for (const v of vectors.filter((at) => at < upTo)) {
          const words = vec.load(source, v * WORD)
          // What lies behind the last column is not ours: as subnormal numbers it would slow the tile down a hundredfold.
          const own = v + lanes <= upTo ? words : vec.select(mask.first(upTo - v), words, vec.const(0))
          body.store(to, own, lanes, v * WORD)
        }
        body.set(source, i32.add(source, c(WORD * k)))
        body.set(to, i32.add(to, c(columns * WORD)))
      })
    const edge = g.n % columns
    if (edge === 0) copy(columns)
    else
      body.if(
        i32.eq(j, c(g.n - edge)),
        () => copy(edge),
        () => copy(columns),
      )
    return
  }
  // Columns past the last repeat it.
  const last = body.let(i32.sub(c(g.n - 1), j))
  const starts = Array.from({ length: columns }, (_, nth) => {
    if (nth === 0) return source
    return i32.add(source, body.let(i32.mul(pick(i32.ltS(c(nth), last), c(nth), last), c(WORD * column))))
  })
  if (k === 1) {
    body.range(c(0), deep, lanes, () => {
      for (const v of vectors) {
        body.transpose(starts.slice(v, v + lanes), i32.add(to, c(v * WORD)), columns * WORD)
      }
      body.set(source, i32.add(source, c(lanes * WORD)))
      body.set(to, i32.add(to, c(lanes * columns * WORD)))
    })
    return
  }
  body.range(c(0), deep, 1, () => {
    starts.forEach((start, nth) => {
      body.store(to, i32.load(start), 1, WORD * nth)
    })
    body.set(source, i32.add(source, c(WORD * k)))
    body.set(to, i32.add(to, c(columns * WORD)))
  })
}

/** Rows packed at a time: a multiple of every tile's rows and of the lanes. */
export const PACKED_ROWS = 48

/** Packs at most `PACKED_ROWS` rows: `block[k][row]`. */
export function packRows(
  body: Body,
  g: Contraction,
  { lanes }: Shape,
  block: Expr,
  from: Expr,
  height: Expr,
  deep: Expr,
): void {
  const source = body.let(from)
  const to = body.let(block)
  if (g.a.row === 1) {
    // Side by side: rows past the last are packed too, from the memory's slack in the end.
    body.range(c(0), deep, 1, () => {
      for (let v = 0; v < PACKED_ROWS; v += lanes) body.store(to, vec.load(source, v * WORD), lanes, v * WORD)
      body.set(source, i32.add(source, c(WORD * g.a.k)))
      body.set(to, i32.add(to, c(PACKED_ROWS * WORD)))
    })
    return
  }
  const rows = body.let(height)
  body.range(c(0), deep, 1, (k) => {
    body.range(c(0), rows, 1, (row) => {
      const word = i32.load(i32.add(source, i32.mul(row, c(WORD * g.a.row))))
      body.store(i32.add(to, i32.mul(row, c(WORD))), word, 1)
    })
    body.set(source, i32.add(from, i32.mul(i32.add(k, c(1)), c(WORD * g.a.k))))
    body.set(to, i32.add(to, c(PACKED_ROWS * WORD)))
  })
}
