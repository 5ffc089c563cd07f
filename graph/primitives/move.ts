/** Primitives that only move words: `reshape`, `transpose`, `slice` and `pad`. */
import { fail } from '#proto/errors.ts'
import { integerCodec, movement, operands, type PrimitiveDef, readList, unit } from '../primitive.ts'
import { checkShape, elementsOf, showType, stridesOf } from '../shape.ts'

export interface ReshapeAttrs {
  readonly shape: readonly number[]
}

/** T[..] -> T[shape], the same elements in the same row-major order. */
export const reshape: PrimitiveDef<ReshapeAttrs> = {
  name: 'reshape',
  code: 4,
  attrs: integerCodec(
    (attrs) => [attrs.shape.length, ...attrs.shape],
    (next) => ({ shape: readList(next) }),
  ),
  infer(attrs, ins) {
    const [x] = operands('reshape', ins, 1)
    checkShape(attrs.shape)
    if (elementsOf(attrs.shape) !== elementsOf(x.shape)) {
      fail('bad-shape', `reshape cannot make [${attrs.shape.join(',')}] of ${showType(x)}`)
    }
    return { dtype: x.dtype, shape: [...attrs.shape] }
  },
  element(attrs, ins) {
    const out = reshape.infer(attrs, ins)
    return movement(out, 0, stridesOf(out.shape))
  },
  vjp: (b, _attrs, ins, _out, grad) => ins.map((x) => b.reshape(grad, x.type.shape)),
}

export interface TransposeAttrs {
  /** Axis i of the result is axis `permutation[i]` of the operand. */
  readonly permutation: readonly number[]
}

/** T[..] -> T[.. with its axes permuted]. */
export const transpose: PrimitiveDef<TransposeAttrs> = {
  name: 'transpose',
  code: 5,
  attrs: integerCodec(
    (attrs) => [attrs.permutation.length, ...attrs.permutation],
    (next) => ({ permutation: readList(next) }),
  ),
  infer({ permutation }, ins) {
    const [x] = operands('transpose', ins, 1)
    const seen = new Set(permutation)
    const valid = permutation.length === x.shape.length && x.shape.every((_, axis) => seen.has(axis))
    if (!valid) fail('bad-shape', `[${permutation.join(',')}] is not a permutation of the axes of ${showType(x)}`)
    return { dtype: x.dtype, shape: permutation.map((axis) => x.shape[axis] as number) }
  },
  element(attrs, ins) {
    const [x] = operands('transpose', ins, 1)
    const own = stridesOf(x.shape)
    const strides = attrs.permutation.map((axis) => own[axis] as number)
    return movement(transpose.infer(attrs, ins), 0, strides)
  },
  vjp(b, { permutation }, _ins, _out, grad) {
    return [
      b.transpose(
        grad,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ]
  },
}

export interface SliceAttrs {
  readonly starts: readonly number[]
  /** Sizes of the result. */
  readonly sizes: readonly number[]
  /** Steps between elements taken, each >= 1. */
  readonly strides: readonly number[]
}

/** T[..] -> T[sizes]: element i of an axis is element `starts + i * strides`. */
export const slice: PrimitiveDef<SliceAttrs> = {
  name: 'slice',
  code: 6,
  attrs: integerCodec(
    ({ starts, sizes, strides }) => [starts.length, ...starts, sizes.length, ...sizes, strides.length, ...strides],
    (next) => ({ starts: readList(next), sizes: readList(next), strides: readList(next) }),
  ),
  infer({ starts, sizes, strides }, ins) {
    const [x] = operands('slice', ins, 1)
    const rank = x.shape.length
    if (starts.length !== rank || sizes.length !== rank || strides.length !== rank) {
      fail('bad-shape', `slice of ${showType(x)} takes ${rank} starts, sizes and strides`)
    }
    checkShape(sizes)
    for (const [axis, size] of x.shape.entries()) {
      const [start, step, count] = [starts[axis] as number, strides[axis] as number, sizes[axis] as number]
      const valid = Number.isInteger(start) && start >= 0 && Number.isInteger(step) && step >= 1
      if (!valid || start + (count - 1) * step >= size) {
        fail('bad-shape', `slice reaches outside of axis ${axis} of ${showType(x)}`)
      }
    }
    return { dtype: x.dtype, shape: [...sizes] }
  },
  element(attrs, ins) {
    const [x] = operands('slice', ins, 1)
    const own = stridesOf(x.shape)
    const base = own.reduce((sum, stride, axis) => sum + stride * (attrs.starts[axis] as number), 0)
    const strides = own.map((stride, axis) => stride * (attrs.strides[axis] as number))
    return movement(slice.infer(attrs, ins), base, strides)
  },
  vjp(b, { starts, sizes, strides }, [x], _out, grad) {
    if (!x) fail('bad-shape', 'slice has one operand')
    // A step above 1 is undone by padding behind each element; the last element's padding may overhang and is cut.
    let spread = grad
    for (const [axis, step] of strides.entries()) {
      if (step === 1) continue
      const shape = spread.type.shape
      const count = sizes[axis] as number
      const split = [...shape.slice(0, axis), count, 1, ...shape.slice(axis + 1)]
      const padded = b.pad(
        b.reshape(spread, split),
        unit(split.length, axis + 1, 0),
        unit(split.length, axis + 1, step - 1),
      )
      const joined = b.reshape(padded, [...shape.slice(0, axis), count * step, ...shape.slice(axis + 1)])
      const reach = Math.min(count * step, (x.type.shape[axis] as number) - (starts[axis] as number))
      spread = b.slice(
        joined,
        joined.type.shape.map(() => 0),
        joined.type.shape.map((size, i) => (i === axis ? reach : size)),
      )
    }
    const high = x.type.shape.map((size, axis) => size - (starts[axis] as number) - (spread.type.shape[axis] as number))
    return [b.pad(spread, starts, high)]
  },
}

export interface PadAttrs {
  readonly low: readonly number[]
  readonly high: readonly number[]
  /** Word written outside of the operand. */
  readonly fill: number
}

/** T[..] -> T[.. larger by low + high]: the operand inside, `fill` around it. */
export const pad: PrimitiveDef<PadAttrs> = {
  name: 'pad',
  code: 7,
  attrs: integerCodec(
    ({ low, high, fill }) => [low.length, ...low, high.length, ...high, fill | 0],
    (next) => ({ low: readList(next), high: readList(next), fill: next() >>> 0 }),
  ),
  infer({ low, high, fill }, ins) {
    const [x] = operands('pad', ins, 1)
    const valid = [...low, ...high].every((size) => Number.isInteger(size) && size >= 0)
    if (!valid || low.length !== x.shape.length || high.length !== x.shape.length) {
      fail('bad-shape', `pad of ${showType(x)} takes ${x.shape.length} sizes >= 0 on each side`)
    }
    if (x.dtype === 'bool' && fill > 1) fail('bad-shape', 'pad of bool takes fill 0 or 1')
    const shape = x.shape.map((size, axis) => size + (low[axis] as number) + (high[axis] as number))
    checkShape(shape)
    return { dtype: x.dtype, shape }
  },
  element(attrs, ins) {
    const [x] = operands('pad', ins, 1)
    const own = stridesOf(x.shape)
    const rank = own.length
    const base = own.reduce((sum, stride, axis) => sum - stride * (attrs.low[axis] as number), 0)
    const guard = x.shape.flatMap((below, axis) => {
      const [low, high] = [attrs.low[axis] as number, attrs.high[axis] as number]
      return low + high === 0 ? [] : [{ base: low === 0 ? 0 : -low, strides: unit(rank, axis), below }]
    })
    return movement(pad.infer(attrs, ins), base === 0 ? 0 : base, own, { fill: attrs.fill, guard })
  },
  vjp(b, { low }, ins, _out, grad) {
    return ins.map((x) => b.slice(grad, low, x.type.shape))
  },
}
