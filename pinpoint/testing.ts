/** For tests: everything behind an entry of a tiny job, computed by the definitions alone, with or without a lie in it. */
import { interpret } from '#arith/interpret.ts'
import { trace } from '#arith/trace.ts'
import type { ElementProgram, TensorType } from '#arith/types.ts'
import { encodeNode, graphLeaves, programRoot } from '#graph/encode.ts'
import { elementOf } from '#graph/primitives/index.ts'
import { buildProgram } from '#graph/program.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Graph, Program } from '#graph/types.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import { fail } from '#proto/errors.ts'
import { ARITY, LEAF_BYTES, leafHash, nodeHash } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { createJob, type JobDraft, type JobSpec } from '#proto/job.ts'
import { joinerOf } from '#proto/lanes.ts'
import { bytesRoot, DTYPE_CODE, hashTree, tensorRootOf } from '#proto/merkle.ts'
import { recordIndex } from '#proto/permutation.ts'
import { sampleJob, seededRandom } from '#proto/testing.ts'
import type { Claim } from './claim.ts'
import { factsHash, factsOf } from './facts.ts'
import { inputRule } from './inputs.ts'
import { type Item, itemAt, itemsOf, type Schedule, sumCount, sumItem, sumLeaf, totalItem } from './schedule.ts'
import { tensorHeader } from './tree.ts'
import type { Facts, Opening } from './types.ts'

export interface SmallJob {
  readonly spec: JobSpec
  readonly data: Uint8Array
  readonly program: Program
  readonly facts: Facts
}

/** A job with its data, program and facts. */
export function jobOf(draft: JobSpec, data: Uint8Array): SmallJob {
  const program = buildProgram(draft)
  const spec = createJob({ ...draft, programRoot: programRoot(program) })
  return { spec, data, program, facts: factsOf(spec, program) }
}

/** A job whose graphs have a few dozen values of a few words each: a linear classifier of two features. */
export function smallJob(change: Partial<JobDraft> = {}): SmallJob {
  const random = seededRandom(11)
  const rows = Array.from({ length: 12 }, () => [random.u32() / 2 ** 32, random.u32() / 2 ** 32, random.below(2)])
  const data = new Uint8Array(new Float32Array(rows.flat()).buffer)
  const draft = sampleJob({
    model: { type: 'mlp', hidden: [], activation: 'relu' },
    data: {
      ...sampleJob().data,
      format: 'csv',
      root: bytesRoot(data),
      size: data.length,
      dtype: 'f32',
      stride: 3,
      recordLength: 3,
      trainRecords: 8,
      evalFrom: 8,
      evalTo: 12,
      features: 2,
      classes: 2,
    },
    steps: 4,
    batch: 4,
    microBatches: 2,
    lanes: 2,
    replicas: 1,
    optimizer: { type: 'sgd', learningRate: 0.1, momentum: 0, weightDecay: 0, warmup: 0 },
    ...change,
  })
  return jobOf(draft, data)
}

/** A character model with dropout: its records are bytes, it reads seed, step and position, and gathers. */
export function smallText(change: Partial<JobDraft> = {}): SmallJob {
  const data = new TextEncoder().encode('the quick brown fox')
  const features = 4
  const records = { stride: features, recordLength: features + 1, trainRecords: 3, evalFrom: 0, evalTo: 0, features }
  return jobOf(
    sampleJob({
      model: { type: 'gpt', width: 4, layers: 1, heads: 1, context: features, dropout: 0.5 },
      data: { ...sampleJob().data, ...records, root: bytesRoot(data), size: data.length },
      steps: 4,
      batch: 4,
      microBatches: 4,
      lanes: 2,
      ...change,
    }),
    data,
  )
}

/** What may be wrong; each is changed in place once it is computed. */
export interface Lies {
  /** Words of a value: whatever follows is computed from them. */
  readonly value?: (item: number, value: number, words: Uint32Array) => void
  readonly trace?: (item: number, value: number, element: number, words: Uint32Array) => void
  /** Leaves of an item, which then is not what its values say. */
  readonly leaves?: (item: number, leaves: Hash[]) => void
  /** What the entry commits to, step by step. */
  readonly sums?: (sums: Hash[]) => void
  readonly metrics?: (leaf: number, metrics: Hash[]) => void
  readonly entry?: Partial<Entry>
}

const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength)

export interface WorldOptions {
  readonly replica?: number
  readonly replicas?: number
  readonly stepFrom?: number
  readonly stepTo?: number
  /** State before `stepFrom`, where that is not 0. */
  readonly before?: readonly Uint32Array[]
  readonly lies?: Lies
}

/** What one side holds to be true about an entry. */
export class World {
  readonly spec: JobSpec
  readonly data: Uint8Array
  readonly program: Program
  readonly facts: Facts
  readonly schedule: Schedule
  readonly replica: number
  readonly replicas: number
  readonly stepTo: number
  readonly #options: WorldOptions
  readonly #lies: Lies
  readonly #values = new Map<number, Uint32Array[]>()
  readonly #roots = new Map<number, Hash[]>()
  readonly #leaves = new Map<number, Hash[]>()
  #items: Hash[] | undefined
  #entry: Entry | undefined
  readonly #partners = new Map<number, World>()
  readonly #elements: Uint32Array

  constructor(job: SmallJob, options: WorldOptions = {}) {
    this.spec = job.spec
    this.data = job.data
    this.program = job.program
    this.facts = job.facts
    this.#options = options
    this.#lies = options.lies ?? {}
    this.replica = options.replica ?? 0
    this.replicas = options.replicas ?? 1
    const stepFrom = options.stepFrom ?? 0
    this.stepTo = options.stepTo ?? stepFrom + 1
    this.schedule = itemsOf(this.facts, { replica: this.replica, stepFrom, stepTo: this.stepTo }, this.replicas)
    const f32 = this.spec.data.dtype === 'f32'
    this.#elements = f32 ? new Uint32Array(this.data.slice().buffer) : Uint32Array.from(this.data)
  }

  item(index: number): Item {
    return itemAt(this.schedule, index)
  }

  graph(index: number): Graph {
    const { kind } = this.item(index)
    if (kind === 'inbound') fail('bad-input', 'an inbound sum has no graph')
    return this.program[kind === 'add' ? 'combine' : kind]
  }

  /** The honest other replica. */
  partner(replica: number): World {
    const { lies: _, ...options } = this.#options
    const found = this.#partners.get(replica) ?? new World(this, { ...options, replica })
    this.#partners.set(replica, found)
    return found
  }

  /** An honest replica that holds a sum which this one does not compute. */
  joiner(leaf: number): World {
    return this.partner(joinerOf(leaf % this.schedule.sums, this.replica, this.replicas))
  }

  /** Words of the tensors that an item is the tree over. */
  result(index: number): Uint32Array[] {
    const item = this.item(index)
    if (item.kind === 'inbound') {
      const leaf = sumLeaf(this.schedule, item)
      const partner = this.joiner(leaf)
      return partner.result(sumItem(partner.schedule, leaf) as number)
    }
    const values = this.values(index)
    const outputs = this.graph(index).outputs.slice(0, this.leafTypes(index).length)
    return outputs.map(({ value }) => values[value] as Uint32Array)
  }

  leafTypes(index: number): TensorType[] {
    const { kind } = this.item(index)
    const { state, gradients, metrics } = this.program
    const ports = kind === 'init' || kind === 'update' ? state : [...gradients, ...metrics]
    return ports.map(({ type }) => type)
  }

  /** Words of all values of a phase. */
  values(index: number): Uint32Array[] {
    const known = this.#values.get(index)
    if (known !== undefined) return known
    const graph = this.graph(index)
    const values: Uint32Array[] = []
    const add = (words: Uint32Array): void => {
      this.#lies.value?.(index, values.length, words)
      values.push(words)
    }
    for (const [port, { type }] of graph.inputs.entries()) add(this.#input(index, port, elementsOf(type.shape)))
    for (const node of graph.nodes) {
      const operands = node.inputs.map((id) => values[id] as Uint32Array)
      add(interpret(elementOf(node, this.#types(graph, node.inputs)), operands))
    }
    this.#values.set(index, values)
    return values
  }

  #types(graph: Graph, ids: readonly number[]): TensorType[] {
    return ids.map((id) => this.type(graph, id))
  }

  type(graph: Graph, value: number): TensorType {
    return ([...graph.inputs, ...graph.nodes][value] as { type: TensorType }).type
  }

  /** Words of an input by its rule; inputs.test.ts compares whole entries with those of a trainer. */
  #input(index: number, port: number, count: number): Uint32Array {
    const item = this.item(index)
    const rule = inputRule(this.facts, item, port)
    if (rule.kind === 'linked') {
      const source = rule.source === 'rootBefore' ? (this.#options.before ?? []) : this.result(rule.source)
      return (source[rule.leaf] as Uint32Array).slice()
    }
    if (rule.formula === 'initSeed' || rule.formula === 'dropoutSeed') return Uint32Array.from(this.facts[rule.formula])
    if (rule.formula === 'step') return Uint32Array.of(item.step)
    const { batch, microBatches } = this.spec
    const size = batch / microBatches
    const first = item.step * batch + (item.kind === 'micro' ? item.microBatch : 0) * size
    if (rule.formula === 'position') return Uint32Array.from({ length: count }, (_, i) => first + i)
    const { recordLength, stride, trainRecords } = this.spec.data
    return Uint32Array.from({ length: count }, (_, e) => {
      const record = recordIndex(this.facts.orderSeed, first + Math.floor(e / recordLength), trainRecords)
      return this.#elements[record * stride + (e % recordLength)] as number
    })
  }

  leaves(index: number): Hash[] {
    const types = this.leafTypes(index)
    const known = this.#leaves.get(index)
    if (known !== undefined) return known
    const leaves = this.result(index).map((words, i) => rootOfTensor(types[i] as TensorType, words))
    this.#lies.leaves?.(index, leaves)
    this.#leaves.set(index, leaves)
    return leaves
  }

  items(): Hash[] {
    this.#items ??= Array.from({ length: this.schedule.count }, (_, index) => hashTree(this.leaves(index)))
    return this.#items
  }

  valueRoots(index: number): Hash[] {
    const graph = this.graph(index)
    const roots =
      this.#roots.get(index) ?? this.values(index).map((words, value) => rootOfTensor(this.type(graph, value), words))
    this.#roots.set(index, roots)
    return roots
  }

  trace(index: number, value: number, element: number): Uint32Array {
    const node = this.node(index, value)
    const values = this.values(index)
    const operands = node.inputs.map((id) => values[id] as Uint32Array)
    const words = trace(node.program, operands, element)
    this.#lies.trace?.(index, value, element, words)
    return words
  }

  node(index: number, value: number): { program: ElementProgram; inputs: readonly number[] } {
    const graph = this.graph(index)
    const node = graph.nodes[value - graph.inputs.length] ?? fail('bad-input', `no node has value ${value}`)
    return { program: elementOf(node, this.#types(graph, node.inputs)), inputs: node.inputs }
  }

  /** Canonical bytes of the node behind a value, and their opening. */
  nodeEvidence(index: number, value: number): { node: Uint8Array; nodeOpening: Opening } {
    const graph = this.graph(index)
    const n = value - graph.inputs.length
    return { node: encodeNode(graph, n), nodeOpening: openingOf(leavesOfGraph(graph), 1 + n) }
  }

  /** Roots of a step's metrics, which are in the result of the step's total. */
  metricLeaves(leaf: number): Hash[] {
    const metrics = this.leaves(totalItem(this.schedule, leaf)).slice(this.facts.gradients)
    this.#lies.metrics?.(leaf, metrics)
    return metrics
  }

  metricRoots(): Hash[] {
    return Array.from({ length: this.schedule.steps }, (_, leaf) => hashTree(this.metricLeaves(leaf)))
  }

  sumRoots(): Hash[] {
    const sums = Array.from({ length: sumCount(this.schedule) }, (_, leaf) => {
      const item = sumItem(this.schedule, leaf)
      if (item !== undefined) return hashTree(this.leaves(item))
      const joiner = this.joiner(leaf)
      return hashTree(joiner.leaves(sumItem(joiner.schedule, leaf) as number))
    })
    this.#lies.sums?.(sums)
    return sums
  }

  /** Leaves of `rootBefore` where the entry does not start at step 0. */
  beforeRoots(): Hash[] {
    const before = this.#options.before ?? []
    return this.program.state.map(({ type }, i) => rootOfTensor(type, before[i] as Uint32Array))
  }

  /** The entry that follows from all this. */
  entry(): Entry {
    this.#entry ??= { ...this.#ownEntry(), ...this.#lies.entry }
    return this.#entry
  }

  #ownEntry(): Entry {
    const { stepFrom } = this.schedule
    return {
      jobId: new Uint8Array(32).fill(7),
      epoch: 1,
      replica: this.replica,
      window: 0,
      stepFrom,
      stepTo: this.stepTo,
      rootBefore: stepFrom === 0 ? hashTree(this.leaves(0)) : hashTree(this.beforeRoots()),
      rootAfter: hashTree(this.leaves(this.schedule.count - 1)),
      lanesRoot: this.schedule.sums === 0 ? new Uint8Array(32) : hashTree(this.sumRoots()),
      metricsRoot: hashTree(this.metricRoots()),
      solver: new Uint8Array(20).fill(1 + this.replica),
    }
  }

  claim(entry = this.entry()): Claim {
    return { entry: entryDigest(entry), facts: factsHash(this.facts), replicas: this.replicas }
  }
}

const graphLeavesKept = new WeakMap<Graph, Hash[]>()

function leavesOfGraph(graph: Graph): Hash[] {
  const leaves = graphLeavesKept.get(graph) ?? graphLeaves(graph)
  graphLeavesKept.set(graph, leaves)
  return leaves
}

export function rootOfTensor(type: TensorType, words: Uint32Array): Hash {
  return tensorRootOf(DTYPE_CODE[type.dtype], type.shape, bytesOf(words))
}

const join = (hashes: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(hashes))

/** Preimages from the tree over `hashes` down to hash `index`. */
export function openingOf(hashes: readonly Hash[], index: number): Opening {
  const down: Uint8Array[] = []
  let at = index
  for (let level = hashes; level.length > 1; ) {
    const groups: Hash[][] = []
    for (let i = 0; i < level.length; i += ARITY) groups.push(level.slice(i, i + ARITY))
    at = Math.floor(at / ARITY)
    down.unshift(join(groups[at] as Hash[]))
    level = groups.map((group) => nodeHash(group))
  }
  return down
}

/** Preimages from the root of a byte string down to the leaf with byte `at`. */
export function openingOfBytes(bytes: Uint8Array, at: number): Opening {
  const leaves: Uint8Array[] = []
  for (let i = 0; i === 0 || i < bytes.length; i += LEAF_BYTES) leaves.push(bytes.slice(i, i + LEAF_BYTES))
  const leaf = Math.floor(at / LEAF_BYTES)
  const hashes = leaves.map((bytes) => leafHash(bytes))
  return [...openingOf(hashes, leaf), leaves[leaf] as Uint8Array]
}

export const openingOfWord = (words: Uint32Array, index: number): Opening => openingOfBytes(bytesOf(words), 4 * index)

/** From a tensor root to the leaf with word `index`. */
export function openingOfTensor(type: TensorType, words: Uint32Array, index: number): Opening {
  return [join([tensorHeader(type), bytesRoot(bytesOf(words))]), ...openingOfWord(words, index)]
}
