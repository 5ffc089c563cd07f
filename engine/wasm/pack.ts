/** Packs the sides of a contraction: what a register tile reads lies side by side, in the order in which it is read. */
import { CHAIN } from '#arith/interpret.ts'
import type { Contraction } from './contraction.ts'
import { type Body, type Expr, i32, type Local, pick, v128 } from './ir.ts'
import { COLUMNS, ROWS } from './tile.ts'

const WORD = 4
const c = i32.const

/** Depth of a block of k, rounded up: transposing writes four at a time. */
export const paddedDepth = (g: Contraction): number => Math.ceil(Math.min(g.k, CHAIN) / 4) * 4

/** Packs 8 columns: `panel[k][0..7]`. Columns past the last repeat words that nothing stores. */
export function packColumns(body: Body, g: Contraction, panel: Expr, from: Expr, j: Expr, deep: Expr): void {
  const { column, k } = g.b
  if (column === 1) {
    // Reads past the last column stay within the memory's slack.
    const source = body.let(from)
    const to = body.let(panel)
    body.range(c(0), deep, 1, () => {
      body.store(to, v128.load(source))
      body.store(to, v128.load(source, 16), 16)
      body.set(source, i32.add(source, c(WORD * k)))
      body.set(to, i32.add(to, c(COLUMNS * WORD)))
    })
    return
  }
  const last = body.let(i32.sub(c(g.n - 1), j))
  const sources = Array.from({ length: COLUMNS }, (_, nth) => {
    const inside = pick(i32.ltS(c(nth), last), c(nth), last)
    return body.let(i32.add(from, i32.mul(inside, c(WORD * column))))
  })
  const to = body.let(panel)
  const advance = (by: number): void => {
    for (const source of sources) body.set(source, i32.add(source, c(by * WORD * k)))
    body.set(to, i32.add(to, c(by * COLUMNS * WORD)))
  }
  if (k === 1) {
    body.range(c(0), deep, 4, () => {
      for (const half of [0, 4]) {
        const words = sources.slice(half, half + 4).map((source) => body.let(v128.load(source)))
        transpose4(body, words).forEach((row, r) => {
          body.store(to, row, (r * COLUMNS + half) * WORD)
        })
      }
      advance(4)
    })
    return
  }
  body.range(c(0), deep, 1, () => {
    sources.forEach((source, nth) => {
      body.storeI32(to, i32.load(source), WORD * nth)
    })
    advance(1)
  })
}

/** Packs up to 6 rows: `tile[k][0..5]`. */
export function packRows(body: Body, g: Contraction, tile: Expr, from: Expr, height: number, deep: Expr): void {
  const source = body.let(from)
  const to = body.let(tile)
  body.range(c(0), deep, 1, () => {
    if (g.a.row === 1) {
      // The row after the next one's first words are written over in the next turn.
      body.store(to, v128.load(source))
      if (height > 4) body.storeLow(to, v128.load(source, 16), 16)
    } else {
      for (let row = 0; row < height; row++) {
        body.storeI32(to, i32.load(i32.add(source, c(row * g.a.row * WORD))), row * WORD)
      }
    }
    body.set(source, i32.add(source, c(WORD * g.a.k)))
    body.set(to, i32.add(to, c(ROWS * WORD)))
  })
}

/** Four vectors of four words, rows for columns. */
function transpose4(body: Body, rows: readonly Expr[]): Local[] {
  const [a, b, d, e] = rows as [Expr, Expr, Expr, Expr]
  const low = [body.let(v128.shuffle(a, b, [0, 4, 1, 5])), body.let(v128.shuffle(d, e, [0, 4, 1, 5]))] as const
  const high = [body.let(v128.shuffle(a, b, [2, 6, 3, 7])), body.let(v128.shuffle(d, e, [2, 6, 3, 7]))] as const
  return [low, high].flatMap(([x, y]) => [
    body.let(v128.shuffle(x, y, [0, 1, 4, 5])),
    body.let(v128.shuffle(x, y, [2, 3, 6, 7])),
  ])
}
