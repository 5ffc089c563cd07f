/** What crosses the borders between stages: values in every micro-batch, tensors that several stages need in every step. */
import type { TensorType } from '#arith/types.ts'
import { neededFor, typeOf } from '../part.ts'
import { elementsOf } from '../shape.ts'
import type { Graph, Node, Program } from '../types.ts'
import type { Places } from './places.ts'

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

/** By node index of `micro`. */
export type Placed = readonly { readonly stage: number; readonly backward: boolean }[]

/** The stage of each state tensor, and of each output of `micro`. */
export interface Owners {
  readonly state: readonly number[]
  readonly sums: readonly number[]
}

const bytesOf = (type: TensorType): number => 4 * elementsOf(type.shape)

/** What of a list one stage owns, by index. */
export const indices = (owners: readonly number[], stage: number): number[] =>
  owners.flatMap((owner, i) => (owner === stage ? [i] : []))

/** By place: bytes of the values that cross a cut right before it, in either direction, each counted once. */
export function crossings(micro: Graph, { count, nodes, inputs }: Places): number[] {
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

/** By value, then by receiver. */
export function transfersOf(micro: Graph, nodes: Placed): Transfer[] {
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

/** By receiver, state before sums. */
export function sharesOf(program: Program, nodes: Placed, owners: Owners): Share[] {
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
