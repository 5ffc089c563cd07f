/**
 * Contractions: packed panels of the right side and a register tile.
 *
 * The order is the definition's: each block of 512 k is a chain of fused multiply-adds from +0; the first block's value
 * is the total, the others are added in ascending order, and the last one's store is canonical. Only the order of
 * independent results is ours.
 */
import { CHAIN } from '#arith/interpret.ts'
import type { Contraction } from './contraction.ts'
import { type Frame, share, unflatten } from './elements.ts'
import { type Body, type Expr, i32, type Local, pick } from './ir.ts'
import { PACKED_ROWS, packColumns, packRows, paddedDepth, type Shape } from './pack.ts'
import type { Target } from './target.ts'
import { FIRST, LAST, type Tiles } from './tile.ts'

/** Bytes of packed panels that should stay in the second-level cache. */
const PANELS = 512 * 1024
const WORD = 4

/** The register tile for a contraction: as wide as its columns need, at most as wide as the target's. */
function shapeOf(g: Contraction, { lanes, tileRows, tileVectors }: Target): Shape {
  const vectors = Math.min(tileVectors, Math.ceil(g.n / lanes))
  return { lanes, rows: tileRows(vectors), columns: vectors * lanes, depth: paddedDepth(g, lanes) }
}
const panelBytes = ({ depth, columns }: Shape): number => depth * columns * WORD
/** Columns packed at a time, a multiple of the tile's. */
const packedColumns = (g: Contraction, shape: Shape): number => {
  const most = Math.max(1, Math.floor(PANELS / panelBytes(shape))) * shape.columns
  return Math.min(most, Math.ceil(g.n / shape.columns) * shape.columns)
}
/** Rows whose words along k lie side by side are read where they are. */
const packsRows = (g: Contraction): boolean => g.a.k !== 1
const panelsBytes = (g: Contraction, shape: Shape): number =>
  (packedColumns(g, shape) / shape.columns) * panelBytes(shape)

/** Bytes of scratch memory a thread needs: packed panels, then one packed block of rows. */
export function gemmScratch(g: Contraction, target: Target): number {
  const shape = shapeOf(g, target)
  return panelsBytes(g, shape) + (packsRows(g) ? shape.depth * PACKED_ROWS * WORD : 0)
}

const c = i32.const
const plus = (at: Expr, words: Expr, stride: number): Expr => i32.add(at, i32.mul(words, c(WORD * stride)))
const min = (body: Body, a: Expr, limit: Expr): Local => {
  const value = body.let(a)
  body.set(value, pick(i32.ltU(value, limit), value, limit))
  return value
}

interface Range {
  readonly from: Expr
  readonly to: Expr
}

/**
 * What this thread computes: whole batches need nothing twice; if their number does not suit the number of threads, it
 * is a range of columns or of rows in every batch, whichever deals out more evenly.
 */
function partOf(
  frame: Frame,
  g: Contraction,
  shape: Shape,
  batches: number,
): Record<'batch' | 'rows' | 'columns', Range> {
  const uneven = (count: number): number => (Math.ceil(count / frame.threads) * frame.threads) / count
  const byColumns = uneven(Math.ceil(g.n / shape.columns)) <= uneven(Math.ceil(g.m / shape.rows))
  const shared = uneven(batches) <= 1.1 ? 'batch' : byColumns ? 'columns' : 'rows'
  const part = (side: typeof shared, total: number, grain: number): Range =>
    side === shared ? share(frame, total, grain) : { from: c(0), to: c(total) }
  return {
    batch: part('batch', batches, 1),
    rows: part('rows', g.m, shape.rows),
    columns: part('columns', g.n, shape.columns),
  }
}

export function emitGemm(frame: Frame, g: Contraction, tiles: Tiles): void {
  const { body, out, operands } = frame
  const shape = shapeOf(g, frame.target)
  const sizes = g.batch.map(({ size }) => size)
  const { batch, rows, columns } = partOf(
    frame,
    g,
    shape,
    sizes.reduce((product, size) => product * size, 1),
  )
  body.range(batch.from, batch.to, 1, (index) => {
    const coordinates = unflatten(body, index, sizes)
    const walk = (start: Expr, stride: (axis: Contraction['batch'][number]) => number): Local =>
      body.let(g.batch.reduce((at, axis, i) => plus(at, coordinates[i]!, stride(axis)), start))
    const a = walk(i32.add(operands[g.a.operand]!, c(WORD * g.a.base)), (axis) => axis.a)
    const b = walk(i32.add(operands[g.b.operand]!, c(WORD * g.b.base)), (axis) => axis.b)
    const result = walk(out, (axis) => axis.out)

    body.range(columns.from, columns.to, packedColumns(g, shape), (from) => {
      const to = min(body, i32.add(from, c(packedColumns(g, shape))), columns.to)
      body.range(c(0), c(g.k), CHAIN, (k) => {
        const depth = g.k <= CHAIN ? c(g.k) : min(body, i32.sub(c(g.k), k), c(CHAIN))
        const first = i32.mul(i32.eqz(k), c(FIRST))
        const last = i32.mul(i32.eq(i32.add(k, depth), c(g.k)), c(LAST))
        const mode = body.let(g.k <= CHAIN ? c(FIRST | LAST) : i32.add(first, last))
        emitBlock(frame, g, shape, tiles, {
          a: body.let(plus(a, k, g.a.k)),
          b: body.let(plus(b, k, g.b.k)),
          out: result,
          rows,
          columns: { from, to },
          depth,
          mode,
        })
      })
    })
  })
}

/** One block of k for a range of rows and columns; addresses are those of row 0, column 0 and the block's first k. */
interface Block {
  readonly a: Expr
  readonly b: Expr
  readonly out: Expr
  readonly rows: Range
  readonly columns: Range
  readonly depth: Expr
  readonly mode: Expr
}

function emitBlock(frame: Frame, g: Contraction, shape: Shape, tiles: Tiles, block: Block): void {
  const { body, scratch } = frame
  const { rows, columns, depth, mode } = block
  const packedRows = i32.add(scratch, c(panelsBytes(g, shape)))
  const panel = body.let(scratch)
  const eachPanel = (visit: (column: Local) => void): void => {
    body.set(panel, scratch)
    body.range(columns.from, columns.to, shape.columns, (column) => {
      visit(column)
      body.set(panel, i32.add(panel, c(panelBytes(shape))))
    })
  }
  eachPanel((column) => packColumns(body, g, shape, panel, body.let(plus(block.b, column, g.b.column)), column, depth))

  const packedFrom = body.let(rows.from)
  const packed = body.let(rows.from)
  const rowTile = (row: Expr, height: number): void => {
    const a = body.local('i32')
    if (packsRows(g)) {
      body.if(i32.eq(row, packed), () => {
        const to = min(body, i32.add(row, c(PACKED_ROWS)), rows.to)
        packRows(body, g, shape, packedRows, body.let(plus(block.a, row, g.a.row)), i32.sub(to, row), depth)
        body.set(packedFrom, row)
        body.set(packed, to)
      })
      body.set(a, plus(packedRows, i32.sub(row, packedFrom), 1))
    } else {
      body.set(a, plus(block.a, row, g.a.row))
    }
    const out = body.let(plus(block.out, row, g.outRow))
    const tile = (column: Expr, width: number): void => {
      const aRow = packsRows(g) ? WORD : g.a.row * WORD
      const aDepth = packsRows(g) ? PACKED_ROWS * WORD : WORD
      const key = { rows: height, columns: width, aRow, aDepth, outRow: g.outRow * WORD, panel: shape.columns }
      body.call(tiles(key), [a, panel, plus(out, column, 1), depth, mode])
    }
    const edge = g.n % shape.columns
    eachPanel((column) => {
      const whole = (): void => tile(column, shape.columns)
      if (edge === 0) whole()
      else body.if(i32.eq(column, c(g.n - edge)), () => tile(column, edge), whole)
    })
  }
  const row = body.let(rows.from)
  if (g.m >= shape.rows) {
    body.while(i32.ltS(row, i32.sub(rows.to, c(shape.rows - 1))), () => {
      rowTile(row, shape.rows)
      body.set(row, i32.add(row, c(shape.rows)))
    })
  }
  if (g.m % shape.rows > 0) body.if(i32.ltS(row, rows.to), () => rowTile(row, g.m % shape.rows))
}
