/** Canonical bytes of graphs and the roots over them: docs/spec/graph.md, Encoding. */
import { encodeProgram } from '#arith/encode.ts'
import type { DType, TensorType } from '#arith/types.ts'
import { bytesEqual, Reader, Writer } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { bytesRoot, DTYPE_CODE, hashTree } from '#proto/merkle.ts'
import { checkGraph, MAX_NAME, MAX_NODE_INPUTS, MAX_NODES, MAX_PORTS } from './check.ts'
import { elementOf, primitive, primitiveOfCode } from './primitives/index.ts'
import { MAX_RANK } from './shape.ts'
import { type Graph, type Node, PHASES, type Port, type Program } from './types.ts'

const VERSION = 1
/** Most bytes of one node's attributes and of one element program. */
const MAX_ATTRS = 4096
const MAX_ELEMENT = 16_384
/** Most bytes of one encoded node. */
export const MAX_NODE_BYTES = MAX_ATTRS + MAX_ELEMENT + 1024
const DTYPES: readonly DType[] = ['f32', 'i32', 'u32', 'bool']

function writeType(w: Writer, { dtype, shape }: TensorType): void {
  w.u8(DTYPE_CODE[dtype]).u8(shape.length)
  for (const size of shape) w.u32(size)
}

function readType(r: Reader): TensorType {
  const dtype = DTYPES[r.u8()]
  const rank = r.u8()
  if (dtype === undefined || rank > MAX_RANK) fail('bad-encoding', 'a tensor type is malformed')
  return { dtype, shape: Array.from({ length: rank }, () => r.u32()) }
}

function writePort(w: Writer, port: Port): void {
  w.string(port.name, MAX_NAME)
  writeType(w, port.type)
}

/** The header: version, name, input ports, output ports and the number of nodes. */
export function encodeHeader(graph: Graph): Uint8Array {
  const w = new Writer().u8(VERSION).string(graph.name, MAX_NAME)
  w.array(graph.inputs, MAX_PORTS, writePort)
  w.array(graph.outputs, MAX_PORTS, (_, { name, value }) => w.string(name, MAX_NAME).u32(value))
  return w.u32(graph.nodes.length).finish()
}

/** One node with the element program that its attributes stand for: what a dispute opens. */
export function encodeNode(graph: Graph, index: number): Uint8Array {
  const node = graph.nodes[index] ?? fail('bad-input', `graph '${graph.name}' has no node ${index}`)
  const def = primitive(node.op)
  const first = graph.inputs.length
  const ins = node.inputs.map((id) => (graph.inputs[id] ?? (graph.nodes[id - first] as Node)).type)
  const w = new Writer().u8(def.code).bytes(def.attrs.encode(node.attrs), MAX_ATTRS)
  w.array(node.inputs, MAX_NODE_INPUTS, (_, id) => w.u32(id))
  writeType(w, node.type)
  return w.bytes(encodeProgram(elementOf(node, ins)), MAX_ELEMENT).finish()
}

/** The leaf hashes of a graph: its header, then its nodes in order. Each is the tree root of its bytes. */
export function graphLeaves(graph: Graph): Uint8Array[] {
  return [bytesRoot(encodeHeader(graph)), ...graph.nodes.map((_, index) => bytesRoot(encodeNode(graph, index)))]
}

/** The tree over `graphLeaves`: what names a graph. 32 bytes. */
export function graphRoot(graph: Graph): Uint8Array {
  return hashTree(graphLeaves(graph))
}

/** The tree over the roots of a program's graphs in the order of `PHASES`: what the chain knows. 32 bytes. */
export function programRoot(program: Program): Uint8Array {
  return hashTree(PHASES.map((phase) => graphRoot(program[phase])))
}

/** A whole graph as one byte string: the header, then each node, length-prefixed. */
export function encodeGraph(graph: Graph): Uint8Array {
  const w = new Writer()
  w.bytes(encodeHeader(graph), 2 ** 24)
  for (const [index, _] of graph.nodes.entries()) {
    w.bytes(encodeNode(graph, index), MAX_NODE_BYTES)
  }
  return w.finish()
}

/**
 * What `encodeNode` wrote, and the bytes of its element program. Operands and types are for the caller to check.
 * @throws bad-encoding, over-limit
 */
export function decodeNode(bytes: Uint8Array): { node: Node; element: Uint8Array } {
  const r = new Reader(bytes)
  const def = primitiveOfCode(r.u8())
  const attrs = def.attrs.decode(r.bytes(MAX_ATTRS))
  const inputs = r.array(MAX_NODE_INPUTS, () => r.u32())
  const type = readType(r)
  const element = r.bytes(MAX_ELEMENT)
  r.end()
  return { node: { op: def.name, attrs, inputs, type }, element }
}

/**
 * Decodes and checks a graph from an untrusted source: what it returns passes `checkGraph`, and every node carries the
 * element program that its attributes stand for.
 * @throws bad-encoding, over-limit, bad-graph
 */
export function decodeGraph(bytes: Uint8Array): Graph {
  const r = new Reader(bytes)
  const head = new Reader(r.bytes(2 ** 24))
  if (head.u8() !== VERSION) fail('bad-version', 'a graph of another version')
  const name = head.string(MAX_NAME)
  const inputs = head.array(MAX_PORTS, () => ({ name: head.string(MAX_NAME), type: readType(head) }))
  const outputs = head.array(MAX_PORTS, () => ({ name: head.string(MAX_NAME), value: head.u32() }))
  const count = head.u32()
  head.end()
  if (count > MAX_NODES) fail('over-limit', `${count} nodes, at most ${MAX_NODES}`)
  const decoded = []
  for (let i = 0; i < count; i++) decoded.push(decodeNode(r.bytes(MAX_NODE_BYTES)))
  r.end()
  const graph: Graph = { name, inputs, nodes: decoded.map(({ node }) => node), outputs }
  checkGraph(graph)
  for (const [i, { node, element }] of decoded.entries()) {
    const ins = node.inputs.map((id) => (inputs[id] ?? (graph.nodes[id - inputs.length] as Node)).type)
    const own = encodeProgram(elementOf(node, ins))
    if (!bytesEqual(own, element)) fail('bad-graph', `node ${i} carries another element program than its attributes`)
  }
  return graph
}
