/** `reduce`: sum or maximum over axes, positions dealt to 32 lanes that join in a halving tree. */
import type { Block } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import { integerCodec, operands, type PrimitiveDef, readList, requireAxes, requireDtype } from '../primitive.ts'
import { stridesOf } from '../shape.ts'

export type ReduceKind = 'sum' | 'max'

export interface ReduceAttrs {
  readonly kind: ReduceKind
  /** Ascending, at least one. */
  readonly axes: readonly number[]
  /** Reduced axes stay with size 1. */
  readonly keepDims: boolean
}

const KINDS = ['sum', 'max'] as const
const BLOCK: Record<ReduceKind, Block> = { sum: 'fadd', max: 'fmax' }
const INIT: Record<ReduceKind, number> = { sum: 0, max: 0xff800000 }

/** f32[..] -> f32[.. without axes, or with them of size 1]. */
export const reduce: PrimitiveDef<ReduceAttrs> = {
  name: 'reduce',
  code: 3,
  attrs: integerCodec(
    (attrs) => [KINDS.indexOf(attrs.kind), attrs.keepDims ? 1 : 0, attrs.axes.length, ...attrs.axes],
    (next) => {
      const kind = KINDS[next()]
      if (!kind) fail('bad-encoding', 'unknown kind of reduce')
      return { kind, keepDims: next() !== 0, axes: readList(next) }
    },
  ),
  infer(attrs, ins) {
    const [x] = operands('reduce', ins, 1)
    requireDtype('reduce', x, 'f32')
    if (attrs.axes.length === 0) fail('bad-shape', 'reduce takes at least one axis')
    requireAxes('reduce', attrs.axes, x.shape.length)
    const kept = attrs.keepDims
      ? x.shape.map((size, axis) => (attrs.axes.includes(axis) ? 1 : size))
      : x.shape.filter((_, axis) => !attrs.axes.includes(axis))
    return { dtype: 'f32', shape: kept }
  },
  element(attrs, ins) {
    const [x] = operands('reduce', ins, 1)
    const own = stridesOf(x.shape)
    const outer = own
      .map((stride, axis) => (attrs.axes.includes(axis) ? 0 : stride))
      .filter((_, axis) => attrs.keepDims || !attrs.axes.includes(axis))
    const block = BLOCK[attrs.kind]
    return {
      out: reduce.infer(attrs, ins),
      loop: attrs.axes.map((axis) => x.shape[axis] as number),
      order: 'lanes32',
      loads: [
        { operand: 0, at: { base: 0, strides: [...outer, ...attrs.axes.map((axis) => own[axis] as number)] }, fill: 0 },
      ],
      init: INIT[attrs.kind],
      step: [{ block, args: [{ from: 'acc' }, { from: 'load', n: 0 }] }],
      join: [{ block, args: [{ from: 'acc' }, { from: 'other' }] }],
      finish: [],
    }
  },
  vjp(b, attrs, [x], out, grad) {
    if (!x) fail('bad-shape', 'reduce has one operand')
    const kept = x.type.shape.map((size, axis) => (attrs.axes.includes(axis) ? 1 : size))
    // Leading axes broadcast back by themselves.
    const leading = attrs.axes.every((axis, i) => axis === i)
    const spread = leading && !attrs.keepDims ? grad : b.reshape(grad, kept)
    if (attrs.kind === 'sum') return [b.broadcastTo(spread, x.type.shape)]
    // Positions that tie for the maximum share the gradient equally.
    const winners = b.select(b.equal(x, b.reshape(out, kept)), 1, 0)
    const share = b.div(spread, b.sum(winners, attrs.axes, true))
    return [b.mul(winners, share)]
  },
}
