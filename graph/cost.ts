/** The cost model: building blocks, floating-point operations and bytes of every node, from its element program alone. */
import { CHAIN, LANE_BLOCK, LANES } from '#arith/interpret.ts'
import { positionsOf } from '#arith/layout.ts'
import { isQuantised, QUANTISED_BLOCK } from '#arith/quantised.ts'
import type { ElementProgram, Straight, TensorType } from '#arith/types.ts'
import { elementOf } from './primitives/index.ts'
import { elementsOf } from './shape.ts'
import type { Graph, Phase, Program } from './types.ts'

/** Counts of one node or phase; exact. */
export interface Cost {
  /** Building blocks executed: the unit of price. */
  readonly blocks: bigint
  /** Floating-point operations; a fused multiply-add is two. */
  readonly flops: bigint
  /** Bytes of the operands and of the result, each counted once. */
  readonly bytes: bigint
}

const FLOPS: Readonly<Record<string, number>> = { fadd: 1, fsub: 1, fmul: 1, fdiv: 1, fsqrt: 1, fmax: 1, ffma: 2 }

/** How often `join` runs for one element whose loop has `positions` positions. */
export function joinsOf(order: ElementProgram['order'], positions: number): number {
  if (positions === 0) return 0
  if (order === 'chain512') return Math.ceil(positions / CHAIN) - 1
  if (isQuantised(order)) return Math.ceil(positions / QUANTISED_BLOCK) - 1
  let joins = 0
  for (let count = positions, level = 0; level === 0 || count > 1; level++) {
    const blocks = Math.ceil(count / LANE_BLOCK)
    // Above the first level the block values themselves are joined into the lanes.
    joins += blocks * (LANES - 1) + (level === 0 ? 0 : count)
    count = blocks
  }
  return joins
}

const flopsOf = (straight: Straight) => straight.reduce((sum, { block }) => sum + (FLOPS[block] ?? 0), 0)

/**
 * Cost of a whole tensor that an element program computes. A quantised contraction counts a multiply-add a position, the
 * rounding and the addition of each block, and two blocks for every word of an operand: its magnitude and its scaling,
 * which all elements share.
 */
export function programCost(p: ElementProgram, ins: readonly TensorType[]): Cost {
  const elements = BigInt(elementsOf(p.out.shape))
  const positions = positionsOf(p)
  const joins = joinsOf(p.order, positions)
  const words = BigInt(ins.reduce((sum, type) => sum + elementsOf(type.shape), 0))
  const bytes = 4n * (elements + words)
  if (isQuantised(p.order)) {
    const sums = BigInt(positions + (positions > 0 ? 2 * joins + 1 : 0))
    return {
      blocks: elements * (sums + BigInt(p.finish.length)) + 2n * words,
      flops: elements * BigInt(2 * positions + joins + flopsOf(p.finish)),
      bytes,
    }
  }
  const per = (count: (straight: Straight) => number) =>
    elements *
    (BigInt(positions) * BigInt(count(p.step)) + BigInt(joins) * BigInt(count(p.join)) + BigInt(count(p.finish)))
  return { blocks: per((straight) => straight.length), flops: per(flopsOf), bytes }
}

function sum(costs: readonly Cost[]): Cost {
  const total = (field: keyof Cost) => costs.reduce((all, cost) => all + cost[field], 0n)
  return { blocks: total('blocks'), flops: total('flops'), bytes: total('bytes') }
}

/** Cost of every node, in order. */
export function nodeCosts(graph: Graph): Cost[] {
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  return graph.nodes.map((node) => {
    const ins = node.inputs.map((id) => types[id] as TensorType)
    return programCost(elementOf(node, ins), ins)
  })
}

export function graphCost(graph: Graph): Cost {
  return sum(nodeCosts(graph))
}

/** Cost of one run of each phase. */
export function phaseCosts(program: Program): Record<Phase, Cost> {
  const { init, micro, combine, update, evaluate } = program
  return {
    init: graphCost(init),
    micro: graphCost(micro),
    combine: graphCost(combine),
    update: graphCost(update),
    evaluate: graphCost(evaluate),
  }
}

/** Cost of one global step, however it is spread: every micro-batch, the additions between them, one update. */
export function stepCost(program: Program, microBatches: number): Cost {
  const { micro, combine, update } = phaseCosts(program)
  const times = (cost: Cost, n: number): Cost => ({
    blocks: cost.blocks * BigInt(n),
    flops: cost.flops * BigInt(n),
    bytes: cost.bytes * BigInt(n),
  })
  return sum([times(micro, microBatches), times(combine, microBatches - 1), update])
}
