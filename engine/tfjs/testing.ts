/** For tests: engines on the backends that are installed here, and how far tensors may lie apart. */
import type { TensorType } from '#arith/types.ts'
import { isAssayError } from '#proto/errors.ts'
import type { Suite } from '../conformance/suite.ts'
import type { Engine } from '../types.ts'
import type { BackendName } from './backends.ts'
import { type TfjsEngine, tfjsEngine } from './engine.ts'

/** The engines of these backends, without those that are not installed or cannot run here; it says which. */
export async function installed(backends: readonly BackendName[]): Promise<TfjsEngine[]> {
  const engines: TfjsEngine[] = []
  for (const backend of backends) {
    try {
      engines.push(await tfjsEngine({ backend }))
    } catch (error) {
      if (!isAssayError(error, 'no-engine')) throw error
      process.stderr.write(`not tested here: ${error.message}\n`)
    }
  }
  return engines
}

export interface Vector {
  readonly name: string
  readonly type: TensorType
  readonly words: Uint32Array
}

/** The outputs of a conformance suite. */
export function vectorsOf(engine: Engine, { graph, inputs }: Suite): Vector[] {
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  const kernel = engine.compile(graph)
  const from = graph.inputs.map(({ type }) => engine.alloc(type))
  const to = graph.outputs.map(({ value }) => engine.alloc(types[value]!))
  for (const [i, buffer] of from.entries()) buffer.words().set(inputs[i]!)
  for (const buffer of to) buffer.words().fill(0xdeadbeef)
  kernel.run(from, to)
  const vectors = graph.outputs.map(({ name, value }, i) => {
    return { name, type: types[value]!, words: to[i]!.words().slice() }
  })
  for (const buffer of [...from, ...to]) engine.free(buffer)
  return vectors
}

/** Backends compute functions to so many places after the point: what is smaller says nothing of their relative error. */
const SMALL = 1e-2

/**
 * The largest difference of two f32 tensors over the largest size of a finite element of the first,
 * or over 0.01. Equal words and two
 * NaN do not differ; any other difference that is not finite is infinite.
 */
export function deviation(expected: Uint32Array, actual: Uint32Array): number {
  const [x, y] = [expected, actual].map((words) => new Float32Array(words.slice().buffer)) as [
    Float32Array,
    Float32Array,
  ]
  let [scale, worst] = [SMALL, 0]
  for (const [i, value] of x.entries()) {
    if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value))
    if (expected[i] === actual[i] || (Number.isNaN(value) && Number.isNaN(y[i]))) continue
    const difference = Math.abs(value - y[i]!)
    worst = Math.max(worst, Number.isFinite(difference) ? difference : Number.POSITIVE_INFINITY)
  }
  return worst / scale
}
