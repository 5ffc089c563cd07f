/** Proof that a load which passes its guards stays inside its operand. */
import { fail } from '#proto/errors.ts'
import type { Affine, ElementProgram, Load } from './types.ts'

interface Range {
  readonly min: number
  readonly max: number
}

/**
 * Throws `bad-program` unless every address that load `n` can form with its guards holding lies in `0..size-1`.
 *
 * The address is split as `sum(q_g * guard_g) + rest` with integers q_g; each guard then contributes
 * `q_g * [0, below_g - 1]` and the rest its range over the box of coordinates. Every choice of q_g gives sound bounds, and
 * so does their intersection; the search tries, guard by guard, the quotients of strides that cancel an axis. Slices, pads,
 * concatenations and convolutions are proven so. A program that cannot be proven is refused although it may be sound.
 */
export function checkAddress(p: ElementProgram, load: Load, n: number, size: number): void {
  // Loads of finish happen also if the loop has no position, with loop coordinates 0.
  const dims = [...p.out.shape, ...p.loop.map((dim) => Math.max(dim, 1))]
  const guards = load.guard ?? []
  if (dims.includes(0) || load.via?.limit === 0) return
  const narrowed = narrow(dims, guards)
  if (narrowed.some((range) => range.min > range.max)) return

  const factors = guards.map(() => 0)
  let width = Number.POSITIVE_INFINITY
  let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  /** Takes the bounds of the current factors; true if they are the closest so far. */
  const tighten = (): boolean => {
    const { min, max } = bounds(narrowed, load, factors)
    ;[low, high] = [Math.max(low, min), Math.min(high, max)]
    const closer = max - min < width
    if (closer) width = max - min
    return closer
  }
  tighten()
  for (let round = 0; round < 2; round++) {
    for (const [g, guard] of guards.entries()) {
      for (const factor of quotients(load.at, guard)) {
        const kept = factors[g]!
        factors[g] = factor
        if (!tighten()) factors[g] = kept
      }
    }
  }
  const reach = load.via === undefined ? 0 : load.via.stride * (load.via.limit - 1)
  const min = low + Math.min(0, reach)
  const max = high + Math.max(0, reach)
  if (min < 0 || max >= size) {
    fail('bad-program', `load ${n} may read words ${min}..${max} of an operand of ${size}`, {
      next: 'Add a guard that keeps the address inside the operand.',
    })
  }
}

const NEVER: Range = { min: 0, max: -1 }

/** The box of coordinates, cut by the guards that watch at most one axis. */
function narrow(dims: readonly number[], guards: readonly (Affine & { readonly below: number })[]): Range[] {
  const box = dims.map((dim) => ({ min: 0, max: dim - 1 }))
  for (const { base, strides, below } of guards) {
    const axes = strides.flatMap((stride, axis) => (stride === 0 ? [] : [axis]))
    if (axes.length > 1) continue
    const axis = axes[0]
    if (axis === undefined) {
      if (base < 0 || base >= below) return [NEVER]
      continue
    }
    // 0 <= base + stride * x <= below - 1, whatever the sign of stride.
    const stride = strides[axis]!
    const ends = [-base / stride, (below - 1 - base) / stride].sort((a, b) => a - b)
    const range = box[axis]!
    box[axis] = { min: Math.max(range.min, Math.ceil(ends[0]!)), max: Math.min(range.max, Math.floor(ends[1]!)) }
  }
  return box
}

function quotients(at: Affine, guard: Affine): number[] {
  const found = new Set<number>([0])
  for (const [axis, stride] of at.strides.entries()) {
    const by = guard.strides[axis]!
    if (by !== 0 && stride % by === 0) found.add(stride / by)
  }
  return [...found]
}

function bounds(box: readonly Range[], load: Load, factors: readonly number[]): Range {
  const guards = load.guard ?? []
  let min = load.at.base
  let max = load.at.base
  for (const [g, guard] of guards.entries()) {
    const factor = factors[g]!
    const constant = -factor * guard.base
    const reach = factor * (guard.below - 1)
    min += constant + Math.min(0, reach)
    max += constant + Math.max(0, reach)
  }
  for (const [axis, range] of box.entries()) {
    let stride = load.at.strides[axis]!
    for (const [g, guard] of guards.entries()) stride -= factors[g]! * guard.strides[axis]!
    min += Math.min(stride * range.min, stride * range.max)
    max += Math.max(stride * range.min, stride * range.max)
  }
  return { min, max }
}
