/** The checker: every rule a step graph must keep, verified again from the graph alone (docs/spec/graph.md, Validity). */
import { checkProgram } from '#arith/program.ts'
import type { TensorType } from '#arith/types.ts'
import { AssayError, fail } from '#proto/errors.ts'
import { elementOf, primitive } from './primitives/index.ts'
import { checkShape, elementsOf, sameType, showType } from './shape.ts'
import type { Graph, Node } from './types.ts'

export const MAX_NODES = 65_536
/** Most inputs, and most outputs, of a graph. */
export const MAX_PORTS = 16_384
export const MAX_NODE_INPUTS = 32
export const MAX_NAME = 128

const NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]*$/
const DTYPES = ['f32', 'i32', 'u32', 'bool']

function checkName(name: string, what: string, seen: Set<string>): void {
  if (name.length > MAX_NAME || !NAME.test(name)) {
    fail('bad-graph', `${what} has the name '${name.slice(0, MAX_NAME)}'`, {
      next: `Use letters, digits and . _ / -, at most ${MAX_NAME}, starting with a letter or digit.`,
    })
  }
  if (seen.has(name)) fail('bad-graph', `two ${what}s are named '${name}'`)
  seen.add(name)
}

/** Equality of plain data: numbers, strings, booleans, arrays and objects of own fields. */
function sameData(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  return (
    Object.keys(b).length === keys.length &&
    keys.every((key) => Object.hasOwn(b, key) && sameData(left[key], right[key]))
  )
}

function checkNode(node: Node, types: readonly TensorType[]): void {
  const def = primitive(node.op)
  if (node.inputs.length > MAX_NODE_INPUTS) fail('bad-graph', `more than ${MAX_NODE_INPUTS} operands`)
  const ins = node.inputs.map((id) => {
    const type = Number.isInteger(id) && id >= 0 ? types[id] : undefined
    return type ?? fail('bad-graph', `operand ${id} is not an earlier value`)
  })
  const inferred = def.infer(node.attrs, ins)
  if (!sameType(inferred, node.type)) {
    fail('bad-graph', `its type is ${showType(node.type)}, but its operands give ${showType(inferred)}`)
  }
  if (!sameData(def.attrs.decode(def.attrs.encode(node.attrs)), node.attrs)) {
    fail('bad-graph', 'its attributes are not in canonical form')
  }
  checkProgram(
    elementOf(node, ins),
    ins.map((type) => elementsOf(type.shape)),
  )
}

/**
 * Verifies ids, names, types, attributes, element programs and limits of a graph from whatever source.
 * @throws bad-graph with the first rule broken and the node that breaks it
 */
export function checkGraph(graph: Graph): void {
  if (graph.nodes.length > MAX_NODES) fail('bad-graph', `${graph.nodes.length} nodes, at most ${MAX_NODES}`)
  if (Math.max(graph.inputs.length, graph.outputs.length) > MAX_PORTS) {
    fail('bad-graph', `more than ${MAX_PORTS} inputs or outputs`)
  }
  checkName(graph.name, 'graph', new Set())
  const inputNames = new Set<string>()
  for (const port of graph.inputs) {
    checkName(port.name, 'input', inputNames)
    if (!DTYPES.includes(port.type.dtype)) fail('bad-graph', `input '${port.name}' has an unknown dtype`)
    checkShape(port.type.shape)
  }
  const types = graph.inputs.map((port) => port.type)
  for (const [index, node] of graph.nodes.entries()) {
    try {
      checkNode(node, types)
    } catch (cause) {
      if (!(cause instanceof AssayError)) throw cause
      fail('bad-graph', `graph '${graph.name}', node ${index} (${node.op}): ${cause.message}`, { cause })
    }
    types.push(node.type)
  }
  const outputNames = new Set<string>()
  for (const { name, value } of graph.outputs) {
    checkName(name, 'output', outputNames)
    if (!Number.isInteger(value) || value < 0 || value >= types.length) {
      fail('bad-graph', `output '${name}' names no value`)
    }
  }
}
