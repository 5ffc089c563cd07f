/** Which cuts a planner tries: few enough to try them all, and the same ones whoever bids. */

import type { Plan } from '../partition/plan.ts'
import { microPlaces, partitioner } from '../partition/plan.ts'
import type { Program } from '../types.ts'

export interface Cut {
  /** The first place of each stage but stage 0. */
  readonly cuts: readonly number[]
  readonly plan: Plan
}

/** Finer grains than this tell no two cuts apart. */
const MAX_GRAINS = 32
/** Cuts that are tried for each number of stages, beside the balanced one. */
const MAX_CUTS = 64

/** Ways to choose `k` of `n`. */
function choose(n: number, k: number): number {
  let ways = 1
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i
  return ways
}

/** All ascending lists of `count` items of `list`, in lexicographic order. */
function subsets(list: readonly number[], count: number): number[][] {
  if (count === 0) return [[]]
  return list.flatMap((item, i) => subsets(list.slice(i + 1), count - 1).map((rest) => [item, ...rest]))
}

/**
 * Cuts of a program into a given number of stages: the balanced one first, then all whose borders are those of grains, which
 * are balanced stages, as many as leave a few dozen cuts. Unequal grains of work are what unequal bidders need.
 * They depend on the program alone, so a further bidder never takes a choice away.
 * @returns for a number of stages, none if the program has fewer places
 */
export function cutter(program: Program): (stages: number) => readonly Cut[] {
  const cut = partitioner(program)
  const { count, nodes } = microPlaces(program)
  const base = program.micro.inputs.length
  const bordersOf = ({ stages }: Plan): number[] =>
    stages.slice(1).map(({ forward }) => nodes[(forward[0]?.first ?? base) - base]?.place as number)
  const grains = new Map<number, readonly number[]>()
  const bordersInto = (parts: number): readonly number[] => {
    const known = grains.get(parts) ?? bordersOf(cut(parts))
    grains.set(parts, known)
    return known
  }
  return (stages) => {
    if (stages > count) return []
    let parts = stages
    while (parts < Math.min(MAX_GRAINS, count) && choose(parts, stages - 1) <= MAX_CUTS) parts++
    const all = [bordersInto(stages), ...subsets(bordersInto(parts), stages - 1)]
    const each = new Map(all.map((cuts) => [cuts.join(), cuts]))
    return [...each.values()].map((cuts) => ({ cuts, plan: cut(stages, { cuts }) }))
  }
}
