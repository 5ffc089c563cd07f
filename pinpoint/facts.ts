/** What a game needs of a job, derived from its bytes and its program: docs/spec/pinpoint.md, Facts. */
import { graphRoot } from '#graph/encode.ts'
import type { Graph, Program } from '#graph/types.ts'
import { Writer } from '#proto/bytes.ts'
import { check } from '#proto/errors.ts'
import { taggedHash } from '#proto/hash.ts'
import { derivedSeed, type Hash, seedWords } from '#proto/ids.ts'
import type { JobSpec } from '#proto/job.ts'
import { bytesRoot, DTYPE_CODE } from '#proto/merkle.ts'
import { Packed } from '#proto/packed.ts'
import type { Facts, GraphFacts } from './types.ts'

export const FACTS_TAG = 'assay/facts/1'

/** Numbers of the values that a graph exports: its first `count` outputs, as the byte string under `GraphFacts.exports`. */
export function exportBytes(graph: Graph, count: number): Uint8Array {
  const w = new Writer()
  for (const { value } of graph.outputs.slice(0, count)) w.u32(value)
  return w.finish()
}

function graphFacts(graph: Graph, exported: number): GraphFacts {
  return {
    root: graphRoot(graph),
    inputs: graph.inputs.length,
    nodes: graph.nodes.length,
    exports: bytesRoot(exportBytes(graph, exported)),
  }
}

/** The facts of a job. `program` is the one that `spec` names (`programOf` in runtime/program.ts checks that). */
export function factsOf(spec: JobSpec, program: Program): Facts {
  const sums = program.gradients.length + program.metrics.length
  const { data } = spec
  return {
    init: graphFacts(program.init, program.state.length),
    micro: graphFacts(program.micro, sums),
    combine: graphFacts(program.combine, sums),
    update: graphFacts(program.update, program.state.length),
    state: program.state.length,
    gradients: program.gradients.length,
    metrics: program.metrics.length,
    dataRoot: data.root,
    dataSize: data.size,
    dataDtype: DTYPE_CODE[data.dtype],
    stride: data.stride,
    recordLength: data.recordLength,
    trainRecords: data.trainRecords,
    batch: spec.batch,
    microBatches: spec.microBatches,
    lanes: spec.lanes,
    orderSeed: derivedSeed(spec.seed, 'order'),
    initSeed: seedWords(spec.seed, 'init'),
    dropoutSeed: seedWords(spec.seed, 'dropout'),
  }
}

function packFacts(p: Packed, facts: Facts): Packed {
  for (const graph of [facts.init, facts.micro, facts.combine, facts.update]) {
    p.b32(graph.root).u32(graph.inputs).u32(graph.nodes).b32(graph.exports)
  }
  p.u32(facts.state).u32(facts.gradients).u32(facts.metrics)
  p.b32(facts.dataRoot).u64(facts.dataSize).u8(facts.dataDtype)
  p.u32(facts.stride).u32(facts.recordLength).u64(facts.trainRecords)
  p.u32(facts.batch).u16(facts.microBatches).u16(facts.lanes).b32(facts.orderSeed)
  for (const [low, high] of [facts.initSeed, facts.dropoutSeed]) p.u32(low).u32(high)
  return p
}

/** Packed bytes of the facts, as evidence shows them. Throws `bad-input` for a field outside its type. */
export const encodeFacts = (facts: Facts): Uint8Array => packFacts(new Packed(), facts).finish()

/** H("assay/facts/1" || packed fields): what the terms of a job name. Throws `bad-input` for a field outside its type. */
export const factsHash = (facts: Facts): Hash => taggedHash(FACTS_TAG, (p) => packFacts(p, facts))

export const FACTS_BYTES = 413
const GRAPH_BYTES = 72

/** The facts of their packed bytes. @throws bad-encoding on another length, or a number above 2^53 - 1 */
export function decodeFacts(bytes: Uint8Array): Facts {
  check(bytes.length === FACTS_BYTES, 'bad-encoding', `facts have ${FACTS_BYTES} bytes, not ${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const u32 = (at: number): number => view.getUint32(at)
  const u64 = (at: number): number => {
    const value = Number(view.getBigUint64(at))
    check(Number.isSafeInteger(value), 'bad-encoding', `facts name a size of ${value}`)
    return value
  }
  const graph = (n: number): GraphFacts => {
    const at = n * GRAPH_BYTES
    const [root, exports] = [bytes.slice(at, at + 32), bytes.slice(at + 40, at + 72)]
    return { root, inputs: u32(at + 32), nodes: u32(at + 36), exports }
  }
  return {
    ...{ init: graph(0), micro: graph(1), combine: graph(2), update: graph(3) },
    ...{ state: u32(288), gradients: u32(292), metrics: u32(296) },
    ...{ dataRoot: bytes.slice(300, 332), dataSize: u64(332), dataDtype: view.getUint8(340) },
    ...{ stride: u32(341), recordLength: u32(345), trainRecords: u64(349) },
    ...{ batch: u32(357), microBatches: view.getUint16(361), lanes: view.getUint16(363) },
    ...{ orderSeed: bytes.slice(365, 397), initSeed: [u32(397), u32(401)], dropoutSeed: [u32(405), u32(409)] },
  }
}
