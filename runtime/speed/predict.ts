/** The cost model in seconds: what a program takes on an engine whose rates were measured. */
import type { TensorType } from '#arith/types.ts'
import { renames } from '#graph/memory.ts'
import type { Times } from '#graph/plan/bidder.ts'
import type { MapAttrs } from '#graph/primitives/map.ts'
import type { MatmulAttrs } from '#graph/primitives/matmul.ts'
import type { ReduceAttrs } from '#graph/primitives/reduce.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Graph, Node, Program } from '#graph/types.ts'
import { GRID, type Rates } from './rates.ts'

/** Words that stay in a core's cache, and words of which nothing stays in any. */
const NEAR = 2 ** 18
const FAR = 2 ** 22
const HEAVY = ['fdiv', 'fsqrt']

/** Place of a size between two of a list: the lower one's index, and how far it is to the next, in the logarithm. */
function placeOf(size: number, list: readonly number[]): [index: number, share: number] {
  const index = Math.max(
    0,
    Math.min(
      list.length - 2,
      list.findLastIndex((step) => step <= size),
    ),
  )
  const [low, high] = [list[index] as number, list[index + 1] as number]
  return [index, Math.min(1, Math.max(0, Math.log(size / low) / Math.log(high / low)))]
}

/** Floating-point operations a second of a contraction, interpolated in the logarithms of its sizes. */
export function contractionRate({ contraction }: Pick<Rates, 'contraction'>, m: number, n: number, k: number): number {
  const [[i, u], [j, v], [l, w]] = [placeOf(m, GRID.m), placeOf(n, GRID.n), placeOf(k, GRID.k)]
  let rate = 0
  for (const [a, p] of [1 - u, u].entries()) {
    for (const [b, q] of [1 - v, v].entries()) {
      for (const [c, r] of [1 - w, w].entries()) rate += p * q * r * (contraction[i + a]?.[j + b]?.[l + c] ?? 0)
    }
  }
  // Below the grid, most of a tile is idle.
  const idle = Math.min(1, m / GRID.m[0]) * Math.min(1, n / GRID.n[0]) * Math.min(1, k / GRID.k[0])
  return rate * idle
}

/** Elements side by side that a map needs to fill its vectors. */
const SHORT = 16

/** Whether an operand is broadcast so that only a few elements of it lie side by side: such a map goes through them row by row. */
function isBroken({ shape }: TensorType, ins: readonly TensorType[]): boolean {
  return ins.some((operand) => {
    const dims = [...shape.map(() => 1), ...operand.shape].slice(-shape.length)
    const differs = shape.findLastIndex((size, axis) => dims[axis] !== size)
    const repeats = elementsOf(operand.shape) === 1
    return differs >= 0 && !repeats && elementsOf(shape.slice(differs + 1)) < SHORT
  })
}

/** The kind under which elements of a node are counted, and how many there are. */
export function elementsOfNode({ op, attrs, type }: Node, ins: readonly TensorType[]): [kind: string, count: number] {
  const [first, second] = ins
  const rank = first?.shape.length ?? 0
  switch (op) {
    case 'map':
      return [isBroken(type, ins) ? 'map-broken' : op, elementsOf(type.shape)]
    case 'reduce': {
      const { axes } = attrs as ReduceAttrs
      return [axes.includes(rank - 1) ? 'reduce-rows' : 'reduce-columns', elementsOf(first?.shape ?? [])]
    }
    case 'transpose': {
      const { permutation } = attrs as { readonly permutation: readonly number[] }
      return [permutation.at(-1) === rank - 1 ? 'transpose-rows' : 'transpose', elementsOf(type.shape)]
    }
    case 'window':
      // Patches of few channels are gathered word by word.
      return [(first?.shape.at(-1) ?? 1) < 8 ? 'window-thin' : op, elementsOf(type.shape)]
    case 'scatterAdd':
      return [op, elementsOf(second?.shape ?? [])]
    case 'fold':
      return [op, elementsOf(first?.shape ?? [])]
    default:
      return [op, elementsOf(type.shape)]
  }
}

/** Seconds for a word among `words` that are touched one after the other. */
function wordSeconds({ word, farWord }: Rates, words: number): number {
  const share = Math.min(1, Math.max(0, Math.log(words / NEAR) / Math.log(FAR / NEAR)))
  return word + share * (farWord - word)
}

/** What a map does: its blocks, the words of the graph's ports that it touches, and its other words. */
interface MapWork {
  readonly ports: number
  readonly others: number
  /** Words of all ports of the graph: it touches them once a run, so they are in cache only if all fit. */
  readonly allPorts: number
}

function mapSeconds(rates: Rates, { attrs, type }: Node, { ports, others, allPorts }: MapWork): number {
  const { program } = attrs as MapAttrs
  const heavy = program.filter(({ block }) => HEAVY.includes(block)).length
  const blocks = rates.block * (program.length - heavy) + rates.heavyBlock * heavy
  return elementsOf(type.shape) * blocks + ports * wordSeconds(rates, allPorts) + others * wordSeconds(rates, others)
}

function contractionSeconds(rates: Rates, { attrs, type }: Node, ins: readonly TensorType[]): number {
  const { transposeA, transposeB, order = 'f32' } = attrs as MatmulAttrs
  const [m, n] = type.shape.slice(-2) as [number, number]
  const k = ins[0]?.shape.at(transposeA ? -2 : -1) as number
  const factor =
    (transposeA ? (rates.forms['tn'] ?? 1) : 1) *
    (transposeB ? (rates.forms['nt'] ?? 1) : 1) *
    (rates.forms[order] ?? 1)
  return (factor * 2 * elementsOf(type.shape) * k) / contractionRate(rates, m, n, k)
}

/** Seconds of each node by itself, in order. */
export function nodeSeconds(rates: Rates, graph: Graph): number[] {
  const first = graph.inputs.length
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  const stored = new Set(graph.outputs.map(({ value }) => value))
  const wordsOf = (id: number): number => elementsOf((types[id] as TensorType).shape)
  const sum = (ids: readonly number[]): number => ids.reduce((all, id) => all + wordsOf(id), 0)
  const isPort = (id: number): boolean => id < first || stored.has(id)
  const allPorts = sum(types.map((_, id) => id).filter(isPort))
  return graph.nodes.map((node, i) => {
    const ins = node.inputs.map((id) => types[id] as TensorType)
    if (ins[0] && renames(node, ins[0])) return 0
    if (node.op === 'matmul') return rates.node + contractionSeconds(rates, node, ins)
    const [kind, count] = elementsOfNode(node, ins)
    if (kind === 'map') {
      const touched = [...node.inputs, first + i]
      const ports = sum(touched.filter(isPort))
      return rates.node + mapSeconds(rates, node, { ports, others: sum(touched) - ports, allPorts })
    }
    return rates.node + count * (rates.element[kind] ?? rates.block)
  })
}

/** Primitives that engines compute together, one after the other in one pass. */
const CHAINED = ['map', 'reduce']

/** Seconds of each node in a run of its graph: those of chains for the share that is left of them once they are fused. */
function fusedSeconds(rates: Rates, graph: Graph, fused: number): number[] {
  const seconds = nodeSeconds(rates, graph)
  return graph.nodes.map(({ op }, i) => (seconds[i] as number) * (CHAINED.includes(op) ? fused : 1))
}

/** Seconds of a graph: its nodes, those of chains for the share that is left of them once they are fused. */
export function graphSeconds(rates: Rates, graph: Graph, fused: number): number {
  return fusedSeconds(rates, graph, fused).reduce((sum, seconds) => sum + seconds, rates.call)
}

export interface Prediction {
  /** Seconds of one run of the graph of a micro-batch, of the addition of two sums, of the update. */
  readonly micro: number
  readonly combine: number
  readonly update: number
  /** Seconds of a whole step on one machine. */
  readonly step: number
}

/** Predicted times of training a program; they hold for the engine and the threads of the rates. */
export function predict(program: Program, microBatches: number, rates: Rates): Prediction {
  const micro = graphSeconds(rates, program.micro, rates.fused.micro)
  const combine = graphSeconds(rates, program.combine, 1)
  const update = graphSeconds(rates, program.update, rates.fused.update)
  return { micro, combine, update, step: microBatches * micro + (microBatches - 1) * combine + update }
}

/** What a planner knows of a machine's speed: predicted times of a program's nodes, in whole nanoseconds. */
export function timesOf({ micro, combine, update }: Program, rates: Rates): Times {
  const nanoseconds = (graph: Graph, fused: number): number[] =>
    fusedSeconds(rates, graph, fused).map((seconds) => Math.round(1e9 * seconds))
  return {
    run: Math.round(1e9 * rates.call),
    micro: nanoseconds(micro, rates.fused.micro),
    combine: nanoseconds(combine, 1),
    update: nanoseconds(update, rates.fused.update),
  }
}
