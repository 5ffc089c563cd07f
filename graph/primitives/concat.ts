/** `concat`: operands laid side by side along one axis. */
import type { Arg, Instr } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import { copyOf, integerCodec, type PrimitiveDef, requireAxes, unit } from '../primitive.ts'
import { checkShape, sameShape, stridesOf } from '../shape.ts'

export interface ConcatAttrs {
  readonly axis: number
}

/** Two instructions for each operand after the first must fit an element program. */
export const MAX_CONCAT = 32

/** T[.., n1, ..], T[.., n2, ..], .. -> T[.., n1 + n2 + .., ..]; 1 to 32 operands. */
export const concat: PrimitiveDef<ConcatAttrs> = {
  name: 'concat',
  code: 8,
  attrs: integerCodec(
    (attrs) => [attrs.axis],
    (next) => ({ axis: next() }),
  ),
  infer({ axis }, ins) {
    const [first] = ins
    if (!first || ins.length > MAX_CONCAT) fail('bad-shape', `concat takes 1 to ${MAX_CONCAT} operands`)
    requireAxes('concat', [axis], first.shape.length)
    let size = 0
    for (const x of ins) {
      const aligned = x.shape.map((n, i) => (i === axis ? (first.shape[axis] as number) : n))
      if (x.dtype !== first.dtype || !sameShape(aligned, first.shape)) {
        fail('bad-shape', `concat operands must agree in dtype and in every axis but ${axis}`)
      }
      size += x.shape[axis] as number
    }
    const shape = first.shape.map((n, i) => (i === axis ? size : n))
    checkShape(shape)
    return { dtype: first.dtype, shape }
  },
  element(attrs, ins) {
    const out = concat.infer(attrs, ins)
    const rank = out.shape.length
    const { axis } = attrs
    const offsets: number[] = []
    let offset = 0
    for (const x of ins) {
      offsets.push(offset)
      offset += x.shape[axis] as number
    }
    const loads = ins.map((x, operand) => {
      const strides = stridesOf(x.shape)
      const start = offsets[operand] as number
      const guard =
        ins.length === 1
          ? {}
          : { guard: [{ base: 0 - start, strides: unit(rank, axis), below: x.shape[axis] as number }] }
      return { operand, at: { base: 0 - start * (strides[axis] as number), strides }, fill: 0, ...guard }
    })
    // select(position < start of operand i, what the operands before gave, operand i)
    const finish: Instr[] = []
    let chosen: Arg = { from: 'load', n: 0 }
    for (let n = 1; n < ins.length; n++) {
      const before: Arg = { from: 'instr', n: finish.length }
      finish.push({
        block: 'ilt',
        args: [
          { from: 'axis', n: axis },
          { from: 'const', bits: offsets[n] as number },
        ],
      })
      finish.push({ block: 'select', args: [before, chosen, { from: 'load', n }] })
      chosen = { from: 'instr', n: finish.length - 1 }
    }
    return {
      out,
      loop: [],
      order: 'lanes32',
      loads,
      init: 0,
      step: [],
      join: [],
      finish: finish.length > 0 ? finish : copyOf(out.dtype),
    }
  },
  vjp(b, { axis }, ins, _out, grad) {
    let start = 0
    return ins.map((x) => {
      const starts = unit(x.type.shape.length, axis, start)
      start += x.type.shape[axis] as number
      return b.slice(grad, starts, x.type.shape)
    })
  },
}
