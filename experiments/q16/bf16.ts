/** What the experiment compares with: a program whose contractions round their operands to bfloat16 and sum in binary32. */
import type { Arg, Straight } from '#arith/types.ts'
import { checkGraph } from '#graph/check.ts'
import type { MapAttrs } from '#graph/primitives/map.ts'
import type { Graph, Node, Program } from '#graph/types.ts'

const word = (bits: number): Arg => ({ from: 'const', bits })
const result = (n: number): Arg => ({ from: 'instr', n })
const x: Arg = { from: 'load', n: 0 }

/** To nearest, ties to even, on the word itself: the low 16 bits go. */
const ROUND: Straight = [
  { block: 'shr', args: [x, word(16)] },
  { block: 'and', args: [result(0), word(1)] },
  { block: 'iadd', args: [x, word(0x7fff)] },
  { block: 'iadd', args: [result(2), result(1)] },
  { block: 'and', args: [result(3), word(0xffff0000)] },
]

/** The graph with every operand of a contraction rounded to bfloat16, once for all that read it. */
export function inBf16(graph: Graph): Graph {
  const first = graph.inputs.length
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  const nodes: Node[] = []
  const moved = graph.inputs.map((_, id) => id)
  const rounded = new Map<number, number>()
  const add = (node: Node): number => first + nodes.push(node) - 1
  const round = (id: number): number => {
    const known = rounded.get(id)
    if (known !== undefined) return known
    const type = types[id] as Node['type']
    const attrs: MapAttrs = { program: ROUND, dtype: 'f32', shape: type.shape }
    const made = add({ op: 'map', attrs, inputs: [moved[id] as number], type })
    rounded.set(id, made)
    return made
  }
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => (node.op === 'matmul' ? round(id) : (moved[id] as number)))
    moved.push(add({ ...node, inputs }))
  }
  const outputs = graph.outputs.map(({ name, value }) => ({ name, value: moved[value] as number }))
  const made = { ...graph, nodes, outputs }
  checkGraph(made)
  return made
}

/** The program with its contractions in bfloat16, in training and evaluation. */
export function programInBf16(program: Program): Program {
  return { ...program, micro: inBf16(program.micro), evaluate: inBf16(program.evaluate) }
}
