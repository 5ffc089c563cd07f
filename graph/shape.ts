/** Shapes: element counts, row-major strides and NumPy-style broadcasting. */
import type { TensorType } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'

export const MAX_RANK = 8
export const MAX_ELEMENTS = 2 ** 31 - 1

/** Number of elements of a shape; 1 for a scalar. */
export function elementsOf(shape: readonly number[]): number {
  let count = 1
  for (const size of shape) count *= size
  return count
}

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1)
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = (strides[axis + 1] as number) * (shape[axis + 1] as number)
  }
  return strides
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis])
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape)
}

/** `f32[2,3]`, or `i32[]` for a scalar: the notation of the printer and of error messages. */
export function showType(type: TensorType): string {
  return `${type.dtype}[${type.shape.join(',')}]`
}

/** @throws bad-shape unless every size is a positive integer, the rank at most 8 and the element count below 2^31. */
export function checkShape(shape: readonly number[]): void {
  if (shape.length > MAX_RANK) fail('bad-shape', `rank ${shape.length} is over the limit of ${MAX_RANK}`)
  let count = 1
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 1) fail('bad-shape', `[${shape.join(',')}] has a size that is not >= 1`)
    count *= size
    if (count > MAX_ELEMENTS) fail('bad-shape', `[${shape.join(',')}] has more than 2^31 - 1 elements`)
  }
}

/** The shape two operands take together: aligned at the last axis, equal sizes or 1. @throws bad-shape */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1
    const right = b[axis - rank + b.length] ?? 1
    if (left !== right && left !== 1 && right !== 1) {
      fail('bad-shape', `[${a.join(',')}] and [${b.join(',')}] do not broadcast together`)
    }
    return Math.max(left, right)
  })
}

/**
 * Strides that read a tensor of shape `from` at coordinates of shape `to`: 0 along every broadcast axis.
 * @throws bad-shape if `from` does not broadcast to `to`
 */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const lead = to.length - from.length
  const own = stridesOf(from)
  if (lead < 0) fail('bad-shape', `[${from.join(',')}] does not broadcast to [${to.join(',')}]`)
  return to.map((size, axis) => {
    if (axis < lead) return 0
    const source = from[axis - lead] as number
    if (source === size) return size === 1 ? 0 : (own[axis - lead] as number)
    return source === 1 ? 0 : fail('bad-shape', `[${from.join(',')}] does not broadcast to [${to.join(',')}]`)
  })
}
