/**
 * Quantised contractions: both sides are scaled to integers in panels, whose products sum exactly in a register tile; each
 * block of 256 k is rounded once (docs/spec/arithmetic.md, Quantised orders). Sums are exact in any order, so everything but
 * the blocks is ours to choose.
 */
import { QUANTISED_BLOCK } from '#arith/quantised.ts'
import type { Affine, ElementProgram, QuantisedOrder } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import type { Contraction } from './contraction.ts'
import { type Frame, share, unflatten } from './elements.ts'
import { type Body, type Expr, i32, type Local, pick } from './ir.ts'
import { nestOf } from './nest.ts'
import { packColumns } from './pack.ts'
import { emitQuantise, panelWords } from './quantised-pack.ts'
import { DIGITS } from './quantised-tile.ts'
import type { Target } from './target.ts'
import { FIRST, LAST, type Tiles } from './tile.ts'

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

/** What this thread computes: a range of batches, of columns or of rows, whichever deals out most evenly. */
function partOf(frame: Frame, g: Contraction, cut: Cut, batches: number): Record<'batch' | 'rows' | 'columns', Range> {
  const uneven = (count: number): number => (Math.ceil(count / frame.threads) * frame.threads) / count
  const byColumns = uneven(Math.ceil(g.n / cut.columns)) <= uneven(Math.ceil(g.m / cut.lanes))
  const shared = uneven(batches) <= 1.1 ? 'batch' : byColumns ? 'columns' : 'rows'
  const part = (side: typeof shared, total: number, grain: number): Range =>
    side === shared ? share(frame, total, grain) : { from: c(0), to: c(total) }
  return {
    batch: part('batch', batches, 1),
    rows: part('rows', g.m, cut.lanes),
    columns: part('columns', g.n, cut.columns),
  }
}

export function emitQuantised(frame: Frame, order: QuantisedOrder, g: Contraction, tiles: Tiles): void {
  const { body, out, operands } = frame
  const cut = cutOf(order, g, frame.target)
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
      body.range(c(0), c(g.k), QUANTISED_BLOCK, (k) => {
        const depth = g.k <= QUANTISED_BLOCK ? c(g.k) : min(body, i32.sub(c(g.k), k), c(QUANTISED_BLOCK))
        const first = i32.mul(i32.eqz(k), c(FIRST))
        const last = i32.mul(i32.eq(i32.add(k, depth), c(g.k)), c(LAST))
        const mode = body.let(g.k <= QUANTISED_BLOCK ? c(FIRST | LAST) : i32.add(first, last))
        emitBlock(frame, order, g, cut, tiles, {
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
  const row = body.let(rows.from)
  if (g.m >= lanes) {
    body.while(i32.ltS(row, i32.sub(rows.to, c(lanes - 1))), () => {
      rowTile(row, lanes)
      body.set(row, i32.add(row, c(lanes)))
    })
  }
  if (g.m % lanes > 0) body.if(i32.ltS(row, rows.to), () => rowTile(row, g.m % lanes))
}
