/** Which cuts a planner tries: few enough to try them all, and the same ones whoever bids. */
import { nodeCosts } from '../cost.ts'
import { crossings } from '../partition/borders.ts'
import { microPlaces, type Plan, partitioner } from '../partition/plan.ts'
import type { Program } from '../types.ts'

export interface Cut {
  /** The first place of each stage but stage 0. */
  readonly cuts: readonly number[]
  readonly plan: Plan
}

/** Finer parts than this tell no two cuts apart. */
const MAX_PARTS = 32
/** Cuts along the borders of parts that are tried for each number of stages. */
const MAX_CUTS = 128
/** How much more than the mean the last stage gets, and how much less the first one; and the other way round. */
const TILTS = [-0.8, -0.6, -0.45, -0.3, -0.2, -0.1, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8]

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
 * Of the borders of parts, those of `stages` stages that get steadily more of them, or fewer. Under 1F1B the first stage
 * keeps most micro-batches, so where memory is scarce it has to be the smallest.
 */
function tilted(borders: readonly number[], stages: number, tilt: number): number[] {
  const parts = borders.length + 1
  let share = 0
  let before = 0
  return Array.from({ length: stages - 1 }, (_, s) => {
    share += (1 + tilt * ((2 * s) / (stages - 1) - 1)) / stages
    // At least a part for each stage, those that follow included.
    before = Math.min(parts - (stages - 1 - s), Math.max(before + 1, Math.round(share * parts)))
    return borders[before - 1] as number
  })
}

/** By a number of parts: borders between parts of about equal cost, each at the narrowest place that is near. */
function bordersOf(program: Program): (parts: number) => readonly number[] {
  const { micro } = program
  const places = microPlaces(program)
  const bytes = crossings(micro, places)
  const costs = new Array<number>(places.count).fill(0)
  for (const [i, { blocks }] of nodeCosts(micro).entries()) {
    const place = places.nodes[i]?.place as number
    costs[place] = (costs[place] as number) + Number(blocks)
  }
  let sum = 0
  const before = costs.map((cost) => {
    sum += cost
    return sum - cost
  })
  return (parts) => {
    const narrowest = new Map<number, number>()
    for (let place = 1; place < places.count; place++) {
      const part = Math.round(((before[place] as number) / sum) * parts)
      const known = narrowest.get(part)
      if (!(part >= 1 && part < parts)) continue
      if (known === undefined || (bytes[place] as number) < (bytes[known] as number)) narrowest.set(part, place)
    }
    return [...narrowest.values()].sort((a, b) => a - b)
  }
}

/**
 * Cuts of a program into a given number of stages: the balanced one first; then tilted ones; then all along the borders of
 * as many equal parts as leave not too many of them, because unequal bidders need unequal stages. They depend on the program
 * alone, so a further bidder never takes a choice away.
 * @returns for a number of stages, none if the program has fewer places
 */
export function cutter(program: Program): (stages: number) => readonly Cut[] {
  const cut = partitioner(program)
  const { count, nodes } = microPlaces(program)
  const base = program.micro.inputs.length
  const bordersInto = bordersOf(program)
  const fine = bordersInto(MAX_PARTS)
  const balanced = (stages: number): number[] =>
    cut(stages)
      .stages.slice(1)
      .map(({ forward }) => nodes[(forward[0]?.first ?? base) - base]?.place as number)
  return (stages) => {
    if (stages > count) return []
    let parts = stages
    while (parts < MAX_PARTS && choose(parts, stages - 1) <= MAX_CUTS) parts++
    const all = [
      balanced(stages),
      ...(fine.length < stages ? [] : TILTS.map((tilt) => tilted(fine, stages, tilt))),
      ...subsets(bordersInto(parts), stages - 1),
    ]
    const each = new Map(all.map((cuts) => [cuts.join(), cuts]))
    return [...each.values()].map((cuts) => ({ cuts, plan: cut(stages, { cuts }) }))
  }
}
