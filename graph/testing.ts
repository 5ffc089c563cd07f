/** For tests: graphs run by the definition, with plain numbers in and out. */
import { interpret } from '#arith/interpret.ts'
import type { DType, TensorType } from '#arith/types.ts'
import type { SeededRandom } from '#proto/testing.ts'
import { elementOf } from './primitives/index.ts'
import { elementsOf } from './shape.ts'
import type { Graph } from './types.ts'

/** Numbers as the words of a dtype (f32: rounded to nearest). */
export function wordsOf(dtype: DType, values: readonly number[]): Uint32Array {
  return dtype === 'f32' ? new Uint32Array(new Float32Array(values).buffer) : Uint32Array.from(values, (v) => v >>> 0)
}

/** Words as numbers. */
export function numbersOf(dtype: DType, words: Uint32Array): number[] {
  if (dtype === 'f32') return [...new Float32Array(words.buffer, words.byteOffset, words.length)]
  return dtype === 'i32' ? [...Int32Array.from(words)] : [...words]
}

export function typeOf(graph: Graph, value: number): TensorType {
  return ([...graph.inputs, ...graph.nodes][value] as { type: TensorType }).type
}

/** The words of every output, by interpreting each node's element program. Missing inputs are zeros. */
export function evaluateWords(graph: Graph, inputs: Readonly<Record<string, Uint32Array>>): Map<string, Uint32Array> {
  const values = graph.inputs.map(({ name, type }) => inputs[name] ?? new Uint32Array(elementsOf(type.shape)))
  for (const node of graph.nodes) {
    const program = elementOf(
      node,
      node.inputs.map((id) => typeOf(graph, id)),
    )
    values.push(
      interpret(
        program,
        node.inputs.map((id) => values[id] as Uint32Array),
      ),
    )
  }
  return new Map(graph.outputs.map(({ name, value }) => [name, values[value] as Uint32Array]))
}

/** Like `evaluateWords` with numbers in and out. */
export function evaluate(graph: Graph, inputs: Readonly<Record<string, readonly number[]>>): Record<string, number[]> {
  const words: Record<string, Uint32Array> = {}
  for (const { name, type } of graph.inputs) {
    const given = inputs[name]
    if (given) words[name] = wordsOf(type.dtype, given)
  }
  const results = evaluateWords(graph, words)
  return Object.fromEntries(
    graph.outputs.map(({ name, value }) => [
      name,
      numbersOf(typeOf(graph, value).dtype, results.get(name) as Uint32Array),
    ]),
  )
}

/** Uniform binary32 values in [-1, 1). */
export function reals(random: SeededRandom, count: number): number[] {
  return Array.from({ length: count }, () => Math.fround(random.u32() / 2 ** 31 - 1))
}

/** Seeds of a property test: fixed ones, or the single one of ASSAY_SEED, to repeat a failure. */
export function seeds(count: number): number[] {
  const given = process.env['ASSAY_SEED']
  return given === undefined ? Array.from({ length: count }, (_, i) => 1000 + i) : [Number(given)]
}
