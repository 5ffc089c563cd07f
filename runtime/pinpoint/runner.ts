/** Runs graphs on plain words, whole or value by value: what statements about a phase are computed with. */
import { trace } from '#arith/trace.ts'
import type { ElementProgram, TensorType } from '#arith/types.ts'
import type { Buffer, Engine, Kernel } from '#engine/types.ts'
import { neededFor, partOf, typeOf } from '#graph/part.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Graph } from '#graph/types.ts'

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

/** Values that are computed by themselves, from the inputs `reads`. */
interface Selection {
  readonly reads: readonly number[]
  readonly kernel: Kernel
}

/** What is prepared for one graph. */
interface Prepared {
  whole?: Kernel
  stretches?: readonly Stretch[]
  readonly selections: Map<string, Selection>
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
    let selection = selections.get(key)
    if (selection === undefined) {
      const { graph: part, reads } = partOf(graph, neededFor(graph, ids), ids)
      selection = { reads, kernel: this.#engine.compile(part) }
      if (selections.size >= MAX_SELECTIONS) selections.delete(selections.keys().next().value as string)
      selections.set(key, selection)
    }
    return this.#call(
      selection.kernel,
      selection.reads.map((id) => inputs[id] as Words),
    )
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
      const nodes = range(first, id + 1)
      const { graph: part, reads } = partOf(graph, nodes, nodes)
      stretches.push({ reads, first, end: id + 1, kernel: this.#engine.compile(part) })
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

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
