/** Partition: a program cut into the stages of a pipeline. docs/spec/graph.md, Partition. */
import type { TensorType } from '#arith/types.ts'
import { check } from '#proto/errors.ts'
import { nodeCosts } from '../cost.ts'
import { neededFor, typeOf } from '../part.ts'
import { elementsOf } from '../shape.ts'
import type { Graph, Node, Program } from '../types.ts'
import { balance } from './balance.ts'
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

interface Carried {
  readonly from: number
  readonly to: number
  readonly type: TensorType
  /** Of its words. */
  readonly bytes: number
}

/** A value of `micro` that crosses a border in every micro-batch. */
export interface Transfer extends Carried {
  readonly value: number
  /** The pass of the receiver that reads it first. */
  readonly pass: 'forward' | 'backward'
}

/**
 * A tensor that crosses a border once a step: a state tensor that several stages read, such as tied weights, before the
 * step, or a sum that the update of another stage reads, before the update.
 */
export interface Share extends Carried {
  readonly kind: 'state' | 'sum'
  /** Of the state tensor, or of the output of `micro`. */
  readonly index: number
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

export const MAX_STAGES = 256

const bytesOf = (type: TensorType): number => 4 * elementsOf(type.shape)

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
  const { micro } = program
  const places = microPlaces(program)
  const { count } = places
  check(
    Number.isInteger(stages) && stages >= 1 && stages <= Math.min(count, MAX_STAGES),
    'bad-plan',
    `${stages} stages: 1 to ${Math.min(count, MAX_STAGES)} are possible for this program`,
  )
  const costs = nodeCosts(micro).map(({ blocks }) => blocks)
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

type Placed = readonly { readonly stage: number; readonly backward: boolean }[]

/** The stage of each state tensor, and of each output of `micro`. */
interface Owners {
  readonly state: readonly number[]
  readonly sums: readonly number[]
}

const indices = (owners: readonly number[], stage: number): number[] =>
  owners.flatMap((owner, i) => (owner === stage ? [i] : []))

/** By place: building blocks of its forward node and of the backward nodes beside it. */
function costsOf({ count, nodes }: Places, costs: readonly bigint[]): bigint[] {
  const sums = new Array<bigint>(count).fill(0n)
  for (const [i, { place }] of nodes.entries()) sums[place] = (sums[place] as bigint) + (costs[i] as bigint)
  return sums
}

/** By place: bytes of the values that cross a cut right before it, in either direction, each counted once. */
function crossings(micro: Graph, { count, nodes, inputs }: Places): number[] {
  const base = micro.inputs.length
  const own = [...micro.inputs.map((_, id) => inputs[id]), ...nodes.map(({ place }) => place)]
  const [low, high] = [[...own], [...own]]
  for (const [i, node] of micro.nodes.entries()) {
    const place = own[base + i] as number
    for (const id of node.inputs) {
      if (own[id] === undefined) continue
      low[id] = Math.min(low[id] as number, place)
      high[id] = Math.max(high[id] as number, place)
    }
  }
  const steps = new Array<number>(count + 1).fill(0)
  for (const [id, place] of own.entries()) {
    if (place === undefined) continue
    const bytes = bytesOf(typeOf(micro, id))
    steps[(low[id] as number) + 1] = (steps[(low[id] as number) + 1] as number) + bytes
    steps[(high[id] as number) + 1] = (steps[(high[id] as number) + 1] ?? 0) - bytes
  }
  let alive = 0
  return steps.slice(0, count).map((step) => {
    alive += step
    return alive
  })
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

function transfersOf(micro: Graph, nodes: Placed): Transfer[] {
  const base = micro.inputs.length
  const seen = new Map<string, Transfer>()
  // Forward first, so that a value that both passes of a stage read is sent to the first of them.
  for (const pass of ['forward', 'backward'] as const) {
    for (const [i, node] of micro.nodes.entries()) {
      const { stage: to, backward } = nodes[i] as Placed[number]
      if (backward !== (pass === 'backward')) continue
      for (const value of node.inputs) {
        const from = nodes[value - base]?.stage
        const key = `${value} ${to}`
        if (from === undefined || from === to || seen.has(key)) continue
        const { type } = micro.nodes[value - base] as Node
        seen.set(key, { value, pass, from, to, type, bytes: bytesOf(type) })
      }
    }
  }
  return [...seen.values()].sort((a, b) => a.value - b.value || a.to - b.to)
}

/** What the update of a stage gives, as values of `update`: its state tensors; the metrics of the step in the last stage. */
export function updateResults({ update, state }: Program, own: readonly number[], isLast: boolean): number[] {
  const outputs = [...own, ...(isLast ? update.outputs.flatMap((_, i) => (i < state.length ? [] : [i])) : [])]
  return [...new Set(outputs.map((i) => update.outputs[i]?.value as number))]
}

function sharesOf(program: Program, nodes: Placed, owners: Owners): Share[] {
  const { micro, update, state, gradients, metrics } = program
  const sums = [...gradients, ...metrics]
  const last = nodes.reduce((most, { stage }) => Math.max(most, stage), 0)
  const read = new Set<string>()
  for (const [i, { inputs }] of micro.nodes.entries()) {
    for (const id of inputs) if (id < state.length) read.add(`state ${id} ${nodes[i]?.stage}`)
  }
  for (let s = 0; s <= last; s++) {
    const results = updateResults(program, indices(owners.state, s), s === last)
    const nodes = neededFor(update, results)
    const reads = [...results, ...nodes.flatMap((id) => update.nodes[id - update.inputs.length]?.inputs ?? [])]
    for (const id of reads) {
      if (id < state.length) read.add(`state ${id} ${s}`)
      else if (id > state.length && id < update.inputs.length) read.add(`sum ${id - state.length - 1} ${s}`)
    }
  }
  const shares: Share[] = []
  for (let to = 0; to <= last; to++) {
    for (const [kind, ports, of] of [
      ['state', state, owners.state],
      ['sum', sums, owners.sums],
    ] as const) {
      for (const [index, { type }] of ports.entries()) {
        const from = of[index] as number
        if (from !== to && read.has(`${kind} ${index} ${to}`)) {
          shares.push({ kind, index, from, to, type, bytes: bytesOf(type) })
        }
      }
    }
  }
  return shares
}
