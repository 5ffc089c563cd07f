import { expect, test } from 'vitest'
import { interpret } from '#arith/interpret.ts'
import { Builder } from '#graph/builder.ts'
import { elementOf } from '#graph/primitives/index.ts'
import type { Graph } from '#graph/types.ts'
import { inBf16 } from './bf16.ts'

const run = (graph: Graph, values: readonly Uint32Array[]): Uint32Array => {
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  const all = [...values]
  for (const node of graph.nodes) {
    const program = elementOf(
      node,
      node.inputs.map((id) => types[id]!),
    )
    all.push(
      interpret(
        program,
        node.inputs.map((id) => all[id]!),
      ),
    )
  }
  return all[graph.outputs[0]!.value]!
}
const words = (...values: number[]): Uint32Array => new Uint32Array(Float32Array.from(values).buffer)

test('operands of contractions are rounded to 8 significant bits, ties to even, and nothing else is', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [1, 1])
  const w = b.input('w', 'f32', [1, 1])
  b.output('y', b.add(b.matmul(x, w), x))
  const graph = inBf16(b.finish('product'))
  const one = words(1)
  for (const [value, rounded] of [
    [1 + 2 ** -8, 1],
    [1 + 3 * 2 ** -8, 1 + 2 ** -6],
    [1 + 2 ** -8 + 2 ** -20, 1 + 2 ** -7],
    [-5.4321, -5.4375],
    [0, 0],
  ] as const) {
    expect([...run(graph, [words(value), one])]).toEqual([...words(Math.fround(value) + rounded)])
  }
})
