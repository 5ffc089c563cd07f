/** Recognises contractions: batched products of two matrices, whatever the layout of their operands. */
import type { Affine, ElementProgram } from '#arith/types.ts'
import { nestOf } from './nest.ts'

/** out[batch, i, j] = sum over k of a[batch, i, k] * b[batch, k, j]; strides in words. */
export interface Contraction {
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
export function contractionOf(p: ElementProgram): Contraction | null {
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
