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
 * `q_g * [0, below_g - 1]` and the rest its range over the box of coordinates. Any choice of q_g gives sound bounds; the
 * search for tight ones tries, guard by guard, the quotients of strides that cancel an axis. Slices, pads,
 * concatenations and convolutions are proven so. A program that cannot be proven is refused although it may be sound.
 */
export function checkAddress(p: ElementProgram, load: Load, n: number, size: number): void {
  const dims = [...p.out.shape, ...p.loop]
  if (dims.some((dim) => dim === 0) || load.via?.limit === 0) return
  const guards = load.guard ?? []
  if (guards.some((guard) => guard.below === 0)) return
  const narrowed = narrow(dims, guards)
  if (narrowed.some((range) => range.min > range.max)) return

  const factors = guards.map(() => 0)
  let best = bounds(narrowed, load, factors)
  for (let round = 0; round < 2; round++) {
    for (const [g, guard] of guards.entries()) {
      for (const factor of quotients(load.at, guard)) {
        const kept = factors[g]!
        factors[g] = factor
        const range = bounds(narrowed, load, factors)
        if (range.max - range.min < best.max - best.min) best = range
        else factors[g] = kept
      }
    }
  }
  const reach = load.via === undefined ? 0 : load.via.stride * (load.via.limit - 1)
  const min = best.min + Math.min(0, reach)
  const max = best.max + Math.max(0, reach)
  if (min < 0 || max >= size) {
    fail('bad-program', `load ${n} may read words ${min}..${max} of an operand of ${size}`, {
      next: 'Add a guard that keeps the address inside the operand.',
    })
  }
}

/** The box of coordinates, cut by the guards that watch a single axis. */
function narrow(dims: readonly number[], guards: readonly (Affine & { readonly below: number })[]): Range[] {
  const box = dims.map((dim) => ({ min: 0, max: dim - 1 }))
  for (const { base, strides, below } of guards) {
    const axes = strides.flatMap((stride, axis) => (stride === 0 ? [] : [axis]))
    const axis = axes[0]
    if (axis === undefined || axes.length > 1) continue
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
