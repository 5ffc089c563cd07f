/** The checker refuses every broken rule, and names the node. */
import { expect, test } from 'vitest'
import { Builder } from './builder.ts'
import { checkGraph } from './check.ts'
import type { Graph, Node } from './types.ts'

function sample(): Graph {
  const b = new Builder()
  const x = b.input('x', 'f32', [4, 6])
  const w = b.input('w', 'f32', [6, 3])
  const i = b.input('i', 'i32', [5])
  b.output('y', b.sum(b.exp(b.matmul(x, w)), [1]))
  b.output('rows', b.slice(b.gather(x, i), [0, 1], [5, 4]))
  return b.finish('sample')
}

const graph = sample()
const replaceNode = (index: number, change: Partial<Node>): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node, i) => (i === index ? { ...node, ...change } : node)),
})
const first = graph.nodes[0] as Node
const at = (op: string) => graph.nodes.findIndex((node) => node.op === op)
const map = graph.nodes[at('map')] as Node
const attrs = map.attrs as { program: { block: string; args: unknown[] }[] }
const [head, ...tail] = attrs.program

test('the sample passes', () => {
  expect(() => checkGraph(graph)).not.toThrow()
})

test.each<[string, Graph]>([
  ['an unknown primitive', replaceNode(0, { op: 'convolve' })],
  ['an operand that comes later', replaceNode(0, { inputs: [99, 1] })],
  ['an operand that is the node itself', replaceNode(0, { inputs: [3, 1] })],
  ['a negative operand', replaceNode(0, { inputs: [-1, 1] })],
  ['a fractional operand', replaceNode(0, { inputs: [0.5, 1] })],
  ['a missing operand', replaceNode(0, { inputs: [0] })],
  ['an operand too many', replaceNode(at('map'), { inputs: new Array(40).fill(0) })],
  ['operands that do not contract', replaceNode(0, { inputs: [1, 0] })],
  ['another result shape', replaceNode(0, { type: { dtype: 'f32', shape: [4, 4] } })],
  ['another result dtype', replaceNode(0, { type: { dtype: 'i32', shape: first.type.shape } })],
  ['an integer where a float belongs', replaceNode(0, { inputs: [2, 1] })],
  ['a float index', replaceNode(at('gather'), { inputs: [0, 1] })],
  ['attributes of another kind', replaceNode(0, { attrs: { transposeA: 1, transposeB: false } })],
  ['an attribute too many', replaceNode(0, { attrs: { transposeA: false, transposeB: false, more: 1 } })],
  ['an axis out of range', replaceNode(at('reduce'), { attrs: { kind: 'sum', axes: [2], keepDims: false } })],
  ['axes out of order', replaceNode(at('reduce'), { attrs: { kind: 'sum', axes: [1, 0], keepDims: false } })],
  ['no axis', replaceNode(at('reduce'), { attrs: { kind: 'sum', axes: [], keepDims: false } })],
  [
    'a slice that leaves its operand',
    replaceNode(at('slice'), { attrs: { starts: [0, 3], sizes: [5, 4], strides: [1, 1] } }),
  ],
  ['a slice with a step of 0', replaceNode(at('slice'), { attrs: { starts: [0, 1], sizes: [5, 4], strides: [1, 0] } })],
  ['a map without blocks', replaceNode(at('map'), { attrs: { ...attrs, program: [] } })],
  ['a map of 65 blocks', replaceNode(at('map'), { attrs: { ...attrs, program: new Array(65).fill(head) } })],
  [
    'a block with a missing argument',
    replaceNode(at('map'), { attrs: { ...attrs, program: [{ ...head, args: [] }, ...tail] } }),
  ],
  ['an unknown block', replaceNode(at('map'), { attrs: { ...attrs, program: [{ ...head, block: 'fpow' }, ...tail] } })],
  [
    'a load of no operand',
    replaceNode(at('map'), { attrs: { ...attrs, program: [{ block: 'canon', args: [{ from: 'load', n: 1 }] }] } }),
  ],
  [
    'an instruction that reads a later one',
    replaceNode(at('map'), { attrs: { ...attrs, program: [{ block: 'canon', args: [{ from: 'instr', n: 0 }] }] } }),
  ],
  [
    'a map that reads an accumulator',
    replaceNode(at('map'), { attrs: { ...attrs, program: [{ block: 'canon', args: [{ from: 'acc' }] }] } }),
  ],
  [
    'a bool that may be neither 0 nor 1',
    replaceNode(at('map'), { attrs: { ...attrs, dtype: 'bool' }, type: { dtype: 'bool', shape: map.type.shape } }),
  ],
  ['two inputs of one name', { ...graph, inputs: graph.inputs.map((port) => ({ ...port, name: 'x' })) }],
  ['two outputs of one name', { ...graph, outputs: graph.outputs.map((port) => ({ ...port, name: 'y' })) }],
  ['an output of no value', { ...graph, outputs: [{ name: 'y', value: 77 }] }],
  ['an empty name', { ...graph, name: '' }],
  ['a name with a line break', { ...graph, outputs: [{ name: 'y\n', value: 0 }] }],
  ['a name that is too long', { ...graph, outputs: [{ name: 'y'.repeat(129), value: 0 }] }],
  ['a size of 0', { ...graph, inputs: [{ name: 'x', type: { dtype: 'f32', shape: [0, 6] } }] }],
  ['a rank of 9', { ...graph, inputs: [{ name: 'x', type: { dtype: 'f32', shape: new Array(9).fill(1) } }] }],
  ['2^31 elements', { ...graph, inputs: [{ name: 'x', type: { dtype: 'f32', shape: [65_536, 32_768] } }] }],
  ['65,537 nodes', { ...graph, nodes: new Array(65_537).fill(first) }],
])('%s is refused', (_name, broken) => {
  expect(() => checkGraph(broken)).toThrow(expect.objectContaining({ name: 'AssayError' }))
})

test('the message names graph, node and reason', () => {
  expect(() => checkGraph(replaceNode(0, { type: { dtype: 'f32', shape: [4, 4] } }))).toThrow(
    "graph 'sample', node 0 (matmul): its type is f32[4,4], but its operands give f32[4,3]",
  )
})
