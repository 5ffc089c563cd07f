/** A suite of conformance vectors: one graph whose every output is a vector, with inputs drawn from a seed. */
import { nasty, words } from '#arith/hard.ts'
import type { DType, Straight, TensorType, Word } from '#arith/types.ts'
import { Builder, type Value } from '#graph/builder.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Graph } from '#graph/types.ts'

/**
 * How the words of an input are drawn.
 *
 * - `hard`: special values, ties, subnormals, NaN payloads and plain random words, in equal parts
 * - `real`: uniform binary32 in [-1, 1), so that long sums stay finite
 * - `dense`: the whole range of words in steps of equal size
 * - `index`: -2 .. `below` + 1, so that some lie outside of what they index
 */
export type Draw = 'hard' | 'real' | 'dense' | { readonly below: number }

export interface Suite {
  readonly name: string
  readonly graph: Graph
  /** Words of the graph's inputs, in the order of its ports. */
  readonly inputs: readonly Uint32Array[]
}

/** Builds a suite: `input` declares a port with its words, `output` names a vector. */
export class SuiteBuilder extends Builder {
  readonly #name: string
  readonly #next: () => Word
  readonly #words: Uint32Array[] = []

  constructor(name: string, seed: number) {
    super()
    this.#name = name
    this.#next = words(seed)
  }

  /** An input drawn from the suite's seed. */
  draw(draw: Draw, dtype: DType, ...shape: number[]): Value {
    const data = drawn(draw, { dtype, shape }, this.#next)
    return this.given(dtype, shape, data)
  }

  /** An input with these words. */
  given(dtype: DType, shape: readonly number[], data: Uint32Array): Value {
    this.#words.push(data)
    return this.input(`x${this.#words.length - 1}`, dtype, shape)
  }

  /** A map of one straight program over operands of the result's shape. */
  straight(program: Straight, dtype: DType, shape: readonly number[], operands: readonly Value[]): Value {
    return this.apply('map', { program, dtype, shape: [...shape] }, operands)
  }

  /** Every node as it was written: no vector is merged into another. */
  plain(): Suite {
    return { name: this.#name, graph: this.record(this.#name), inputs: this.#words }
  }

  /** Repeated nodes dropped and maps merged, as in a job's program. */
  fused(): Suite {
    return { name: this.#name, graph: this.finish(this.#name), inputs: this.#words }
  }
}

function drawn(draw: Draw, { dtype, shape }: TensorType, next: () => Word): Uint32Array {
  const count = elementsOf(shape)
  if (dtype === 'bool') return Uint32Array.from({ length: count }, () => next() & 1)
  if (draw === 'hard') return Uint32Array.from({ length: count }, () => nasty(next))
  if (draw === 'dense') return Uint32Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * 2 ** 32) / count))
  if (draw === 'real') return new Uint32Array(Float32Array.from({ length: count }, () => next() / 2 ** 31 - 1).buffer)
  const { below } = draw
  return Uint32Array.from({ length: count }, () => ((next() % (below + 4)) - 2) >>> 0)
}
