/** `matmul`: batched contraction over blocks of 512 k, each a chain of fused multiply-adds. */
import { fail } from '#proto/errors.ts'
import { integerCodec, operands, type PrimitiveDef, requireDtype } from '../primitive.ts'
import { broadcastShapes, broadcastStrides, checkShape, elementsOf, showType, stridesOf } from '../shape.ts'

export interface MatmulAttrs {
  /** The left operand is [batch.., k, m] instead of [batch.., m, k]. */
  readonly transposeA: boolean
  /** The right operand is [batch.., n, k] instead of [batch.., k, n]. */
  readonly transposeB: boolean
}

/** Splits the last two axes off: batch shape, rows and columns as seen after the transposition. */
function sides(shape: readonly number[], transpose: boolean): { batch: number[]; rows: number; columns: number } {
  const [last2, last1] = [shape[shape.length - 2] as number, shape[shape.length - 1] as number]
  return {
    batch: shape.slice(0, -2),
    rows: transpose ? last1 : last2,
    columns: transpose ? last2 : last1,
  }
}

/** Strides over the batch coordinates of the result, then over (row, column) of the operand as seen. */
function sideStrides(shape: readonly number[], batch: readonly number[], transpose: boolean) {
  const own = stridesOf(shape)
  const [last2, last1] = [own[own.length - 2] as number, own[own.length - 1] as number]
  const matrix = elementsOf(shape.slice(-2))
  return {
    batch: broadcastStrides(shape.slice(0, -2), batch).map((stride) => stride * matrix),
    row: transpose ? last1 : last2,
    column: transpose ? last2 : last1,
  }
}

/** f32[batch.., m, k] x f32[batch.., k, n] -> f32[batch.., m, n]; batch axes broadcast. */
export const matmul: PrimitiveDef<MatmulAttrs> = {
  name: 'matmul',
  code: 2,
  attrs: integerCodec(
    (attrs) => [(attrs.transposeA ? 1 : 0) | (attrs.transposeB ? 2 : 0)],
    (next) => {
      const flags = next()
      return { transposeA: (flags & 1) !== 0, transposeB: (flags & 2) !== 0 }
    },
  ),
  infer(attrs, ins) {
    const [a, b] = operands('matmul', ins, 2)
    for (const side of [a, b]) {
      requireDtype('matmul', side, 'f32')
      if (side.shape.length < 2) fail('bad-shape', `matmul takes operands of rank >= 2, got ${showType(side)}`)
    }
    const left = sides(a.shape, attrs.transposeA)
    const right = sides(b.shape, attrs.transposeB)
    if (left.columns !== right.rows) {
      fail(
        'bad-shape',
        `matmul contracts ${left.columns} of ${showType(a)} with ${right.rows} of ${showType(b)}: they must be equal`,
      )
    }
    const shape = [...broadcastShapes(left.batch, right.batch), left.rows, right.columns]
    checkShape(shape)
    return { dtype: 'f32', shape }
  },
  element(attrs, ins) {
    const [a, b] = operands('matmul', ins, 2)
    const out = matmul.infer(attrs, ins)
    const batch = out.shape.slice(0, -2)
    const left = sideStrides(a.shape, batch, attrs.transposeA)
    const right = sideStrides(b.shape, batch, attrs.transposeB)
    const load = (n: number) => ({ from: 'load', n }) as const
    return {
      out,
      loop: [sides(a.shape, attrs.transposeA).columns],
      order: 'chain512',
      // Coordinates: batch axes, m, n, then k.
      loads: [
        { operand: 0, at: { base: 0, strides: [...left.batch, left.row, 0, left.column] }, fill: 0 },
        { operand: 1, at: { base: 0, strides: [...right.batch, 0, right.column, right.row] }, fill: 0 },
      ],
      init: 0,
      step: [{ block: 'ffma', args: [load(0), load(1), { from: 'acc' }] }],
      join: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'other' }] }],
      finish: [],
    }
  },
  vjp(b, { transposeA, transposeB }, [left, right], _out, grad) {
    if (!left || !right) fail('bad-shape', 'matmul has two operands')
    const dLeft = transposeA
      ? b.matmul(right, grad, { transposeA: transposeB, transposeB: true })
      : b.matmul(grad, right, { transposeA: false, transposeB: !transposeB })
    const dRight = transposeB
      ? b.matmul(grad, left, { transposeA: true, transposeB: transposeA })
      : b.matmul(left, grad, { transposeA: !transposeA, transposeB: false })
    return [b.sumTo(dLeft, left.type.shape), b.sumTo(dRight, right.type.shape)]
  },
}
