/**
 * Quantised contractions: both sides are scaled to integers in panels, whose products sum exactly in a register tile; each
 * block of 256 k is rounded once (docs/spec/arithmetic.md, Quantised orders). Sums are exact in any order, so everything but
 * the blocks is ours to choose.
 */
import { QUANTISED_BLOCK } from '#arith/quantised.ts'
import type { Affine, ElementProgram, QuantisedOrder } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import { type Block, eachBlock, eachRowTile, plus } from './blocks.ts'
import type { Contraction } from './contraction.ts'
import type { Frame } from './elements.ts'
import { type Expr, i32, type Local } from './ir.ts'
import { nestOf } from './nest.ts'
import { packColumns } from './pack.ts'
import { emitQuantise, panelWords } from './quantised-pack.ts'
import { DIGITS } from './quantised-tile.ts'
import type { Target } from './target.ts'
import type { Tiles } from './tile.ts'

/** Bytes of packed panels that should stay in the second-level cache. */
const PANELS = 256 * 1024
const WORD = 4
const c = i32.const

/**
 * The contraction of a program in a quantised order, of any size.
 * @throws unsupported for loads or parts that no primitive makes
 */
export function quantisedOf(p: ElementProgram): Contraction {
  const factors = [0, 1].map((n) => ({ from: 'load', n }) as const)
  const { out, loop, loads } = nestOf({ ...p, step: [{ block: 'fmul', args: factors }] })
  const [first, second] = [loads[0]!, loads[1]!]
  const plain = [first, second].every(({ guard, via }) => !guard?.length && !via)
  if (!plain || loop.length > 1 || p.loop.includes(0) || p.finish.length > 0 || p.out.dtype !== 'f32') {
    fail('unsupported', `a contraction in ${p.order} with a finish, guarded or gathered loads, or another loop`)
  }
  const varies = ({ strides }: Affine, axis: number): boolean => strides[axis] !== 0
  const last = out.length - 1
  // Columns lie along the last axis, if only one side moves there; products of integers commute.
  const moves = last >= 0 ? [varies(first.at, last), varies(second.at, last)] : [false, false]
  const columnAxis = moves[0] === moves[1] ? -1 : last
  const [left, right] = moves[0] && columnAxis >= 0 ? [second, first] : [first, second]
  const rowAxes = out.flatMap((_, axis) =>
    axis !== columnAxis && varies(left.at, axis) && !varies(right.at, axis) ? [axis] : [],
  )
  const rowAxis = rowAxes.reduce((best, axis) => (best < 0 || out[axis]! >= out[best]! ? axis : best), -1)
  const outStride = (axis: number): number => out.slice(axis + 1).reduce((product, size) => product * size, 1)
  const along = ({ strides }: Affine, axis: number): number => (axis < 0 ? 0 : strides[axis]!)
  const deep = ({ strides }: Affine): number => (loop.length === 0 ? 0 : strides.at(-1)!)
  return {
    m: rowAxis < 0 ? 1 : out[rowAxis]!,
    n: columnAxis < 0 ? 1 : out[columnAxis]!,
    k: loop[0] ?? 1,
    a: { operand: left.operand, base: left.at.base, row: along(left.at, rowAxis), k: deep(left.at) },
    b: { operand: right.operand, base: right.at.base, column: along(right.at, columnAxis), k: deep(right.at) },
    outRow: rowAxis < 0 ? 1 : outStride(rowAxis),
    batch: out.flatMap((size, axis) =>
      axis === rowAxis || axis === columnAxis
        ? []
        : [{ size, a: left.at.strides[axis]!, b: right.at.strides[axis]!, out: outStride(axis) }],
    ),
  }
}

/** How a contraction is cut: a panel of rows is a vector wide, tiles take `rows` of it. */
interface Cut {
  readonly lanes: number
  readonly rows: number
  /** Columns of a tile and of its panel. */
  readonly columns: number
  /** Columns packed at a time, a multiple of the tile's. */
  readonly packed: number
  /** Words of a panel of rows, of a panel of columns, and of either before it is scaled. */
  readonly rowPanel: number
  readonly columnPanel: number
  readonly raw: number
}

/**
 * The rows and vectors of a tile: as many sums as registers hold beside a row of factors, a row value and a product, not
 * counting those that the last columns leave idle; of these, with the fewest loads. Rows divide a vector, so that tiles
 * divide a panel.
 */
function tileOf(order: QuantisedOrder, g: Contraction, { lanes, tileRows, tileVectors }: Target): [number, number] {
  const { sums, left, right } = DIGITS[order]
  const registers = tileRows(tileVectors) * tileVectors + tileVectors + 2
  const needed = Math.ceil(g.n / lanes)
  let best = { tile: [1, 1] as [number, number], busy: 0, loads: 0 }
  for (let vectors = 1; vectors <= Math.min(tileVectors, needed); vectors++) {
    for (let rows = 1; rows <= lanes; rows *= 2) {
      if (rows * vectors * sums + vectors * right + 2 > registers) continue
      const busy = (rows * needed) / Math.ceil(needed / vectors)
      const loads = (left * rows + right * vectors) / (rows * vectors)
      if (busy > best.busy || (busy === best.busy && loads < best.loads)) best = { tile: [rows, vectors], busy, loads }
    }
  }
  return best.tile
}

function cutOf(order: QuantisedOrder, g: Contraction, target: Target): Cut {
  const { lanes } = target
  const { left, right } = DIGITS[order]
  const [rows, vectors] = tileOf(order, g, target)
  const columns = vectors * lanes
  const depth = Math.min(g.k, QUANTISED_BLOCK)
  const columnPanel = panelWords(columns, depth, right)
  const panels = Math.max(1, Math.floor(PANELS / (WORD * columnPanel)))
  return {
    lanes,
    rows,
    columns,
    packed: Math.min(panels, Math.ceil(g.n / columns)) * columns,
    rowPanel: panelWords(lanes, depth, left),
    columnPanel,
    // Transposing writes a vector of k at a time.
    raw: Math.ceil(depth / lanes) * lanes * columns,
  }
}

/** Bytes of scratch memory a thread needs: packed panels of columns, one of rows, one that is not scaled yet. */
export function quantisedScratch(order: QuantisedOrder, g: Contraction, target: Target): number {
  const { packed, columns, columnPanel, rowPanel, raw } = cutOf(order, g, target)
  return ((packed / columns) * columnPanel + rowPanel + raw) * WORD
}

export function emitQuantised(frame: Frame, order: QuantisedOrder, g: Contraction, tiles: Tiles): void {
  const cut = cutOf(order, g, frame.target)
  const { lanes: rows, columns, packed } = cut
  eachBlock(frame, g, { rows, columns, packed, block: QUANTISED_BLOCK }, (block) =>
    emitBlock(frame, order, g, cut, tiles, block),
  )
}

function emitBlock(frame: Frame, order: QuantisedOrder, g: Contraction, cut: Cut, tiles: Tiles, block: Block): void {
  const { body, scratch, target } = frame
  const { rows, columns, depth, mode } = block
  const { lanes } = cut
  const { left, right, bits } = DIGITS[order]
  const rowPanel = body.let(i32.add(scratch, c((cut.packed / cut.columns) * cut.columnPanel * WORD)))
  const raw = body.let(i32.add(rowPanel, c(cut.rowPanel * WORD)))
  const pairs = body.let(i32.shrU(i32.add(depth, c(1)), c(1)))
  const panel = body.let(scratch)
  const eachPanel = (visit: (column: Local) => void): void => {
    body.set(panel, scratch)
    body.range(columns.from, columns.to, cut.columns, (column) => {
      visit(column)
      body.set(panel, i32.add(panel, c(cut.columnPanel * WORD)))
    })
  }
  /** Scales the columns of a side from its column `at` on; words that do not lie side by side are packed first. */
  const scaled = (side: Contraction, start: Expr, at: Expr, to: Expr, width: number, planes: number): void => {
    const { column, k } = side.b
    const from = plus(start, at, column)
    const packs = column !== 1
    if (packs) packColumns(body, side, { lanes, rows: cut.rows, depth: 0, columns: width }, raw, from, at, depth)
    const floats = packs ? { at: raw, pitch: WORD * width } : { at: body.let(from), pitch: WORD * k }
    emitQuantise(body, target, { order, bits, planes, width }, floats, to, depth)
  }
  eachPanel((column) => scaled(g, block.b, column, panel, cut.columns, right))
  // Rows are packed as columns of the transposed side.
  const turned: Contraction = { ...g, n: g.m, b: { ...g.a, column: g.a.row } }
  const rowTile = (row: Expr, height: number): void => {
    scaled(turned, block.a, row, rowPanel, lanes, left)
    const out = body.let(plus(block.out, row, g.outRow))
    const tilesAt = (column: Expr, width: number): void => {
      for (let top = 0; top < height; top += cut.rows) {
        const key = {
          order,
          rows: Math.min(cut.rows, height - top),
          columns: width,
          outRow: g.outRow * WORD,
          panel: cut.columns,
        }
        const corner = i32.add(plus(out, column, 1), c(top * g.outRow * WORD))
        body.call(tiles(key), [i32.add(rowPanel, c(top * WORD)), panel, corner, pairs, mode])
      }
    }
    const edge = g.n % cut.columns
    eachPanel((column) => {
      const whole = (): void => tilesAt(column, cut.columns)
      if (edge === 0) whole()
      else body.if(i32.eq(column, c(g.n - edge)), () => tilesAt(column, edge), whole)
    })
  }
  eachRowTile(body, g, rows, lanes, rowTile)
}
