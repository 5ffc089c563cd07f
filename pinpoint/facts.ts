/** What a game needs of a job, derived from its bytes and its program: docs/spec/pinpoint.md, Facts. */
import { graphRoot } from '#graph/encode.ts'
import type { Graph, Program } from '#graph/types.ts'
import { Writer } from '#proto/bytes.ts'
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
