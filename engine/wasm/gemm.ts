/**
 * Contractions: packed panels of the right side and a register tile of 6 x 8 results.
 *
 * The order is the definition's: each block of 512 k is a chain of fused multiply-adds from +0; the first block's value
 * is the total, the others are added in ascending order, and the last one's store is canonical. Only the order of
 * independent results is ours.
 */
import { CHAIN } from '#arith/interpret.ts'
import type { Affine, ElementProgram } from '#arith/types.ts'
import { type Frame, share, storeWords, unflatten } from './elements.ts'
import type { Body, Expr, Local } from './ir.ts'
import { f32x4, i32, pick, v128 } from './ir.ts'
import { nestOf } from './nest.ts'
import { canon, fma, type Target } from './straight.ts'

/** Rows and columns of the register tile: 12 sums, 2 columns and 1 row value fill the 15 registers V8 has. */
const ROWS = 6
const COLUMNS = 8
/** Bytes of packed panels that should stay in the second-level cache. */
const PANELS = 512 * 1024
const WORD = 4

/** out[batch, i, j] = sum over k of a[batch, i, k] * b[batch, k, j]; strides in words. */
export interface Gemm {
  readonly m: number
  readonly n: number
  readonly k: number
  readonly a: { readonly operand: number; readonly base: number; readonly row: number; readonly k: number }
  readonly b: { readonly operand: number; readonly base: number; readonly column: number; readonly k: number }
  /** Words from one row of the result to the next; columns lie side by side. */
  readonly outRow: number
  readonly batch: readonly { readonly size: number; readonly a: number; readonly b: number; readonly out: number }[]
}

/** The contraction that a program is, or null. */
export function gemmOf(p: ElementProgram): Gemm | null {
  const [instr, more] = p.step
  const [joined, moreJoined] = p.join
  if (p.order !== 'chain512' || p.init !== 0 || p.finish.length > 0 || p.out.dtype !== 'f32') return null
  if (instr?.block !== 'ffma' || more || joined?.block !== 'fadd' || moreJoined) return null
  const [x, y, z] = instr.args
  if (x?.from !== 'load' || y?.from !== 'load' || z?.from !== 'acc') return null
  const sources = joined.args.map(({ from }) => from)
  if (!sources.includes('acc') || !sources.includes('other')) return null

  const { out, loop, loads } = nestOf(p)
  const [first, second] = [loads[x.n]!, loads[y.n]!]
  if (first.guard?.length || second.guard?.length || first.via || second.via) return null
  const columnAxis = out.length - 1
  if (loop.length !== 1 || columnAxis < 1) return null
  const varies = (at: Affine, axis: number): boolean => at.strides[axis] !== 0
  const swap = varies(first.at, columnAxis)
  const [left, right] = swap ? [second, first] : [first, second]
  if (varies(left.at, columnAxis) || !varies(right.at, columnAxis)) return null
  const rowAxes = out.flatMap((_, axis) =>
    axis < columnAxis && varies(left.at, axis) && !varies(right.at, axis) ? [axis] : [],
  )
  const rowAxis = rowAxes.reduce((best, axis) => (best < 0 || out[axis]! >= out[best]! ? axis : best), -1)
  if (rowAxis < 0) return null

  const outStride = (axis: number): number => out.slice(axis + 1).reduce((product, size) => product * size, 1)
  const [m, n, k] = [out[rowAxis]!, out[columnAxis]!, loop[0]!]
  // Rows read in place lie at constant distances, which cannot be negative.
  if (m < 4 || n < 4 || k < 4 || left.at.strides[rowAxis]! < 0) return null
  return {
    m,
    n,
    k,
    a: { operand: left.operand, base: left.at.base, row: left.at.strides[rowAxis]!, k: left.at.strides.at(-1)! },
    b: {
      operand: right.operand,
      base: right.at.base,
      column: right.at.strides[columnAxis]!,
      k: right.at.strides.at(-1)!,
    },
    outRow: outStride(rowAxis),
    batch: out.flatMap((size, axis) =>
      axis === rowAxis || axis === columnAxis
        ? []
        : [{ size, a: left.at.strides[axis]!, b: right.at.strides[axis]!, out: outStride(axis) }],
    ),
  }
}

const depth = (g: Gemm): number => Math.min(g.k, CHAIN)
const paddedDepth = (g: Gemm): number => Math.ceil(depth(g) / 4) * 4
const panelBytes = (g: Gemm): number => paddedDepth(g) * COLUMNS * WORD
/** Columns packed at a time, a multiple of the tile's. */
const packedColumns = (g: Gemm): number => {
  const most = Math.floor(PANELS / panelBytes(g)) * COLUMNS
  return Math.min(most, Math.ceil(g.n / COLUMNS) * COLUMNS)
}
/** Rows whose words along k lie side by side are read where they are. */
const packsRows = (g: Gemm): boolean => g.a.k !== 1

/** Bytes of scratch memory a thread needs: packed panels, then one packed tile of rows. */
export const gemmScratch = (g: Gemm): number =>
  (packedColumns(g) / COLUMNS) * panelBytes(g) + (packsRows(g) ? paddedDepth(g) * 8 * WORD : 0)

/** A function of the register tile, specialised by its shape and strides; `call(a, b, out, depth, mode)`. */
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
const FIRST = 1
const LAST = 2

const c = i32.const
const min = (body: Body, a: Expr, limit: Expr): Local => {
  const value = body.let(a)
  body.set(value, pick(i32.ltU(value, limit), value, limit))
  return value
}

export function emitGemm(frame: Frame, g: Gemm, tiles: Tiles): void {
  const { body, out, operands, scratch } = frame
  const batches = g.batch.reduce((product, { size }) => product * size, 1)
  const rowTiles = Math.ceil(g.m / ROWS)
  const columnTiles = Math.ceil(g.n / COLUMNS)
  // Whole batches need nothing twice; else the side whose tiles deal out more evenly is shared.
  const uneven = (count: number): number => (Math.ceil(count / frame.threads) * frame.threads) / count
  const by = uneven(batches) <= 1.1 ? 'batch' : uneven(columnTiles) <= uneven(rowTiles) ? 'columns' : 'rows'
  const part = (side: typeof by, total: number, grain: number): { from: Expr; to: Expr } =>
    side === by ? share(frame, total, grain) : { from: c(0), to: c(total) }
  const batch = part('batch', batches, 1)
  const rows = part('rows', g.m, ROWS)
  const columns = part('columns', g.n, COLUMNS)
  const rowBytes = g.outRow * WORD
  const aRow = packsRows(g) ? WORD : g.a.row * WORD
  const aDepth = packsRows(g) ? ROWS * WORD : WORD
  const packed = packedColumns(g)
  const tileRows = i32.add(scratch, c((packed / COLUMNS) * panelBytes(g)))

  body.range(batch.from, batch.to, 1, (index) => {
    const coordinates = unflatten(
      body,
      index,
      g.batch.map(({ size }) => size),
    )
    const walk = (start: Expr, stride: (axis: Gemm['batch'][number]) => number): Local =>
      body.let(g.batch.reduce((at, axis, i) => i32.add(at, i32.mul(coordinates[i]!, c(WORD * stride(axis)))), start))
    const aBatch = walk(i32.add(operands[g.a.operand]!, c(WORD * g.a.base)), (axis) => axis.a)
    const bBatch = walk(i32.add(operands[g.b.operand]!, c(WORD * g.b.base)), (axis) => axis.b)
    const outBatch = walk(out, (axis) => axis.out)

    body.range(columns.from, columns.to, packed, (j0) => {
      const j1 = min(body, i32.add(j0, c(packed)), columns.to)
      body.range(c(0), c(g.k), CHAIN, (k0) => {
        const deep = g.k <= CHAIN ? c(g.k) : min(body, i32.sub(c(g.k), k0), c(CHAIN))
        const mode = body.let(
          g.k <= CHAIN
            ? c(FIRST | LAST)
            : i32.add(i32.mul(i32.eqz(k0), c(FIRST)), i32.mul(i32.eq(i32.add(k0, deep), c(g.k)), c(LAST))),
        )
        const bBlock = body.let(i32.add(bBatch, i32.mul(k0, c(WORD * g.b.k))))
        const aBlock = body.let(i32.add(aBatch, i32.mul(k0, c(WORD * g.a.k))))
        const panel = body.let(scratch)
        body.range(j0, j1, COLUMNS, (j) => {
          packColumns(body, g, panel, body.let(i32.add(bBlock, i32.mul(j, c(WORD * g.b.column)))), j, deep)
          body.set(panel, i32.add(panel, c(panelBytes(g))))
        })
        const tile = (i: Expr, height: number): void => {
          const aTile = body.let(i32.add(aBlock, i32.mul(i, c(WORD * g.a.row))))
          const left = packsRows(g) ? tileRows : aTile
          if (packsRows(g)) packRows(body, g, tileRows, aTile, height, deep)
          const outTile = body.let(i32.add(outBatch, i32.mul(i, c(rowBytes))))
          body.set(panel, scratch)
          body.range(j0, j1, COLUMNS, (j) => {
            const at = i32.add(outTile, i32.mul(j, c(WORD)))
            const compute = (width: number): void => {
              const key = { rows: height, columns: width, aRow, aDepth, outRow: rowBytes }
              body.call(tiles(key), [left, panel, at, deep, mode])
            }
            const edge = g.n % COLUMNS
            if (edge === 0) compute(COLUMNS)
            else
              body.if(
                i32.eq(j, c(g.n - edge)),
                () => compute(edge),
                () => compute(COLUMNS),
              )
            body.set(panel, i32.add(panel, c(panelBytes(g))))
          })
        }
        const i = body.let(rows.from)
        if (g.m >= ROWS) {
          body.while(i32.ltS(i, i32.sub(rows.to, c(ROWS - 1))), () => {
            tile(i, ROWS)
            body.set(i, i32.add(i, c(ROWS)))
          })
        }
        if (g.m % ROWS > 0) body.if(i32.ltS(i, rows.to), () => tile(i, g.m % ROWS))
      })
    })
  })
}

/** Packs 8 columns: `panel[k][0..7]`. Columns past the last repeat words that nothing stores. */
function packColumns(body: Body, g: Gemm, panel: Expr, from: Expr, j: Expr, deep: Expr): void {
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
  const sources = Array.from({ length: COLUMNS }, (_, column_) => {
    const inside = pick(i32.ltS(c(column_), last), c(column_), last)
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
    sources.forEach((source, column_) => {
      body.storeI32(to, i32.load(source), WORD * column_)
    })
    advance(1)
  })
}

/** Packs up to 6 rows: `tile[k][0..5]`. */
function packRows(body: Body, g: Gemm, tile: Expr, from: Expr, height: number, deep: Expr): void {
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
export function transpose4(body: Body, rows: readonly Expr[]): Local[] {
  const [a, b, d, e] = rows as [Expr, Expr, Expr, Expr]
  const low = [body.let(v128.shuffle(a, b, [0, 4, 1, 5])), body.let(v128.shuffle(d, e, [0, 4, 1, 5]))] as const
  const high = [body.let(v128.shuffle(a, b, [2, 6, 3, 7])), body.let(v128.shuffle(d, e, [2, 6, 3, 7]))] as const
  return [low, high].flatMap(([x, y]) => [
    body.let(v128.shuffle(x, y, [0, 1, 4, 5])),
    body.let(v128.shuffle(x, y, [2, 3, 6, 7])),
  ])
}

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
