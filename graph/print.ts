/** A graph as text, one line a node: for reading, snapshots and error reports. */
import type { Arg, Straight } from '#arith/types.ts'
import type { MapAttrs } from './primitives/map.ts'
import { showType } from './shape.ts'
import type { Graph } from './types.ts'

function showArg(arg: Arg): string {
  if (arg.from === 'const') return `0x${arg.bits.toString(16)}`
  if (arg.from === 'instr') return `t${arg.n}`
  if (arg.from === 'load') return `x${arg.n}`
  return arg.from === 'axis' ? `i${arg.n}` : arg.from
}

/** `fmul(x0, x1); fadd(t0, 0x3f800000)`: t is an instruction, x a load, i a coordinate, hexadecimal a constant word. */
export function printStraight(program: Straight): string {
  return program.map(({ block, args }) => `${block}(${args.map(showArg).join(', ')})`).join('; ')
}

function showAttrs(op: string, attrs: unknown): string {
  if (op === 'map') return ` { ${printStraight((attrs as MapAttrs).program)} }`
  const entries = Object.entries(attrs as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([name, value]) => ` ${name}=${JSON.stringify(value)}`).join('')
}

/** The whole graph; values are `%id`, in the numbering of `Graph`. Ends with a newline. */
export function printGraph(graph: Graph): string {
  const lines = [`graph ${graph.name}`]
  for (const [id, port] of graph.inputs.entries()) {
    lines.push(`  %${id} = input ${port.name}: ${showType(port.type)}`)
  }
  for (const [i, { op, attrs, inputs, type }] of graph.nodes.entries()) {
    const operands = inputs.map((id) => `%${id}`).join(', ')
    lines.push(`  %${graph.inputs.length + i} = ${op}(${operands})${showAttrs(op, attrs)}: ${showType(type)}`)
  }
  for (const { name, value } of graph.outputs) lines.push(`  output ${name} = %${value}`)
  return `${lines.join('\n')}\n`
}
