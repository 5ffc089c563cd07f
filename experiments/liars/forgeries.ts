/** What lying solvers claim, and what each states to defend it: the best that it has. */
import seedrandom from 'seedrandom'
import { traceLength } from '#arith/layout.ts'
import { programRoot } from '#graph/encode.ts'
import { typeOf } from '#graph/part.ts'
import { elementOf } from '#graph/primitives/index.ts'
import { buildProgram } from '#graph/program.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Graph, Node } from '#graph/types.ts'
import { Levels } from '#pinpoint/play/levels.ts'
import { graphOf, type Item, itemAt, ownSumItem } from '#pinpoint/schedule.ts'
import type { List, Statement } from '#pinpoint/types.ts'
import { bytesEqual, concatBytes } from '#proto/bytes.ts'
import { type Entry, encodeEntry } from '#proto/entry.ts'
import { taggedHash } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { createJob, type JobSpec } from '#proto/job.ts'
import { hashTree } from '#proto/merkle.ts'
import { Dataset } from '#runtime/dataset.ts'
import { recordOrder } from '#runtime/order.ts'
import { type Lie, LyingRunner } from '#runtime/pinpoint/lie.ts'
import { type EntrySource, Results } from '#runtime/pinpoint/results.ts'
import type { PhaseRunner, Words } from '#runtime/pinpoint/runner.ts'
import { EntryStatement } from '#runtime/pinpoint/statement.ts'
import { entryOf } from '../fork-sweep/fork.ts'
import type { Ground, Place } from './ground.ts'

export interface Forged {
  /** What the entry follows from, and what is defended. */
  readonly statement: Statement
  /** Roots that do not follow from it. */
  readonly change?: Partial<Entry>
  /** What was sent to the partners: the sum of a step, end to end; undefined: what is true. */
  readonly sent?: (step: number) => Uint8Array | undefined
}

/** @param seed names the places that are chosen by chance */
export type Forge = (ground: Ground, place: Place, seed: string) => Promise<Forged>

const ITEMS: List = { level: 'items' }

/** The roots that follow from a statement, end to end. */
async function rootsOf(ground: Ground, place: Place, statement: Statement): Promise<Uint8Array> {
  return encodeEntry(await entryOf(statement, ground.schedule(place), nobodys(ground, place)))
}

/** What an entry says whose author does not matter. */
export const nobodys = (ground: Ground, place: Place): Entry =>
  ground.base(new Uint8Array(32), 0, place, `0x${'00'.repeat(20)}`)

const madeUp = (what: 'leaf' | 'metric' | 'state', n: number, of = 0): Hash =>
  taggedHash(`liars/${what}`, (p) => p.u32(n).u32(of))

/** Nothing was computed: results are hashes that somebody has made up. */
export const forgedEntry: Forge = async (ground, place) => {
  const { count } = ground.schedule(place)
  const { facts } = ground
  const leaves = (item: number): Hash[] => {
    const { kind } = itemAt(ground.schedule(place), item)
    const size = kind === 'init' || kind === 'update' ? facts.state : facts.gradients + facts.metrics
    return Array.from({ length: size }, (_, leaf) => madeUp('leaf', item, leaf))
  }
  const items = Levels.ofHashes(Array.from({ length: count }, (_, item) => hashTree(leaves(item))))
  const { steps } = ground.schedule(place)
  const sums = Array.from({ length: steps }, (_, leaf) => hashTree(leaves(ownSumItem(ground.schedule(place), leaf))))
  const metrics = Array.from({ length: steps }, (_, leaf) => madeUp('metric', leaf))
  const truth = ground.truth(place)
  return {
    statement: {
      async preimage(list, height, index) {
        if (list.level === 'items') return items.preimage(height, index)
        if (list.level !== 'results') return await truth.preimage(list, height, index)
        const hashes = list.of === 'export' ? leaves(list.item) : list.of === 'sum' ? sums : metrics
        return Levels.ofHashes(hashes).preimage(height, index)
      },
    },
  }
}

/** The trace is flawless, but the state after it is not what was committed to. */
export const otherOutputs: Forge = async (ground, place) => ({
  statement: ground.truth(place),
  change: { rootAfter: madeUp('state', place.window) },
})

/** Everything is true but for the metrics, which look better. */
export const betterMetrics: Forge = async (ground, place) => {
  const truth = ground.truth(place)
  const metrics = Levels.ofHashes([madeUp('metric', 0), madeUp('metric', 1)])
  return {
    statement: {
      preimage: async (list, height, index) =>
        list.level === 'results' && list.of === 'metric'
          ? metrics.preimage(height, index)
          : await truth.preimage(list, height, index),
    },
  }
}

/** An earlier window's work, once more: the items, sums and metrics of its entry under the number of this one. */
export const replayedProof: Forge = async (ground, place) => {
  const earlier = { ...place, window: place.window - 1 }
  const old = ground.truth(earlier)
  const { first, count } = ground.schedule(earlier)
  const hashes: Hash[] = []
  for (let item = first; item < count; item++) hashes.push(await old.preimage(ITEMS, 0, item))
  const items = Levels.ofHashes(hashes)
  return {
    statement: {
      preimage: async (list, height, index) => {
        if (list.level === 'items') return items.preimage(height, index)
        return await old.preimage('item' in list ? { ...list, item: list.item + first } : list, height, index)
      },
    },
  }
}

/** The last update of the entry is left out: its result is the state before it. */
export const skippedStep: Forge = async (ground, place) => {
  const { count } = ground.schedule(place)
  const { runner } = ground
  const skips: PhaseRunner = {
    run(graph, inputs, item) {
      const out = runner.run(graph, inputs)
      return item === count - 1 ? [...inputs.slice(0, ground.facts.state), ...out.slice(ground.facts.state)] : out
    },
    select: (graph, inputs, ids) => runner.select(graph, inputs, ids),
    visit: (graph, inputs, visit) => runner.visit(graph, inputs, visit),
    trace: (program, operands, element) => runner.trace(program, operands, element),
  }
  return { statement: new EntryStatement(ground.source(place), skips) }
}

/** Computed from other data than the job's; `change` writes over a copy. */
const otherData =
  (change: (bytes: Uint8Array, ground: Ground) => void): Forge =>
  async (ground, place) => {
    const bytes = ground.job.data.slice()
    change(bytes, ground)
    const data = new Dataset(ground.job.spec.data, bytes)
    return { statement: new EntryStatement({ ...ground.source(place), data }, ground.runner) }
  }

/** Records that are not the job's: each one is the first. */
export const wrongRecords: Forge = otherData((bytes, { job }) => {
  const { stride, trainRecords } = job.spec.data
  for (let record = 1; record < trainRecords; record++) bytes.copyWithin(record * stride, 0, stride)
})

/** The job's records in the order of the file. */
export const reorderedData: Forge = otherData((bytes, { job }) => {
  const { data, seed } = job.spec
  const { stride, trainRecords } = data
  const order = recordOrder(seed, trainRecords)
  const file = bytes.slice()
  for (let position = 0; position < trainRecords; position++) {
    bytes.set(file.subarray(position * stride, (position + 1) * stride), order(position) * stride)
  }
})

/** Another learning rate. */
export const otherRate: Forge = async (ground, place) => {
  const { spec } = ground.job
  const changed: JobSpec = createJob({
    ...spec,
    optimizer: { ...spec.optimizer, learningRate: 0.1 } as JobSpec['optimizer'],
  })
  const program = buildProgram(changed)
  const source: EntrySource = {
    ...ground.source(place),
    spec: createJob({ ...changed, programRoot: programRoot(program) }),
    program,
  }
  return { statement: new EntryStatement(source, ground.runner) }
}

/** The init graph on another seed: a start that the liar likes better. */
export const wrongInit: Forge = async (ground, place) => lied(ground, place, { item: 0, value: 0, element: 0, bit: 0 })

function lied(ground: Ground, place: Place, lie: Lie): Forged {
  const source = ground.source(place)
  const lying = new LyingRunner(ground.runner, lie)
  return { statement: new EntryStatement(source, lying), sent: sumsOf(ground, place, source, lying) }
}

/** A replica's own sums, end to end, as its entry follows from a source. */
export function sumsOf(
  ground: Ground,
  place: Place,
  source: EntrySource,
  runner: PhaseRunner,
): (step: number) => Uint8Array {
  const results = new Results(source, runner, KEPT)
  const schedule = ground.schedule(place)
  return (step) => endToEnd(results.result(ownSumItem(schedule, step - source.entry.stepFrom)))
}

const endToEnd = (tensors: readonly Words[]): Uint8Array =>
  concatBytes(...tensors.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)))

/** Nodes that a bit is flipped in. */
interface Target {
  readonly item: (item: Item, index: number, ground: Ground, place: Place) => boolean
  readonly node: (node: Node, length: number) => boolean
  /** Word of the trace, of that many, by a number in [0, 1). */
  readonly micro: (length: number, at: number) => number
}

/** Bytes of states that are kept. */
const KEPT = 1 << 24

/** Places that are tried until a bit is found that is not lost in rounding. */
const TRIES = 100

/** One flipped bit, and all that follows from it. */
const oneBit =
  (target: Target): Forge =>
  async (ground, place, seed) => {
    const random = seedrandom(seed)
    const below = (n: number): number => Math.floor(random() * n)
    const { count } = ground.schedule(place)
    const truth = await rootsOf(ground, place, ground.truth(place))
    const items = Array.from({ length: count }, (_, i) => i).filter((i) =>
      target.item(itemAt(ground.schedule(place), i), i, ground, place),
    )
    for (let tries = 0; tries < TRIES; tries++) {
      const item = items[below(items.length)] as number
      const name = graphOf(itemAt(ground.schedule(place), item))
      const graph = ground.job.program[name ?? 'micro'] as Graph
      const values = graph.nodes.flatMap((node, i) => {
        const length = lengthOf(graph, node)
        return target.node(node, length) ? [{ value: graph.inputs.length + i, length }] : []
      })
      const { value, length } = values[below(values.length)] as (typeof values)[number]
      const element = below(elementsOf(typeOf(graph, value).shape))
      const lie = { item, value, element, micro: target.micro(length, random()), bit: 16 + below(15) }
      const forged = lied(ground, place, lie)
      if (!bytesEqual(await rootsOf(ground, place, forged.statement), truth)) return forged
    }
    throw new Error(`${seed}: no bit of ${TRIES} makes a difference`)
  }

const lengthOf = (graph: Graph, node: Node): number =>
  traceLength(
    elementOf(
      node,
      node.inputs.map((id) => typeOf(graph, id)),
    ),
  )

/** A bit of the result of any node of a micro-batch. */
export const flippedBit: Forge = oneBit({
  item: ({ kind }) => kind === 'micro',
  node: () => true,
  micro: (length) => length - 1,
})

/** A bit of one sum within a long reduction. */
export const wrongReduction: Forge = oneBit({
  item: ({ kind }) => kind === 'micro',
  node: (_, length) => length > 64,
  micro: (length, at) => Math.floor((0.25 + at / 2) * length),
})

/** A bit of the sum over the replica's own lanes, which its partners go on with. */
export const wrongLaneSum: Forge = oneBit({
  item: ({ kind }, index, ground, place) => kind === 'add' && index === ownSumItem(ground.schedule(place), 0),
  node: () => true,
  micro: (length) => length - 1,
})
