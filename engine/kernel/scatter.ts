/**
 * Sums of rows by index, in the order of the sources.
 *
 * The definition walks all sources for each output; here each source is added to its own row. Leaving the others out is
 * exact: their steps keep the accumulator, and no sum from +0 is ever -0, so a block that brings a row nothing adds a
 * +0 that changes nothing.
 */
import { CHAIN } from '#arith/interpret.ts'
import type { Arg, ElementProgram } from '#arith/types.ts'
import { type Frame, share } from './elements.ts'
import { type Expr, i32, type Local, vec } from './ir.ts'
import type { Target } from './target.ts'

interface Scatter {
  readonly rows: number
  readonly width: number
  readonly sources: number
  readonly index: { readonly operand: number; readonly base: number; readonly stride: number }
  readonly values: { readonly operand: number; readonly base: number; readonly stride: number }
}

const isLoad = (arg: Arg | undefined, n: number): boolean => arg?.from === 'load' && arg.n === n
const isInstr = (arg: Arg | undefined, n: number): boolean => arg?.from === 'instr' && arg.n === n

/** The scatter that a program is, or null: acc = index == row ? acc + value : acc. */
export function scatterOf(p: ElementProgram): Scatter | null {
  const [hit, sum, kept, more] = p.step
  const [joined, moreJoined] = p.join
  if (p.order !== 'chain512' || p.init !== 0 || p.finish.length > 0 || p.out.dtype !== 'f32') return null
  if (p.out.shape.length !== 2 || p.loop.length !== 1 || p.loads.length !== 2 || more || moreJoined) return null
  if (hit?.block !== 'ieq' || sum?.block !== 'fadd' || kept?.block !== 'select' || joined?.block !== 'fadd') return null
  const [row] = [hit.args[1]]
  if (!isLoad(hit.args[0], 0) || row?.from !== 'axis' || row.n !== 0) return null
  if (sum.args[0]?.from !== 'acc' || !isLoad(sum.args[1], 1)) return null
  if (!isInstr(kept.args[0], 0) || !isInstr(kept.args[1], 1) || kept.args[2]?.from !== 'acc') return null
  if (joined.args[0]?.from !== 'acc' || joined.args[1]?.from !== 'other') return null
  const [index, values] = p.loads as [ElementProgram['loads'][0], ElementProgram['loads'][0]]
  if (index.guard?.length || values.guard?.length || index.via || values.via) return null
  const [rows, width] = p.out.shape as [number, number]
  const [, , stride] = index.at.strides as [number, number, number]
  const [byRow, byColumn, bySource] = values.at.strides as [number, number, number]
  if (index.at.strides[0] !== 0 || index.at.strides[1] !== 0 || byRow !== 0 || byColumn !== 1) return null
  return {
    rows,
    width,
    sources: p.loop[0]!,
    index: { operand: index.operand, base: index.at.base, stride },
    values: { operand: values.operand, base: values.at.base, stride: bySource },
  }
}

const WORD = 4
const rowBytes = (s: Scatter, { lanes }: Target): number => Math.ceil(s.width / lanes) * lanes * WORD
const tableBytes = (s: Scatter): number => Math.ceil(s.rows / 16) * 64

/** With several blocks: for each row its place among the block's sums, the rows at those places, the sums. */
export const scatterScratch = (s: Scatter, target: Target): number =>
  s.sources <= CHAIN ? 0 : tableBytes(s) + CHAIN * WORD + CHAIN * rowBytes(s, target)

const c = i32.const

export function emitScatter(frame: Frame, s: Scatter): void {
  const { body, out, operands } = frame
  const rows = share(frame, s.rows, 1)
  const outBytes = s.width * WORD
  const outRow = (row: Expr): Local => body.let(i32.add(out, i32.mul(row, c(outBytes))))
  const start = outRow(rows.from)
  const bytes = body.let(i32.mul(i32.sub(rows.to, rows.from), c(outBytes)))
  body.clear(start, bytes)

  /** to += from, over the columns. */
  const addRow = (to: Expr, from: Expr): void => {
    eachColumn(frame, s.width, (offset, lanes) => {
      const at = body.let(i32.add(to, offset))
      body.store(at, vec.fadd(vec.load(at), vec.load(i32.add(from, offset))), lanes)
    })
  }
  /** Visits the sources of this thread's rows in order. */
  const eachSource = (from: Expr, to: Expr, visit: (row: Local, source: Local) => void): void => {
    const first = i32.add(operands[s.index.operand]!, c(WORD * s.index.base))
    const values = i32.add(operands[s.values.operand]!, c(WORD * s.values.base))
    body.range(from, to, 1, (i) => {
      const row = body.let(i32.load(i32.add(first, i32.mul(i, c(WORD * s.index.stride)))))
      body.if(i32.ltU(i32.sub(row, rows.from), i32.sub(rows.to, rows.from)), () =>
        visit(row, body.let(i32.add(values, i32.mul(i, c(WORD * s.values.stride))))),
      )
    })
  }

  if (s.sources <= CHAIN) {
    eachSource(c(0), c(s.sources), (row, source) => addRow(outRow(row), source))
  } else {
    emitBlocks(frame, s, { outRow, addRow, eachSource })
  }
  const end = body.let(i32.add(start, bytes))
  const at = body.let(start)
  const { lanes } = frame.target
  // Past the last word there is only slack or a neighbour's memory: whole vectors first, then single words.
  body.while(i32.ltU(i32.add(at, c(lanes * WORD - 1)), end), () => {
    body.store(at, vec.canon(vec.load(at)), lanes)
    body.set(at, i32.add(at, c(lanes * WORD)))
  })
  body.while(i32.ltU(at, end), () => {
    body.store(at, vec.canon(vec.load(at)), 1)
    body.set(at, i32.add(at, c(WORD)))
  })
}

interface Parts {
  readonly outRow: (row: Expr) => Local
  readonly addRow: (to: Expr, from: Expr) => void
  readonly eachSource: (from: Expr, to: Expr, visit: (row: Local, source: Local) => void) => void
}

/** Blocks of 512 sources: each sums its rows from +0 in places of their own, which then join the totals. */
function emitBlocks({ body, scratch, target }: Frame, s: Scatter, { outRow, addRow, eachSource }: Parts): void {
  const table = scratch
  const rowOf = body.let(i32.add(scratch, c(tableBytes(s))))
  const sums = body.let(i32.add(rowOf, c(CHAIN * WORD)))
  const sumAt = (place: Expr): Local => body.let(i32.add(sums, i32.mul(place, c(rowBytes(s, target)))))
  const word = (base: Expr, index: Expr): Local => body.let(i32.add(base, i32.mul(index, c(WORD))))
  // A row's entry is 0 outside of a block that touches it, else its place plus 1.
  body.clear(table, c(tableBytes(s)))
  body.range(c(0), c(s.sources), CHAIN, (from) => {
    const to = body.let(i32.add(from, c(CHAIN)))
    body.if(i32.ltU(c(s.sources), to), () => body.set(to, c(s.sources)))
    const used = body.let(c(0))
    eachSource(from, to, (row, source) => {
      const entry = word(table, row)
      body.if(i32.eqz(i32.load(entry)), () => {
        body.clear(sumAt(used), c(rowBytes(s, target)))
        body.store(word(rowOf, used), row, 1)
        body.set(used, i32.add(used, c(1)))
        body.store(entry, used, 1)
      })
      addRow(sumAt(i32.add(i32.load(entry), c(-1))), source)
    })
    body.range(c(0), used, 1, (place) => {
      const row = body.let(i32.load(word(rowOf, place)))
      body.store(word(table, row), c(0), 1)
      addRow(outRow(row), sumAt(place))
    })
  })
}

/** Visits the columns of a row a vector at a time, with their byte offset. */
function eachColumn({ body, target }: Frame, width: number, visit: (offset: Expr, lanes: number) => void): void {
  const { lanes } = target
  const whole = width - (width % lanes)
  body.range(c(0), c(whole * WORD), lanes * WORD, (offset) => visit(offset, lanes))
  if (whole < width) visit(c(whole * WORD), width - whole)
}
