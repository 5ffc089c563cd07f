/**
 * Contractions: packed panels of the right side and a register tile.
 *
 * The order is the definition's: each block of 512 k is a chain of fused multiply-adds from +0; the first block's value
 * is the total, the others are added in ascending order, and the last one's store is canonical. Only the order of
 * independent results is ours.
 */
import { CHAIN } from '#arith/interpret.ts'
import { type Block, eachBlock, eachRowTile, min, plus } from './blocks.ts'
import type { Contraction } from './contraction.ts'
import type { Frame } from './elements.ts'
import { type Expr, i32, type Local } from './ir.ts'
import { PACKED_ROWS, packColumns, packRows, paddedDepth, type Shape } from './pack.ts'
import type { Target } from './target.ts'
import type { Tiles } from './tile.ts'

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
export function emitGemm(frame: Frame, g: Contraction, tiles: Tiles): void {
  const shape = shapeOf(g, frame.target)
  const { rows, columns } = shape
  eachBlock(frame, g, { rows, columns, packed: packedColumns(g, shape), block: CHAIN }, (block) =>
    emitBlock(frame, g, shape, tiles, block),
  )
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
  eachRowTile(body, g, rows, shape.rows, rowTile)
}
