/** Lies are consistent: what follows from the false bit is what the definition makes of it. */
import { afterAll, expect, test } from 'vitest'
import { interpret } from '#arith/interpret.ts'
import { createEngine } from '#engine/index.ts'
import { typeOf } from '#graph/part.ts'
import { elementOf } from '#graph/primitives/index.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Graph, Node } from '#graph/types.ts'
import { seededRandom } from '#proto/testing.ts'
import { LyingRunner } from './lie.ts'
import { Runner, type Words } from './runner.ts'
import { smallJob } from './testing.ts'

const engine = await createEngine('wasm')
afterAll(() => engine.close())
const random = seededRandom(8)

function values(graph: Graph, inputs: readonly Words[], change: (id: number, words: Words) => Words): Words[] {
  const all: Words[] = []
  for (const [id, words] of inputs.entries()) all.push(change(id, words))
  for (const node of graph.nodes as readonly Node[]) {
    const program = elementOf(
      node,
      node.inputs.map((id) => typeOf(graph, id)),
    )
    const words = interpret(
      program,
      node.inputs.map((id) => all[id] as Words),
    )
    all.push(change(all.length, words))
  }
  return all
}

test('a flipped bit is carried on by every engine', () => {
  const graph = smallJob('mlp-tiny').program.micro
  const runner = new Runner(engine)
  const inputs = graph.inputs.map(({ type }) => {
    const floats = Float32Array.from({ length: elementsOf(type.shape) }, () => random.below(2001) / 1000 - 1)
    return type.dtype === 'f32' ? new Uint32Array(floats.buffer) : new Uint32Array(floats.length).fill(1)
  })
  const truth = values(graph, inputs, (_, words) => words)
  let seen = 0
  for (let value = 0; value < truth.length; value++) {
    const element = random.below((truth[value] as Words).length)
    const liar = new LyingRunner(runner, { item: 3, value, element, micro: 0, bit: 22 })
    const found: Words[] = []
    liar.visit(graph, inputs, (id, words) => (found[id] = words.slice()), 3)
    const word = (found[value] as Words)[element] as number
    const expected = values(graph, inputs, (id, words) =>
      id === value ? words.map((is, e) => (e === element ? word : is)) : words,
    )
    expect(found).toEqual(expected)
    expect(liar.run(graph, inputs, 3)).toEqual(graph.outputs.map((output) => expected[output.value]))
    const ids = [value, random.below(truth.length)]
    expect(liar.select(graph, inputs, ids, 3)).toEqual(ids.map((id) => expected[id]))
    expect(liar.run(graph, inputs, 2)).toEqual(graph.outputs.map((output) => truth[output.value]))
    if (value < graph.inputs.length) continue
    const node = graph.nodes[value - graph.inputs.length] as Node
    const program = elementOf(
      node,
      node.inputs.map((id) => typeOf(graph, id)),
    )
    const operands = node.inputs.map((id) => truth[id] as Words)
    expect(liar.trace(program, operands, element, 3, value).at(-1)).toBe(word)
    expect(liar.trace(program, operands, element, 2, value).at(-1)).toBe((truth[value] as Words)[element])
    if (word !== (truth[value] as Words)[element]) seen++
  }
  expect(seen).toBeGreaterThan(10)
})
