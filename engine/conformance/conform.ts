/** Conformance: an engine computes vectors whose results are known, and may train exact jobs only if every bit is right. */
import type { TensorType } from '#arith/types.ts'
import { toHex } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import type { Buffer, Engine } from '../types.ts'
import { allSuites, quickSuite } from './cases.ts'
import { EXPECTED } from './expected.generated.ts'
import type { Suite } from './suite.ts'

export interface Conformance {
  /** Vectors computed. */
  readonly vectors: number
  /** Names of those that came out differently, with the reason where an engine could not compute a suite at all. */
  readonly failures: readonly string[]
}

/** SHA-256 of the words of a tensor, little-endian, in hexadecimal. */
export function digestOf(words: Uint32Array): string {
  return toHex(sha256(new Uint8Array(words.buffer, words.byteOffset, words.byteLength)))
}

/** Digits of a digest that the expected results keep: 64 bits. */
export const DIGITS = 16

/**
 * Runs the conformance vectors: `quick` a few dozen in one graph, else all of them. Buffers are given back.
 * What an engine throws is a failure of the suite that it threw in.
 */
export function conform(engine: Engine, { quick = false } = {}): Conformance {
  const failures: string[] = []
  let vectors = 0
  for (const suite of quick ? [quickSuite()] : allSuites()) {
    vectors += suite.graph.outputs.length
    try {
      for (const [name, digest] of runSuite(engine, suite)) {
        if (EXPECTED[name] !== digest.slice(0, DIGITS)) failures.push(name)
      }
    } catch (cause) {
      failures.push(`${suite.name}: ${(cause as Error).message}`)
    }
  }
  return { vectors, failures }
}

/**
 * The start-up check of an engine for exact jobs: the quick vectors.
 * @throws not-exact naming the first vector that failed
 */
export function requireExact(engine: Engine): void {
  const { vectors, failures } = conform(engine, { quick: true })
  if (failures.length === 0) return
  fail(
    'not-exact',
    `the engine '${engine.name}' is not exact on this machine: ${failures.length} of ${vectors} conformance vectors ` +
      `failed, first ${failures[0]}`,
    { next: 'Choose another engine (assay doctor --engine says which are exact here), and please report this one.' },
  )
}

/** Digests of a suite's vectors by their names, `suite/output`. */
export function runSuite(engine: Engine, { name, graph, inputs }: Suite): Map<string, string> {
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  const held: Buffer[] = []
  const alloc = (type: TensorType): Buffer => {
    const buffer = engine.alloc(type)
    held.push(buffer)
    return buffer
  }
  try {
    const kernel = engine.compile(graph)
    const from = graph.inputs.map(({ type }) => alloc(type))
    const to = graph.outputs.map(({ value }) => alloc(types[value]!))
    for (const [i, buffer] of from.entries()) buffer.words().set(inputs[i]!)
    // What an engine leaves unwritten must not happen to be right.
    for (const buffer of to) buffer.words().fill(0xdeadbeef)
    kernel.run(from, to)
    return new Map(graph.outputs.map((port, i) => [`${name}/${port.name}`, digestOf(to[i]!.words())]))
  } finally {
    for (const buffer of held) engine.free(buffer)
  }
}
