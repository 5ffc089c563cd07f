/**
 * Recomputation of activations: a finished graph is rewritten so that its backward part computes values of the forward
 * part again, block by block, instead of keeping all of them until they are needed. The same nodes on the same operands
 * give the same bits.
 *
 * It is the last pass, after fusion, which would find the repeated nodes and merge them.
 */
import { intermediateBytes, tensorBytes } from './memory.ts'
import { neededFor } from './part.ts'
import type { Graph, Node } from './types.ts'

/** A boundary between blocks holds at most this share of what is alive on both of its sides. */
const NARROW = 0.5
/** Values that are this small beside a boundary are kept: computing them again would save nothing. */
const SMALL = 1 / 16

/** The forward part as a line of nodes: what each of its values weighs, and until where the line needs it. */
interface Line {
  /** Node indices, ascending. */
  readonly nodes: readonly number[]
  /** By place in the line: bytes of the value. */
  readonly bytes: readonly number[]
  /** By place in the line: the last place whose node reads the value. */
  readonly lastUse: readonly number[]
}

function lineOf(graph: Graph, forward: ReadonlySet<number>): Line {
  const first = graph.inputs.length
  const nodes = [...forward].sort((a, b) => a - b)
  const place = new Map(nodes.map((node, at) => [node, at]))
  const lastUse = nodes.map((_, at) => at)
  for (const [at, node] of nodes.entries()) {
    for (const id of (graph.nodes[node] as Node).inputs) {
      const source = place.get(id - first)
      if (source !== undefined) lastUse[source] = at
    }
  }
  return { nodes, bytes: nodes.map((node) => tensorBytes((graph.nodes[node] as Node).type)), lastUse }
}

/** By place in the line: bytes of the values that nodes up to it leave to nodes behind it. */
function crossings({ bytes, lastUse }: Line): number[] {
  let alive = 0
  const ends = new Map<number, number>()
  return bytes.map((size, at) => {
    alive += size - (ends.get(at) ?? 0)
    const end = lastUse[at] as number
    if (end === at) alive -= size
    else ends.set(end, (ends.get(end) ?? 0) + size)
    return alive
  })
}

/**
 * Places behind which the line is narrow: local minima of what crosses, with at least `1 / NARROW` times as much on the way
 * to the minima beside them.
 */
function boundaries(crossing: readonly number[]): number[] {
  const found: number[] = []
  let [low, high] = [-1, 0]
  for (const [at, bytes] of crossing.entries()) {
    const least = low < 0 ? Number.POSITIVE_INFINITY : (crossing[low] as number)
    if (bytes < least && bytes <= NARROW * high) low = at
    else if (low >= 0 && bytes * NARROW >= least) {
      found.push(low)
      low = -1
      high = bytes
    }
    if (low < 0) high = Math.max(high, bytes)
  }
  return found
}

/** Which forward values the backward part may not have: their blocks are computed again. */
function dropped(line: Line, crossing: readonly number[], ends: readonly number[]): Set<number> {
  const drop = new Set<number>()
  let block = 0
  for (const [at, node] of line.nodes.entries()) {
    while (block < ends.length && at > (ends[block] as number)) block++
    const end = ends[block]
    // What follows the last boundary is needed at once.
    if (end === undefined) break
    const crosses = ends.some((place) => place >= at && (line.lastUse[at] as number) > place)
    if (!crosses && (line.bytes[at] as number) > SMALL * (crossing[end] as number)) drop.add(node)
  }
  return drop
}

/**
 * The graph with the blocks before the last computed again where the backward part first needs one of their values. Kept are
 * the values that cross from block to block, and small ones. Outputs keep their names, order and bits. A graph that would
 * not take less memory so is returned as it is.
 * @param results output names of the forward part, such as the loss: what they depend on is forward, the rest is not
 */
export function recompute(graph: Graph, results: readonly string[]): Graph {
  const first = graph.inputs.length
  const targets = graph.outputs.filter(({ name }) => results.includes(name)).map(({ value }) => value)
  const forward = new Set(neededFor(graph, targets).map((id) => id - first))
  const line = lineOf(graph, forward)
  const crossing = crossings(line)
  const drop = dropped(line, crossing, boundaries(crossing))
  const end = line.nodes.at(-1) ?? 0

  const nodes: Node[] = []
  const moved: number[] = graph.inputs.map((_, id) => id)
  const again = new Map<number, number>()
  const push = (node: Node, inputs: readonly number[]): number => first + nodes.push({ ...node, inputs }) - 1
  /** The id of a forward value for the backward part, computed again if it was dropped. */
  const recall = (id: number): number => {
    if (!drop.has(id - first)) return moved[id] as number
    const known = again.get(id)
    if (known !== undefined) return known
    const node = graph.nodes[id - first] as Node
    const made = push(node, node.inputs.map(recall))
    again.set(id, made)
    return made
  }
  for (const [i, node] of graph.nodes.entries()) {
    const backward = i > end && !forward.has(i)
    moved[first + i] = push(node, node.inputs.map(backward ? recall : (id) => moved[id] as number))
  }
  const outputs = graph.outputs.map(({ name, value }) => ({ name, value: moved[value] as number }))
  const shorter = { ...graph, nodes, outputs }
  return intermediateBytes(shorter) < intermediateBytes(graph) ? shorter : graph
}
