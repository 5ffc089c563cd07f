/** The loop nest of an element program: what is used, with axes dropped and merged where every access allows it. */
import { loadsOf } from '#arith/program.ts'
import type { Affine, ElementProgram, Load, Straight } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'

/** A program over fewer axes. Strides of loads and guards are over `out` axes, then `loop` axes of the nest. */
export interface Nest {
  readonly out: readonly number[]
  readonly loop: readonly number[]
  /** Same indices as in the program; null where nothing reads the load. */
  readonly loads: readonly (Load | null)[]
  /** The nest's axis of a program's axis that some instruction reads; absent if its only coordinate is 0. */
  readonly axes: ReadonlyMap<number, number>
}

/** Axes whose coordinate is an argument somewhere. */
function axesRead(parts: readonly Straight[]): Set<number> {
  const axes = new Set<number>()
  for (const part of parts) {
    for (const { args } of part) for (const arg of args) if (arg.from === 'axis') axes.add(arg.n)
  }
  return axes
}

/** Guards are compared as 32-bit integers. */
function checkGuards(p: ElementProgram): void {
  const dims = [...p.out.shape, ...p.loop]
  for (const { base, strides } of p.loads.flatMap(({ guard }) => guard ?? [])) {
    const reach = strides.map((stride, axis) => stride * (dims[axis]! - 1))
    const min = reach.reduce((sum, r) => sum + Math.min(0, r), base)
    const max = reach.reduce((sum, r) => sum + Math.max(0, r), base)
    if (min < -(2 ** 31) || max >= 2 ** 31) fail('unsupported', `a guard takes values from ${min} to ${max}`)
  }
}

/**
 * Drops axes of size 1 and merges neighbours that every used load and guard walks as one, within output axes and within
 * loop axes. The row-major order of both is kept.
 * @throws unsupported for guards that leave the 32-bit integers
 */
export function nestOf(p: ElementProgram): Nest {
  checkGuards(p)
  const used = new Set([...loadsOf(p, p.step), ...loadsOf(p, p.finish)])
  const affines: Affine[] = p.loads.flatMap((load, n) => (used.has(n) ? [load.at, ...(load.guard ?? [])] : []))
  const read = axesRead([p.step, p.finish])
  const dims = [...p.out.shape, ...p.loop]
  const rank = p.out.shape.length

  // Each kept axis is represented by its last (fastest) program axis; its size is the product of those merged into it.
  const kept: { axis: number; size: number }[] = []
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const size = dims[axis]!
    if (size === 1) continue
    const right = kept[0]
    const sameSide = right !== undefined && axis < rank === right.axis < rank
    const free = right !== undefined && !read.has(axis) && !read.has(right.axis)
    if (sameSide && free && affines.every((a) => a.strides[axis] === a.strides[right.axis]! * right.size)) {
      right.size *= size
    } else {
      kept.unshift({ axis, size })
    }
  }
  const project = <A extends Affine>(a: A): A => ({ ...a, strides: kept.map(({ axis }) => a.strides[axis]!) })
  return {
    out: kept.filter(({ axis }) => axis < rank).map(({ size }) => size),
    loop: kept.filter(({ axis }) => axis >= rank).map(({ size }) => size),
    loads: p.loads.map((load, n) =>
      used.has(n) ? { ...load, at: project(load.at), ...(load.guard ? { guard: load.guard.map(project) } : {}) } : null,
    ),
    axes: new Map(
      [...read].flatMap((n) => {
        const at = kept.findIndex(({ axis }) => axis === n)
        return at < 0 ? [] : [[n, at] as const]
      }),
    ),
  }
}
