/** Partition: a program cut into the stages of a pipeline. docs/spec/graph.md, Partition. */
import { check } from '#proto/errors.ts'
import { nodeCosts } from '../cost.ts'
import type { Graph, Program } from '../types.ts'
import { balance } from './balance.ts'
import {
  crossings,
  indices,
  type Owners,
  type Placed,
  type Share,
  sharesOf,
  type Transfer,
  transfersOf,
} from './borders.ts'
import { type Places, placesOf } from './places.ts'

/** Value numbers `first .. end-1` of consecutive nodes of the uncut `micro` graph. */
export interface Range {
  readonly first: number
  readonly end: number
}

/** What one stage computes and keeps. All numbers are those of the uncut program. */
export interface Stage {
  /** Nodes that run on the way up, from stage to stage. */
  readonly forward: readonly Range[]
  /** Nodes that run on the way down. */
  readonly backward: readonly Range[]
  /** State tensors that live here and are updated here, by index, ascending. */
  readonly state: readonly number[]
  /** Outputs of `micro` that are computed and summed here, by index, ascending. */
  readonly sums: readonly number[]
  /** Building blocks of a micro-batch. */
  readonly blocks: bigint
}

/** A plan that runs `F0 .. Fn-1, Bn-1 .. B0` for each micro-batch: stages forward, then backward. */
export interface Plan {
  readonly stages: readonly Stage[]
  readonly transfers: readonly Transfer[]
  readonly shares: readonly Share[]
}

export interface PartitionOptions {
  /** The first place of each stage but stage 0, ascending: which forward nodes begin a stage. Default: balanced. */
  readonly cuts?: readonly number[]
}

const MAX_STAGES = 256

/** The places of the `micro` graph of a program: `count` is how many stages there can be. @throws bad-plan */
export function microPlaces({ micro, state, gradients, metrics }: Program): Places {
  return placesOf(micro, {
    results: metrics.map(({ name }) => name),
    held: state.length,
    // Gradients are in the order of the parameters, which come first in the state.
    beside: new Map(gradients.map(({ name }, i) => [name, i])),
  })
}

/**
 * Cuts a program into `stages`: forward and backward nodes of a layer in one stage, stages of nearly equal cost, at narrow
 * edges. The same program always gives the same plan.
 * @throws bad-plan if `micro` has too few forward nodes, or `cuts` are not ascending places within them
 */
export function partition(program: Program, stages: number, options: PartitionOptions = {}): Plan {
  return partitioner(program)(stages, options)
}

/** `partition` of one program, for whoever cuts it many times: what does not depend on the cut is found once. */
export function partitioner(program: Program): (stages: number, options?: PartitionOptions) => Plan {
  const places = microPlaces(program)
  const costs = nodeCosts(program.micro).map(({ blocks }) => blocks)
  return (stages, options = {}) => cutProgram(program, places, costs, stages, options)
}

function cutProgram(
  program: Program,
  places: Places,
  costs: readonly bigint[],
  stages: number,
  options: PartitionOptions,
): Plan {
  const { micro } = program
  const { count } = places
  check(
    Number.isInteger(stages) && stages >= 1 && stages <= Math.min(count, MAX_STAGES),
    'bad-plan',
    `${stages} stages: 1 to ${Math.min(count, MAX_STAGES)} are possible for this program`,
  )
  const cuts = options.cuts ?? balance(costsOf(places, costs), crossings(micro, places), stages)
  const ascending = cuts.every((cut, i) => Number.isInteger(cut) && cut > (cuts[i - 1] ?? 0) && cut < count)
  check(ascending && cuts.length === stages - 1, 'bad-plan', `[${cuts.join()}] does not cut ${count} places`, {
    next: `Give ${stages - 1} ascending places from 1 to ${count - 1}.`,
  })
  const stageOf: number[] = []
  for (let place = 0, stage = 0; place < count; place++) {
    if (place === cuts[stage]) stage++
    stageOf.push(stage)
  }
  const at = (place: number): number => stageOf[place] as number
  const nodes = places.nodes.map(({ place, backward }) => ({ stage: at(place), backward }))
  const owners = ownersOf(program, nodes, places.inputs.map(at))
  return {
    stages: Array.from({ length: stages }, (_, s) => ({
      forward: rangesOf(micro, (i) => nodes[i]?.stage === s && !nodes[i]?.backward),
      backward: rangesOf(micro, (i) => nodes[i]?.stage === s && nodes[i]?.backward === true),
      state: indices(owners.state, s),
      sums: indices(owners.sums, s),
      blocks: costs.reduce((sum, blocks, i) => (nodes[i]?.stage === s ? sum + blocks : sum), 0n),
    })),
    transfers: transfersOf(micro, nodes),
    shares: sharesOf(program, nodes, owners),
  }
}

/** By place: building blocks of its forward node and of the backward nodes beside it. */
function costsOf({ count, nodes }: Places, costs: readonly bigint[]): bigint[] {
  const sums = new Array<bigint>(count).fill(0n)
  for (const [i, { place }] of nodes.entries()) sums[place] = (sums[place] as bigint) + (costs[i] as bigint)
  return sums
}

function rangesOf(graph: Graph, has: (index: number) => boolean): Range[] {
  const ranges: Range[] = []
  const base = graph.inputs.length
  for (let i = 0; i < graph.nodes.length; i++) {
    if (!has(i)) continue
    const first = i
    while (i + 1 < graph.nodes.length && has(i + 1)) i++
    ranges.push({ first: base + first, end: base + i + 1 })
  }
  return ranges
}

/**
 * A parameter lives where `micro` reads it first; a slot of the optimizer, which `micro` does not read, beside the
 * parameter whose gradient it follows, and in stage 0 if it follows none. A sum belongs where it is computed.
 */
function ownersOf({ micro, update, state, gradients }: Program, nodes: Placed, homes: readonly number[]): Owners {
  const base = micro.inputs.length
  const sums = micro.outputs.map(({ value }) => (value < base ? homes[value] : nodes[value - base]?.stage) ?? 0)
  // In `update`: the lowest home of a parameter whose gradient a value depends on.
  const first = state.length + 1
  const follows: (number | undefined)[] = update.inputs.map((_, id) =>
    id >= first && id < first + gradients.length ? homes[id - first] : undefined,
  )
  for (const { inputs } of update.nodes) {
    const homesRead = inputs.flatMap((id) => follows[id] ?? [])
    follows.push(homesRead.length > 0 ? Math.min(...homesRead) : undefined)
  }
  const slot = (i: number): number => follows[update.outputs[i]?.value ?? -1] ?? 0
  return { state: state.map((_, i) => (i < gradients.length ? (homes[i] as number) : slot(i))), sums }
}
