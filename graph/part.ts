/** Parts of a graph as graphs of their own: how stages, stretches of nodes and single values are computed alone. */
import type { TensorType } from '#arith/types.ts'
import type { Graph, Node } from './types.ts'

/** The type of value `id` of a graph. */
export function typeOf(graph: Graph, id: number): TensorType {
  return (graph.inputs[id] ?? (graph.nodes[id - graph.inputs.length] as Node)).type
}

/** Nodes that the values `ids` depend on, those of `ids` included: their value numbers, ascending. */
export function neededFor(graph: Graph, ids: readonly number[]): number[] {
  const base = graph.inputs.length
  const keep = new Set(ids)
  const found: number[] = []
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (!keep.has(base + i)) continue
    found.push(base + i)
    for (const id of (graph.nodes[i] as Node).inputs) keep.add(id)
  }
  return found.reverse()
}

/** Some nodes of a graph as a graph. Values are named by their numbers in the whole graph, which stay their addresses. */
export interface Part {
  /** Its inputs and outputs are named `v<number>`. */
  readonly graph: Graph
  /** Numbers of the values that are brought in, ascending: one for each input of the part. */
  readonly reads: readonly number[]
  /** Numbers of the values that it gives, one for each output of the part, as they were asked for. */
  readonly results: readonly number[]
}

/**
 * The part of `graph` that computes the nodes with the value numbers `nodes` (ascending) and gives `results`, each of them
 * once: any values of the graph; those that are not computed here are passed on.
 */
export function partOf(graph: Graph, nodes: readonly number[], results: readonly number[]): Part {
  const base = graph.inputs.length
  const own = nodes.map((id) => graph.nodes[id - base] as Node)
  const inside = new Set(nodes)
  const read = new Set([...own.flatMap(({ inputs }) => inputs), ...results])
  const reads = [...read].filter((id) => !inside.has(id)).sort((a, b) => a - b)
  const number = new Map([...reads, ...nodes].map((id, i) => [id, i]))
  const at = (id: number): number => number.get(id) as number
  const part = {
    name: graph.name,
    inputs: reads.map((id) => ({ name: `v${id}`, type: typeOf(graph, id) })),
    nodes: own.map((node) => ({ ...node, inputs: node.inputs.map(at) })),
    outputs: results.map((id) => ({ name: `v${id}`, value: at(id) })),
  }
  return { graph: part, reads, results }
}
