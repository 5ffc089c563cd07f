/** What all contractions share, whatever their tile: parts for threads, batches, packed columns, and blocks of k. */
import type { Contraction } from './contraction.ts'
import { type Frame, share, unflatten } from './elements.ts'
import { type Body, type Expr, i32, type Local, pick } from './ir.ts'
import { FIRST, LAST } from './tile.ts'

const WORD = 4
const c = i32.const

/** The address `words * stride` words behind `at`. */
export const plus = (at: Expr, words: Expr, stride: number): Expr => i32.add(at, i32.mul(words, c(WORD * stride)))

export const min = (body: Body, a: Expr, limit: Expr): Local => {
  const value = body.let(a)
  body.set(value, pick(i32.ltU(value, limit), value, limit))
  return value
}

export interface Range {
  readonly from: Expr
  readonly to: Expr
}

/** How a contraction is cut: rows and columns of a tile, columns packed at a time, and the k of a block. */
export interface Cut {
  readonly rows: number
  readonly columns: number
  readonly packed: number
  readonly block: number
}

/** One block of k for a range of rows and columns; addresses are those of row 0, column 0 and the block's first k. */
export interface Block {
  readonly a: Expr
  readonly b: Expr
  readonly out: Expr
  readonly rows: Range
  readonly columns: Range
  readonly depth: Expr
  readonly mode: Expr
}

/**
 * What this thread computes: whole batches need nothing twice; if their number does not suit the number of threads, it
 * is a range of columns or of rows in every batch, whichever deals out more evenly.
 */
function partOf(frame: Frame, g: Contraction, cut: Cut, batches: number): Record<'batch' | 'rows' | 'columns', Range> {
  const uneven = (count: number): number => (Math.ceil(count / frame.threads) * frame.threads) / count
  const byColumns = uneven(Math.ceil(g.n / cut.columns)) <= uneven(Math.ceil(g.m / cut.rows))
  const shared = uneven(batches) <= 1.1 ? 'batch' : byColumns ? 'columns' : 'rows'
  const part = (side: typeof shared, total: number, grain: number): Range =>
    side === shared ? share(frame, total, grain) : { from: c(0), to: c(total) }
  return {
    batch: part('batch', batches, 1),
    rows: part('rows', g.m, cut.rows),
    columns: part('columns', g.n, cut.columns),
  }
}

/** Emits every block of this thread's part, those of the same results in ascending order of k. */
export function eachBlock(frame: Frame, g: Contraction, cut: Cut, emit: (block: Block) => void): void {
  const { body, out, operands } = frame
  const sizes = g.batch.map(({ size }) => size)
  const { batch, rows, columns } = partOf(
    frame,
    g,
    cut,
    sizes.reduce((product, size) => product * size, 1),
  )
  body.range(batch.from, batch.to, 1, (index) => {
    const coordinates = unflatten(body, index, sizes)
    const walk = (start: Expr, stride: (axis: Contraction['batch'][number]) => number): Local =>
      body.let(g.batch.reduce((at, axis, i) => plus(at, coordinates[i]!, stride(axis)), start))
    const a = walk(i32.add(operands[g.a.operand]!, c(WORD * g.a.base)), (axis) => axis.a)
    const b = walk(i32.add(operands[g.b.operand]!, c(WORD * g.b.base)), (axis) => axis.b)
    const result = walk(out, (axis) => axis.out)

    body.range(columns.from, columns.to, cut.packed, (from) => {
      const to = min(body, i32.add(from, c(cut.packed)), columns.to)
      body.range(c(0), c(g.k), cut.block, (k) => {
        const depth = g.k <= cut.block ? c(g.k) : min(body, i32.sub(c(g.k), k), c(cut.block))
        const first = i32.mul(i32.eqz(k), c(FIRST))
        const last = i32.mul(i32.eq(i32.add(k, depth), c(g.k)), c(LAST))
        emit({
          a: body.let(plus(a, k, g.a.k)),
          b: body.let(plus(b, k, g.b.k)),
          out: result,
          rows,
          columns: { from, to },
          depth,
          mode: body.let(g.k <= cut.block ? c(FIRST | LAST) : i32.add(first, last)),
        })
      })
    })
  })
}

/** Visits the tiles of rows of a block, the last of which may be lower. */
export function eachRowTile(
  body: Body,
  g: Contraction,
  rows: Range,
  most: number,
  visit: (row: Expr, height: number) => void,
): void {
  const row = body.let(rows.from)
  if (g.m >= most) {
    body.while(i32.ltS(row, i32.sub(rows.to, c(most - 1))), () => {
      visit(row, most)
      body.set(row, i32.add(row, c(most)))
    })
  }
  if (g.m % most > 0) body.if(i32.ltS(row, rows.to), () => visit(row, g.m % most))
}
