/** The record of the conformance vectors: what the reference engine computes, as text to compare and to keep. */
import { checkGraph } from '#graph/check.ts'
import { encodeGraph } from '#graph/encode.ts'
import { toHex } from '#proto/bytes.ts'
import { sha256 } from '#proto/hash.ts'
import { referenceEngine } from '../reference/engine.ts'
import { allSuites } from './cases.ts'
import { DIGITS, digestOf, runSuite } from './conform.ts'

interface SuiteRecord {
  /** SHA-256 of the encoded graph. */
  readonly graph: string
  /** SHA-256 of each input's words. */
  readonly inputs: readonly string[]
  /** SHA-256 of each output's words, by the output's name. */
  readonly vectors: Readonly<Record<string, string>>
}

export interface VectorRecord {
  /** The whole record, for test/vectors. */
  readonly json: string
  /** The module of expected results that engines are checked against. */
  readonly module: string
}

/** Computes every vector on the reference engine. */
export function recordVectors(): VectorRecord {
  const reference = referenceEngine()
  const record: Record<string, SuiteRecord> = {}
  const lines: string[] = []
  for (const suite of allSuites()) {
    checkGraph(suite.graph)
    const results = runSuite(reference, suite)
    record[suite.name] = {
      graph: toHex(sha256(encodeGraph(suite.graph))),
      inputs: suite.inputs.map(digestOf),
      vectors: Object.fromEntries([...results].map(([name, digest]) => [name.slice(suite.name.length + 1), digest])),
    }
    for (const [name, digest] of results) lines.push(`  '${name}': '${digest.slice(0, DIGITS)}',`)
  }
  const module = [
    '/** Results of the conformance vectors. Generated: `npx vitest run engine/conformance -u`; do not edit. */',
    'export const EXPECTED: Readonly<Record<string, string>> = {',
    ...lines,
    '}',
    '',
  ].join('\n')
  return { json: `${JSON.stringify(record, null, 1)}\n`, module }
}
