/** `matmul`: batched contraction, in chains of fused multiply-adds over blocks of 512 k or in a quantised order. */
import type { QuantisedOrder } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import type { Value } from '../builder.ts'
import { integerCodec, operands, type PrimitiveDef, requireDtype } from '../primitive.ts'
import { broadcastShapes, broadcastStrides, checkShape, elementsOf, showType, stridesOf } from '../shape.ts'

export interface MatmulAttrs {
  /** The left operand is [batch.., k, m] instead of [batch.., m, k]. */
  readonly transposeA: boolean
  /** The right operand is [batch.., n, k] instead of [batch.., k, n]. */
  readonly transposeB: boolean
  /** Absent: chain512. */
  readonly order?: QuantisedOrder
}

/** Flags of the encoding. */
const TRANSPOSE_A = 1
const TRANSPOSE_B = 2
const ORDER_FLAG: Readonly<Record<QuantisedOrder, number>> = { q16: 4, q24: 8 }

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
    ({ transposeA, transposeB, order }) => [
      (transposeA ? TRANSPOSE_A : 0) | (transposeB ? TRANSPOSE_B : 0) | (order ? ORDER_FLAG[order] : 0),
    ],
    (next) => {
      const flags = next()
      // Flags of both orders, or of none that exists, are not what encoding gives back.
      const order = (['q16', 'q24'] as const).find((name) => (flags & ORDER_FLAG[name]) !== 0)
      return {
        transposeA: (flags & TRANSPOSE_A) !== 0,
        transposeB: (flags & TRANSPOSE_B) !== 0,
        ...(order && { order }),
      }
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
    const { order } = attrs
    return {
      out,
      loop: [sides(a.shape, attrs.transposeA).columns],
      order: order ?? 'chain512',
      // Coordinates: batch axes, m, n, then k.
      loads: [
        { operand: 0, at: { base: 0, strides: [...left.batch, left.row, 0, left.column] }, fill: 0 },
        { operand: 1, at: { base: 0, strides: [...right.batch, 0, right.column, right.row] }, fill: 0 },
      ],
      init: 0,
      step: order ? [] : [{ block: 'ffma', args: [load(0), load(1), { from: 'acc' }] }],
      join: order ? [] : [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'other' }] }],
      finish: [],
    }
  },
  vjp(b, { transposeA, transposeB, order }, [left, right], _out, grad) {
    if (!left || !right) fail('bad-shape', 'matmul has two operands')
    const product = (x: Value, y: Value, flipX: boolean, flipY: boolean) =>
      b.matmul(x, y, { transposeA: flipX, transposeB: flipY, arithmetic: order ?? 'f32' })
    const dLeft = transposeA ? product(right, grad, transposeB, true) : product(grad, right, false, !transposeB)
    const dRight = transposeB ? product(grad, left, true, transposeA) : product(left, grad, !transposeA, false)
    return [b.sumTo(dLeft, left.type.shape), b.sumTo(dRight, right.type.shape)]
  },
}
