/** `gather` and `scatterAdd`: rows of a table taken, or summed, by index. */
import type { TensorType } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import { copyOf, integerCodec, operands, type PrimitiveDef, requireDtype } from '../primitive.ts'
import { checkShape, elementsOf, sameShape, showType, stridesOf } from '../shape.ts'

export type GatherAttrs = Record<string, never>

/** (T[v, d] table, i32[..] index) -> T[.., d]: row `index` of the table, zeros where the index is outside of 0..v-1. */
export const gather: PrimitiveDef<GatherAttrs> = {
  name: 'gather',
  code: 9,
  attrs: integerCodec(
    () => [],
    () => ({}),
  ),
  infer(_attrs, ins) {
    const [table, index] = operands('gather', ins, 2)
    requireDtype('gather', index, 'i32')
    if (table.shape.length !== 2) fail('bad-shape', `gather takes a table of rank 2, got ${showType(table)}`)
    const shape = [...index.shape, table.shape[1] as number]
    checkShape(shape)
    return { dtype: table.dtype, shape }
  },
  element(attrs, ins) {
    const [table, index] = operands('gather', ins, 2)
    const out = gather.infer(attrs, ins)
    const [limit, stride] = table.shape as [number, number]
    return {
      out,
      loop: [],
      order: 'lanes32',
      loads: [
        { operand: 1, at: { base: 0, strides: [...stridesOf(index.shape), 0] }, fill: 0 },
        {
          operand: 0,
          at: { base: 0, strides: [...index.shape.map(() => 0), 1] },
          fill: 0,
          via: { load: 0, stride, limit },
        },
      ],
      init: 0,
      step: [],
      join: [],
      finish: copyOf(out.dtype, 1),
    }
  },
  vjp(b, _attrs, [table, index], _out, grad) {
    if (!table || !index) fail('bad-shape', 'gather has two operands')
    return [b.scatterAdd(index, grad, table.type.shape[0] as number), null]
  },
}

export interface ScatterAddAttrs {
  /** Rows of the result. */
  readonly rows: number
}

function scatterOperands(ins: readonly TensorType[]): { index: TensorType; rows: TensorType; sources: number } {
  const [index, rows] = operands('scatterAdd', ins, 2)
  return { index, rows, sources: elementsOf(index.shape) }
}

/** (i32[..] index, f32[.., d] rows) -> f32[v, d]: row i sums the rows whose index is i, in source order; others drop. */
export const scatterAdd: PrimitiveDef<ScatterAddAttrs> = {
  name: 'scatterAdd',
  code: 10,
  attrs: integerCodec(
    (attrs) => [attrs.rows],
    (next) => ({ rows: next() }),
  ),
  infer(attrs, ins) {
    const { index, rows } = scatterOperands(ins)
    requireDtype('scatterAdd', index, 'i32')
    requireDtype('scatterAdd', rows, 'f32')
    const width = rows.shape[rows.shape.length - 1]
    if (width === undefined || !sameShape(rows.shape.slice(0, -1), index.shape)) {
      fail('bad-shape', `scatterAdd takes one row for each index, got ${showType(index)} and ${showType(rows)}`)
    }
    checkShape([attrs.rows, width])
    return { dtype: 'f32', shape: [attrs.rows, width] }
  },
  element(attrs, ins) {
    const { sources } = scatterOperands(ins)
    const out = scatterAdd.infer(attrs, ins)
    const load = (n: number) => ({ from: 'load', n }) as const
    const result = (n: number) => ({ from: 'instr', n }) as const
    return {
      out,
      // Coordinates: row, column, then source.
      loop: [sources],
      order: 'chain512',
      loads: [
        { operand: 0, at: { base: 0, strides: [0, 0, 1] }, fill: 0 },
        { operand: 1, at: { base: 0, strides: [0, 1, out.shape[1] as number] }, fill: 0 },
      ],
      init: 0,
      step: [
        { block: 'ieq', args: [load(0), { from: 'axis', n: 0 }] },
        { block: 'fadd', args: [{ from: 'acc' }, load(1)] },
        { block: 'select', args: [result(0), result(1), { from: 'acc' }] },
      ],
      join: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'other' }] }],
      finish: [],
    }
  },
  vjp(b, _attrs, [index], _out, grad) {
    if (!index) fail('bad-shape', 'scatterAdd has two operands')
    return [null, b.gather(grad, index)]
  },
}
