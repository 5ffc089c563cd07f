/**
 * Places of a graph's nodes along its forward part: the finest partition there is, in which every forward node is a stage
 * of its own. Coarser ones join neighbours, so a place is all that a cut has to know of a node.
 */
import { check } from '#proto/errors.ts'
import { neededFor } from '../part.ts'
import type { Graph, Node } from '../types.ts'

/** What the partitioner has to know of a graph beside its nodes. */
export interface Anchors {
  /** Names of the outputs of the forward part: what they depend on is forward, the rest is backward. */
  readonly results: readonly string[]
  /** How many inputs, from the first on, live in one stage each; the others are at hand everywhere. */
  readonly held: number
  /** By output name: the input beside which it should be computed, as a gradient beside its parameter. */
  readonly beside: ReadonlyMap<string, number>
}

/** Places `0 .. count-1`, in the order of the forward nodes. */
export interface Places {
  readonly count: number
  /** By node index. */
  readonly nodes: readonly { readonly place: number; readonly backward: boolean }[]
  /** By number, of the inputs that are held: the place where one lives, that of its first reader. */
  readonly inputs: readonly number[]
}

/** The largest item of an ascending list that is at most `limit`. */
function atMost(list: readonly number[], limit: number): number | undefined {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((list[middle] as number) <= limit) low = middle + 1
    else high = middle
  }
  return list[low - 1]
}

/**
 * Places every node such that all forward nodes in ascending order of places, then all backward ones in descending order,
 * is an order in which no node is run before its operands.
 *
 * A forward node is its own place. A backward node follows the gradients that it reads and goes back to where the forward
 * values that it reads are at hand; one that reads neither is placed beside its first reader.
 * @throws bad-plan if no node is forward
 */
export function placesOf(graph: Graph, { results, held, beside }: Anchors): Places {
  const first = graph.inputs.length
  const named = graph.outputs.filter(({ name }) => results.includes(name))
  const forward = neededFor(
    graph,
    named.map(({ value }) => value),
  )
  check(forward.length > 0, 'bad-plan', `graph '${graph.name}' has no forward part to be cut`)
  const last = forward.length - 1
  const placed = new Map(forward.map((id, place) => [id, place]))
  const at = forwardUses(graph, placed, held)

  const free = new Set<number>()
  const place = graph.nodes.map((_, i) => placed.get(first + i) ?? last)
  const isBackward = (id: number): boolean => id >= first && !placed.has(id)
  for (const [i, { inputs }] of graph.nodes.entries()) {
    if (!isBackward(first + i)) continue
    const followed = inputs.filter((id) => isBackward(id) && !free.has(id))
    const limit = followed.reduce((least, id) => Math.min(least, place[id - first] as number), last)
    const homes = inputs.flatMap((id) => atMost(at.get(id) ?? [], limit) ?? [])
    place[i] = Math.min(limit, ...homes)
    if (followed.length === 0 && !inputs.some((id) => at.has(id))) free.add(first + i)
  }
  const inputs = graph.inputs.slice(0, held).map((_, id) => at.get(id)?.[0])
  sink(graph, { place, free, isBackward, beside: besideOf(graph, beside, inputs) })
  const uses = backwardUses(graph, place, isBackward)
  return {
    count: forward.length,
    nodes: place.map((p, i) => ({ place: p, backward: isBackward(first + i) })),
    inputs: inputs.map((p, id) => p ?? uses.get(id) ?? 0),
  }
}

/** By value number, of forward nodes and held inputs: the places where it is at hand in the forward part, ascending. */
function forwardUses(graph: Graph, placed: ReadonlyMap<number, number>, held: number): Map<number, number[]> {
  const first = graph.inputs.length
  const at = new Map<number, number[]>()
  for (const [id, place] of placed) {
    at.set(id, [place])
    for (const input of (graph.nodes[id - first] as Node).inputs) {
      const uses = at.get(input)
      if (uses) uses.push(place)
      else if (input < held) at.set(input, [place])
    }
  }
  return at
}

/** By node index: the place of the input beside which its value is wanted. */
function besideOf(
  graph: Graph,
  beside: Anchors['beside'],
  inputs: readonly (number | undefined)[],
): ReadonlyMap<number, number> {
  const wanted = new Map<number, number>()
  for (const { name, value } of graph.outputs) {
    const place = inputs[beside.get(name) ?? -1]
    if (place !== undefined) wanted.set(value - graph.inputs.length, place)
  }
  return wanted
}

interface Sinking {
  /** By node index; changed. */
  readonly place: number[]
  /** Value numbers of nodes that depend on nothing that has a place. */
  readonly free: ReadonlySet<number>
  readonly isBackward: (id: number) => boolean
  readonly beside: ReadonlyMap<number, number>
}

/** Moves backward nodes to lower places, as far as their readers allow: free ones, and values wanted beside an input. */
function sink(graph: Graph, { place, free, isBackward, beside }: Sinking): void {
  const first = graph.inputs.length
  /** By node index: the place of the reader that comes first. */
  const reader: (number | undefined)[] = graph.nodes.map(() => undefined)
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (!isBackward(first + i)) continue
    const wanted = beside.get(i) ?? (free.has(first + i) ? reader[i] : undefined)
    if (wanted !== undefined) place[i] = Math.min(place[i] as number, Math.max(wanted, reader[i] ?? 0))
    for (const id of (graph.nodes[i] as Node).inputs) {
      if (isBackward(id)) reader[id - first] = Math.max(reader[id - first] ?? 0, place[i] as number)
    }
  }
}

/** By number, of inputs that backward nodes read: the place of the first reader. */
function backwardUses(
  graph: Graph,
  place: readonly number[],
  isBackward: (id: number) => boolean,
): Map<number, number> {
  const first = graph.inputs.length
  const uses = new Map<number, number>()
  for (const [i, { inputs }] of graph.nodes.entries()) {
    if (!isBackward(first + i)) continue
    for (const id of inputs) if (id < first) uses.set(id, Math.max(uses.get(id) ?? 0, place[i] as number))
  }
  return uses
}
