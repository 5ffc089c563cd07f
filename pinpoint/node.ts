/** A node of a graph as a game sees it: its canonical bytes, opened against the graph's root (docs/spec/graph.md, Encoding). */
import { decodeProgram } from '#arith/encode.ts'
import type { ElementProgram, TensorType } from '#arith/types.ts'
import { decodeNode, MAX_NODE_BYTES } from '#graph/encode.ts'
import { sameType } from '#graph/shape.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { check, fail } from '#proto/errors.ts'
import { bytesRoot } from '#proto/merkle.ts'
import { openHash } from './tree.ts'
import type { Evidence, GraphFacts, Opening } from './types.ts'

export interface OpenedNode {
  /** Numbers of the values that are its operands. */
  readonly inputs: readonly number[]
  readonly type: TensorType
  /** How each of its elements is computed. */
  readonly program: ElementProgram
}

/**
 * The node with that number, proven to be the graph's.
 * @throws bad-proof for bytes that are not the node's, bad-encoding or bad-graph for a graph that no job should have
 */
function openNode(graph: GraphFacts, index: number, bytes: Uint8Array, opening: Opening): OpenedNode {
  check(bytes.length <= MAX_NODE_BYTES, 'over-limit', `a node has at most ${MAX_NODE_BYTES} bytes, not ${bytes.length}`)
  // Leaf 0 of a graph is its header.
  const leaf = openHash(graph.root, 1 + graph.nodes, 1 + index, opening)
  check(bytesEqual(leaf, bytesRoot(bytes)), 'bad-proof', `the bytes are not those of node ${index}`)
  const { node, element } = decodeNode(bytes)
  const program = decodeProgram(element)
  check(sameType(program.out, node.type), 'bad-graph', `node ${index} and its element program are of two types`)
  return { inputs: node.inputs, type: node.type, program }
}

/** The node behind value `value` of a graph, as evidence shows it. @throws bad-proof if it does not, else as `openNode` */
export function nodeAt(graph: GraphFacts, value: number, { node, nodeOpening }: Evidence): OpenedNode {
  if (node === undefined || nodeOpening === undefined) fail('bad-proof', 'the evidence shows no node')
  return openNode(graph, value - graph.inputs, node, nodeOpening)
}
