/** The graphs of a program as evidence shows them. */
import type { TensorType } from '#arith/types.ts'
import { encodeNode, graphLeaves } from '#graph/encode.ts'
import type { Graph, Node, Program } from '#graph/types.ts'
import { exportBytes } from '../facts.ts'
import type { GraphName } from '../schedule.ts'
import type { Facts } from '../types.ts'
import type { Definitions } from './context.ts'
import { Levels } from './levels.ts'
import { openByte, pathIn } from './openings.ts'

/** Trees over graphs are built when they are first asked for. */
export function definitionsOf(program: Program, facts: Facts): Definitions {
  const trees = new Map<GraphName, Levels>()
  const leaves = (graph: GraphName): Levels => {
    const tree = trees.get(graph) ?? Levels.ofHashes(graphLeaves(program[graph]))
    trees.set(graph, tree)
    return tree
  }
  const exported = (name: GraphName): number =>
    name === 'init' || name === 'update' ? facts.state : facts.gradients + facts.metrics
  return {
    type: (graph, value) => typeOf(program[graph], value),
    node(graph, value) {
      const index = value - program[graph].inputs.length
      // Leaf 0 of a graph is its header.
      return { node: encodeNode(program[graph], index), nodeOpening: pathIn(leaves(graph), 1 + index) }
    },
    exports: (graph) => program[graph].outputs.slice(0, exported(graph)).map(({ value }) => value),
    exportOpening: (graph, n) => openByte(exportBytes(program[graph], exported(graph)), 4 * n),
  }
}

function typeOf(graph: Graph, value: number): TensorType {
  return (graph.inputs[value] ?? (graph.nodes[value - graph.inputs.length] as Node)).type
}
