/** The memory model: bytes that running a graph or training a program takes, from types and lifetimes alone. */
import type { TensorType } from '#arith/types.ts'
import { elementsOf, sameShape } from './shape.ts'
import type { Graph, Node, Port, Program } from './types.ts'

/** Tensors start at cache lines. */
const LINE = 64

/** Bytes that a tensor takes in an engine. */
export function tensorBytes(type: TensorType): number {
  return Math.max(LINE, Math.ceil((4 * elementsOf(type.shape)) / LINE) * LINE)
}

/** Whether a node gives its operand's words in the operand's own order, so that it needs no memory of its own. */
export function renames(node: Node, operand: TensorType): boolean {
  if (node.op === 'reshape') return true
  if (node.op === 'slice' || node.op === 'pad') return sameShape(node.type.shape, operand.shape)
  if (node.op !== 'transpose') return false
  // Axes of size 1 may go anywhere.
  const { permutation } = node.attrs as { readonly permutation: readonly number[] }
  const moved = permutation.filter((axis) => operand.shape[axis] !== 1)
  return moved.every((axis, i) => i === 0 || axis > moved[i - 1]!)
}

/**
 * Bytes of intermediate values that are alive while each node runs, in order: a value lives from the node that computes it to
 * the last one that reads it. Inputs and outputs lie in buffers of the caller.
 */
export function liveBytes(graph: Graph): number[] {
  const first = graph.inputs.length
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  const owner = types.map((_, id) => id)
  for (const [i, node] of graph.nodes.entries()) {
    const source = node.inputs[0]
    if (source === undefined || !renames(node, types[source]!)) continue
    // An f32 input is copied once, to make its words canonical.
    if (owner[source]! >= first || node.type.dtype !== 'f32') owner[first + i] = owner[source]!
  }
  const stored = new Set(graph.outputs.map(({ value }) => owner[value]!))
  const lastUse: number[] = []
  for (const [i, node] of graph.nodes.entries()) for (const id of node.inputs) lastUse[owner[id]!] = i
  const dying: number[][] = graph.nodes.map(() => [])
  let live = 0
  return graph.nodes.map((node, i) => {
    const id = first + i
    if (owner[id] === id && !stored.has(id)) {
      const bytes = tensorBytes(node.type)
      live += bytes
      dying[lastUse[id] ?? i]!.push(bytes)
    }
    const during = live
    for (const bytes of dying[i]!) live -= bytes
    return during
  })
}

/** Most bytes of intermediate values that are alive at once: what a run of the graph needs beside its inputs and outputs. */
export function intermediateBytes(graph: Graph): number {
  return liveBytes(graph).reduce((most, bytes) => Math.max(most, bytes), 0)
}

/** Contractions copy their right side into panels, so that the inner loop reads it in order. */
const PANELS = { depth: 512, bytes: 512 * 1024 } as const

/** Bytes that each thread needs beside the values: the largest panel of the graph's contractions. */
export function panelBytes(graph: Graph): number {
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  const panels = graph.nodes.map(({ op, attrs, inputs, type }) => {
    if (op !== 'matmul') return 0
    const left = types[inputs[0]!]!.shape
    const k = left.at((attrs as { readonly transposeA: boolean }).transposeA ? -2 : -1)!
    return Math.min(PANELS.bytes, 4 * Math.min(k, PANELS.depth) * type.shape.at(-1)!)
  })
  return Math.max(0, ...panels)
}

const listBytes = (ports: readonly Port[]): number => ports.reduce((sum, { type }) => sum + tensorBytes(type), 0)

/** Bytes that training takes in an engine, by what they are for. */
export interface Memory {
  /** The state of the step and that of the next one. */
  readonly state: number
  /** Sums of gradients and metrics that are held at once. */
  readonly sums: number
  /** Records, positions, seeds. */
  readonly inputs: number
  /** Intermediate values of the graph that needs most; graphs run one at a time. */
  readonly intermediates: number
  /** Scratch memory of the threads. */
  readonly scratch: number
  readonly total: number
}

/** How a program is trained: as in a job, with all its replicas in one process or one of them. */
export interface MemoryPlan {
  readonly microBatches: number
  readonly lanes: number
  /** Threads of the engine; default 1. */
  readonly threads?: number
}

/** Gradient sums alive at once: one for each level of the tree over lanes, the lane's own, and the micro-batch's. */
export function sumsHeld({ microBatches, lanes }: MemoryPlan): number {
  const levels = 31 - Math.clz32(lanes)
  return levels + (microBatches > lanes ? 2 : 1)
}

/** Peak memory of training a program, with its largest part in `micro`, the graph of a micro-batch. */
export function programMemory(program: Program, plan: MemoryPlan): Memory {
  const { init, micro, combine, update } = program
  const state = 2 * listBytes(program.state)
  const sums = sumsHeld(plan) * listBytes([...program.gradients, ...program.metrics])
  const inputs = listBytes(micro.inputs.slice(program.state.length))
  const intermediates = Math.max(...[init, micro, combine, update].map(intermediateBytes))
  const scratch = (plan.threads ?? 1) * panelBytes(micro)
  return { state, sums, inputs, intermediates, scratch, total: state + sums + inputs + intermediates + scratch }
}
