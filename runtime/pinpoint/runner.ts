/** Runs graphs on plain words, whole or value by value: what statements about a phase are computed with. */
import { trace } from '#arith/trace.ts'
import type { ElementProgram, TensorType } from '#arith/types.ts'
import type { Buffer, Engine, Kernel } from '#engine/types.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Graph, Node } from '#graph/types.ts'

/** Bytes of results that a stretch of nodes has at most; one larger node is a stretch of its own. */
const STRETCH_BYTES = 1 << 24
/** Most nodes of a stretch: what a kernel of them costs to compile grows faster than their number. */
const STRETCH_NODES = 32
/** Selections of values whose kernels are kept for each graph. */
const MAX_SELECTIONS = 8

/** Words of one tensor, row-major. */
export type Words = Uint32Array

/** What computes phases. `item` is the number of the phase's item in the entry; undefined for a partner's phases. */
export interface PhaseRunner {
  /** Outputs of `graph`, in the order of its ports. `inputs` follow the ports too. */
  run(graph: Graph, inputs: readonly Words[], item?: number): Words[]
  /** The values `ids` of `graph`. */
  select(graph: Graph, inputs: readonly Words[], ids: readonly number[], item?: number): Words[]
  /** Calls `visit` with every value of `graph` in order, inputs first. */
  visit(graph: Graph, inputs: readonly Words[], visit: (id: number, words: Words) => void, item?: number): void
  /** Of one element of value `value`, whose operands are given. */
  trace(program: ElementProgram, operands: readonly Words[], element: number, item: number, value: number): Words
}

/** Consecutive nodes that are computed together, every one of them an output. */
interface Stretch {
  /** Values that are brought in: inputs of the graph or results of earlier stretches, ascending. */
  readonly reads: readonly number[]
  /** Results: `first .. end-1`. */
  readonly first: number
  readonly end: number
  readonly kernel: Kernel
}

/** What is prepared for one graph. */
interface Prepared {
  whole?: Kernel
  stretches?: readonly Stretch[]
  readonly selections: Map<string, Kernel>
}

/** The type of value `id` of a graph. */
export function typeOf(graph: Graph, id: number): TensorType {
  return (graph.inputs[id] ?? (graph.nodes[id - graph.inputs.length] as Node)).type
}

/**
 * Runs graphs of one program. Kernels are compiled when they are first needed and kept; buffers live for a call.
 *
 * Engines fuse nodes as they like, but an output of a graph is exactly the value that its element program defines. So every
 * value can be had by making it an output.
 */
export class Runner implements PhaseRunner {
  readonly #engine: Engine
  readonly #prepared = new WeakMap<Graph, Prepared>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  run(graph: Graph, inputs: readonly Words[]): Words[] {
    const prepared = this.#of(graph)
    prepared.whole ??= this.#engine.compile(graph)
    return this.#call(prepared.whole, inputs)
  }

  /** One run, of what the values depend on alone. */
  select(graph: Graph, inputs: readonly Words[], ids: readonly number[]): Words[] {
    const { selections } = this.#of(graph)
    const key = ids.join()
    let kernel = selections.get(key)
    if (kernel === undefined) {
      kernel = this.#engine.compile(selection(graph, ids))
      if (selections.size >= MAX_SELECTIONS) selections.delete(selections.keys().next().value as string)
      selections.set(key, kernel)
    }
    return this.#call(kernel, inputs)
  }

  /**
   * Words that no later stretch reads are dropped at once, so memory is what the graph's live values take and one stretch.
   */
  visit(graph: Graph, inputs: readonly Words[], visit: (id: number, words: Words) => void): void {
    const prepared = this.#of(graph)
    prepared.stretches ??= this.#cut(graph)
    const { stretches } = prepared
    const lastRead = new Map(stretches.flatMap(({ reads }, i) => reads.map((id) => [id, i] as const)))
    const live = new Map<number, Words>()
    for (const [id, words] of inputs.entries()) {
      visit(id, words)
      live.set(id, words)
    }
    for (const [i, { reads, first, kernel }] of stretches.entries()) {
      const results = this.#call(
        kernel,
        reads.map((id) => live.get(id) as Words),
      )
      for (const id of reads) if (lastRead.get(id) === i) live.delete(id)
      for (const [k, words] of results.entries()) {
        visit(first + k, words)
        if (lastRead.has(first + k)) live.set(first + k, words)
      }
    }
  }

  trace(program: ElementProgram, operands: readonly Words[], element: number): Words {
    return trace(program, operands, element)
  }

  #of(graph: Graph): Prepared {
    let prepared = this.#prepared.get(graph)
    if (prepared === undefined) {
      prepared = { selections: new Map() }
      this.#prepared.set(graph, prepared)
    }
    return prepared
  }

  #cut(graph: Graph): Stretch[] {
    const stretches: Stretch[] = []
    const base = graph.inputs.length
    const total = base + graph.nodes.length
    let first = base
    let bytes = 0
    for (let id = base; id < total; id++) {
      bytes += 4 * elementsOf(typeOf(graph, id).shape)
      const next = id + 1 < total ? 4 * elementsOf(typeOf(graph, id + 1).shape) : 0
      if (id + 1 < total && bytes + next <= STRETCH_BYTES && id + 1 - first < STRETCH_NODES) continue
      const part = stretchGraph(graph, first, id + 1)
      stretches.push({ reads: part.reads, first, end: id + 1, kernel: this.#engine.compile(part.graph) })
      first = id + 1
      bytes = 0
    }
    return stretches
  }

  #call(kernel: Kernel, inputs: readonly Words[]): Words[] {
    const { graph } = kernel
    const buffers: Buffer[] = []
    const alloc = (type: TensorType): Buffer => {
      const buffer = this.#engine.alloc(type)
      buffers.push(buffer)
      return buffer
    }
    try {
      const ins = graph.inputs.map(({ type }) => alloc(type))
      const outs = graph.outputs.map(({ value }) => alloc(typeOf(graph, value)))
      for (const [i, words] of inputs.entries()) ins[i]?.words().set(words)
      kernel.run(ins, outs)
      return outs.map((buffer) => buffer.words().slice())
    } finally {
      for (const buffer of buffers) this.#engine.free(buffer)
    }
  }
}

/** The nodes `first .. end-1` (value numbers) as a graph of their own; its inputs are the values that they read. */
function stretchGraph(graph: Graph, first: number, end: number): { graph: Graph; reads: number[] } {
  const base = graph.inputs.length
  const nodes = graph.nodes.slice(first - base, end - base)
  const reads = [...new Set(nodes.flatMap(({ inputs }) => inputs))].filter((id) => id < first).sort((a, b) => a - b)
  const number = new Map(reads.map((id, i) => [id, i]))
  for (let id = first; id < end; id++) number.set(id, reads.length + id - first)
  return { graph: renumbered(graph, reads, nodes, number, [...range(first, end)]), reads }
}

/** The graph of what the values `ids` depend on, with all inputs of `graph` and `ids` as outputs. */
function selection(graph: Graph, ids: readonly number[]): Graph {
  const base = graph.inputs.length
  const keep = new Set(ids)
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (keep.has(base + i)) for (const id of (graph.nodes[i] as Node).inputs) keep.add(id)
  }
  const number = new Map(graph.inputs.map((_, i) => [i, i]))
  const nodes = graph.nodes.filter((_, i) => {
    if (keep.has(base + i)) number.set(base + i, number.size)
    return keep.has(base + i)
  })
  return renumbered(graph, [...range(0, base)], nodes, number, ids)
}

function renumbered(
  graph: Graph,
  inputs: readonly number[],
  nodes: readonly Node[],
  number: ReadonlyMap<number, number>,
  outputs: readonly number[],
): Graph {
  const at = (id: number): number => number.get(id) as number
  return {
    name: graph.name,
    inputs: inputs.map((id) => ({ name: `v${id}`, type: typeOf(graph, id) })),
    nodes: nodes.map((node) => ({ ...node, inputs: node.inputs.map(at) })),
    outputs: outputs.map((id) => ({ name: `v${id}`, value: at(id) })),
  }
}

function* range(from: number, to: number): Generator<number> {
  for (let i = from; i < to; i++) yield i
}
