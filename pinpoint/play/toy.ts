/**
 * Claims of any size that cost nothing: every tensor of the job is zeros, every node a sum of zeros, and one lie stands somewhere in
 * it. Trees are virtual, the rules and players are real. For cheap games, and for measuring large ones.
 */
import { encodeProgram } from '#arith/encode.ts'
import { CHAIN } from '#arith/interpret.ts'
import { traceLength } from '#arith/layout.ts'
import type { ElementProgram, TensorType, Word } from '#arith/types.ts'
import { primitive } from '#graph/primitives/index.ts'
import { Writer } from '#proto/bytes.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import { fail } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { bytesRoot, DTYPE_CODE, hashTree, tensorRoot } from '#proto/merkle.ts'
import type { Claim } from '../claim.ts'
import { factsHash } from '../facts.ts'
import { inputRule } from '../inputs.ts'
import { type GraphName, graphOf, itemAt, itemsOf, ownSumItem, type Schedule, totalItem } from '../schedule.ts'
import { elementCount } from '../tree.ts'
import type { Facts, GraphFacts, List, Opening, Statement } from '../types.ts'
import type { Case, Definitions } from './context.ts'
import { openByte, pathIn } from './openings.ts'
import { type Run, VirtualTree } from './virtual.ts'

/** Sizes of the four lists, as powers of two; traces are a little shorter. */
export interface ToySize {
  /** 1..12. */
  readonly items: number
  /** 4..16. */
  readonly values: number
  /** 0..24. */
  readonly words: number
  /** 0..24. */
  readonly trace: number
}

/** Where a statement is false. What follows from a false word is false too. */
export type Lie =
  | { readonly at: 'entry'; readonly field: 'rootAfter' | 'sum' | 'metric' }
  /** A leaf of an item, whose values are true. */
  | { readonly at: 'item'; readonly item: number; readonly leaf: number }
  /** A word of a value whose trace, if it has one, is true. */
  | { readonly at: 'value'; readonly item: number; readonly value: number; readonly element: number }
  /** A word of the trace of an element of a node. */
  | {
      readonly at: 'trace'
      readonly item: number
      readonly value: number
      readonly element: number
      readonly micro: number
    }

/** Tensors of the state, and of a gradient sum: one gradient and one metric. */
const LEAVES = 2
/** What stands where the truth is 0: a number that is stored as it is. */
const FALSE: Word = 0x3f800000

/** A toy job's entry: a true statement about it, and false ones. */
export class Toy {
  readonly facts: Facts
  readonly schedule: Schedule
  readonly definitions: Definitions
  readonly #type: TensorType
  readonly #program: ElementProgram
  readonly #zeros: Hash
  readonly #trees = new Map<string, VirtualTree>()

  constructor(size: ToySize) {
    const { items, values, words, trace } = size
    const microBatches = 2 ** (items - 1)
    this.#type = { dtype: 'f32', shape: [2 ** words] }
    this.#program = sumOf(this.#type, Math.max(1, Math.floor((2 ** trace * CHAIN) / (CHAIN + 1)) - 1))
    this.#zeros = this.#tensor([{ from: 0, item: 0 }])
    const node = this.#node()
    const graph = (inputs: number): { facts: GraphFacts; tree: VirtualTree } => {
      const nodes = 2 ** values - inputs
      if (nodes < 1) fail('bad-input', `a toy has more than ${inputs} values`)
      const runs = [
        { from: 0, item: bytesRoot(new Uint8Array(0)) },
        { from: 1, item: bytesRoot(node) },
      ]
      const tree = VirtualTree.ofHashes(1 + nodes, runs)
      return { facts: { root: tree.root, inputs, nodes, exports: bytesRoot(this.#exports(inputs + nodes)) }, tree }
    }
    const graphs = {
      init: graph(1),
      micro: graph(LEAVES + 4),
      combine: graph(2 * LEAVES),
      update: graph(2 * LEAVES + 1),
    }
    this.facts = {
      ...{ init: graphs.init.facts, micro: graphs.micro.facts },
      ...{ combine: graphs.combine.facts, update: graphs.update.facts },
      ...{ state: LEAVES, gradients: LEAVES - 1, metrics: 1 },
      ...{ dataRoot: bytesRoot(DATA), dataSize: DATA.length, dataDtype: DTYPE_CODE.u8, stride: 1, recordLength: 1 },
      ...{ trainRecords: DATA.length, batch: microBatches, microBatches, lanes: 1 },
      ...{ orderSeed: new Uint8Array(32), initSeed: [0, 0], dropoutSeed: [0, 0] },
    }
    this.schedule = itemsOf(this.facts, { replica: 0, stepFrom: 1, stepTo: 2 }, 1)
    this.definitions = {
      type: (name, value) => this.#typeOf(name, value),
      node: (name, value) => {
        const { tree, facts } = graphs[name]
        return { node, nodeOpening: pathIn(tree, 1 + value - facts.inputs) }
      },
      exports: (name) => Array.from({ length: LEAVES }, () => this.#last(name)),
      exportOpening: (name, n): Opening => openByte(this.#exports(1 + this.#last(name)), 4 * n),
    }
  }

  /** Micro-steps behind the whole entry. */
  get microSteps(): bigint {
    const { inputs, nodes } = this.facts.update
    const lists = [this.schedule.count, inputs + nodes, elementCount(this.#type.shape), traceLength(this.#program)]
    return lists.reduce((product, count) => product * BigInt(count), 1n)
  }

  /** Words of the trace of one element. */
  get traceLength(): number {
    return traceLength(this.#program)
  }

  /** The entry that a statement with that lie makes; the true one without. */
  entry(lie?: Lie): Entry {
    const root = (list: List): Hash => this.#tree(list, lie).root
    const after = this.#itemHash(this.schedule.count - 1, lie)
    return {
      ...{ jobId: new Uint8Array(32), epoch: 1, replica: 0, window: 0, stepFrom: 1, stepTo: 2 },
      rootBefore: hashTree(this.#leaves(0)),
      rootAfter: lie?.at === 'entry' && lie.field === 'rootAfter' ? OTHER : after,
      lanesRoot: root({ level: 'results', of: 'sum' }),
      metricsRoot: root({ level: 'results', of: 'metric' }),
      solver: new Uint8Array(20),
    }
  }

  claim(entry: Entry): Claim {
    const digest = entryDigest(entry)
    return { entry: digest, facts: factsHash(this.facts), replicas: 1, slot: [digest] }
  }

  /** What a game about that entry is about. */
  about(entry: Entry): Case {
    const { facts, schedule, definitions } = this
    return { entry, facts, schedule, slot: [entry], definitions, data: async (at) => openByte(DATA, at) }
  }

  statement(lie?: Lie): Statement {
    return { preimage: async (list, height, index) => this.#tree(list, lie).preimage(height, index) }
  }

  #tree(list: List, lie: Lie | undefined): VirtualTree {
    const key = JSON.stringify([list, lie])
    const tree = this.#trees.get(key) ?? this.#build(list, lie)
    this.#trees.set(key, tree)
    return tree
  }

  #build(list: List, lie: Lie | undefined): VirtualTree {
    const { schedule } = this
    switch (list.level) {
      case 'items': {
        const from = itemOf(lie)
        const [before, after] = [this.#itemHash(0), this.#itemHash(schedule.count - 1, lie)]
        return VirtualTree.ofHashes(schedule.count, runs([0, before], from === undefined ? undefined : [from, after]))
      }
      case 'values':
        return this.#values(list.item, lie)
      case 'words':
        return this.#words(list.item, list.value, lie)
      case 'trace': {
        const hit = lie?.at === 'trace' && lie.item === list.item && lie.value === list.value
        const false_ = hit && lie.element === list.element ? ([lie.micro, FALSE] as const) : undefined
        return VirtualTree.ofWords(this.traceLength, runs([0, 0], false_))
      }
      case 'results': {
        if (list.of !== 'export') {
          if (lie?.at === 'entry' && lie.field === list.of) return VirtualTree.ofHashes(1, runs([0, OTHER]))
          const item = list.of === 'sum' ? ownSumItem(schedule, 0) : totalItem(schedule, 0)
          const hash = list.of === 'sum' ? this.#itemHash(item, lie) : (this.#itemLeaves(item, lie)[LEAVES - 1] as Hash)
          return VirtualTree.ofHashes(1, runs([0, hash]))
        }
        const [first, second] = this.#itemLeaves(list.item, lie)
        return VirtualTree.ofHashes(LEAVES, runs([0, first as Hash], [1, second as Hash]))
      }
    }
  }

  #itemHash(item: number, lie?: Lie): Hash {
    return hashTree(this.#itemLeaves(item, lie))
  }

  #itemLeaves(item: number, lie?: Lie): Hash[] {
    const from = itemOf(lie)
    const wrong = lie !== undefined && from !== undefined && item >= from
    if (!wrong) return this.#leaves(0)
    return lie.at === 'item' ? this.#leaves(0).map((hash, i) => (i === lie.leaf ? OTHER : hash)) : this.#leaves(1, lie)
  }

  /** Leaves of a result without, or with, a false word. */
  #leaves(wrong: 0 | 1, lie?: Lie): Hash[] {
    const hash = wrong === 0 || lie === undefined ? this.#zeros : this.#wrongTensor(lie)
    return Array.from({ length: LEAVES }, () => hash)
  }

  #values(item: number, lie: Lie | undefined): VirtualTree {
    const at = itemAt(this.schedule, item)
    const name = graphOf(at) as GraphName
    const { inputs, nodes } = this.facts[name]
    const found: Run<Hash>[] = []
    for (let value = 0; value < inputs; value++) found.push({ from: value, item: this.#inputRoot(item, value, lie) })
    const hit = (lie?.at === 'value' || lie?.at === 'trace') && lie.item === item ? lie : undefined
    const from = hit === undefined ? inputs + nodes : Math.max(inputs, hit.value)
    if (from > inputs) found.push({ from: inputs, item: this.#zeros })
    if (hit !== undefined && from < inputs + nodes) found.push({ from, item: this.#wrongTensor(hit) })
    return VirtualTree.ofHashes(inputs + nodes, found)
  }

  #inputRoot(item: number, value: number, lie: Lie | undefined): Hash {
    const name = graphOf(itemAt(this.schedule, item)) as GraphName
    return rootOf(this.#typeOf(name, value), this.#words(item, value, lie).root)
  }

  #words(item: number, value: number, lie: Lie | undefined): VirtualTree {
    const name = graphOf(itemAt(this.schedule, item)) as GraphName
    const type = this.#typeOf(name, value)
    const count = elementCount(type.shape)
    const hit = (lie?.at === 'value' || lie?.at === 'trace') && lie.item === item ? lie : undefined
    const true_ = this.#truth(item, value)
    if (hit?.value === value) return VirtualTree.ofWords(count, falseFrom(true_, hit.element))
    const follows = hit !== undefined && value >= Math.max(hit.value, this.facts[name].inputs)
    return VirtualTree.ofWords(count, follows ? falseFrom(true_, this.#spread(hit)) : true_)
  }

  /** True words of a value. */
  #truth(item: number, value: number): readonly Run<Word>[] {
    const at = itemAt(this.schedule, item)
    const rule = value < this.facts[graphOf(at) as GraphName].inputs ? inputRule(this.facts, at, value) : undefined
    if (rule?.kind !== 'formula') return [{ from: 0, item: 0 }]
    const position = at.step * this.facts.batch + (at.kind === 'micro' ? at.microBatch : 0)
    return [{ from: 0, item: { step: at.step, position, records: 0, initSeed: 0, dropoutSeed: 0 }[rule.formula] }]
  }

  /** Where the words of results that follow from a lie begin to be false. */
  #spread(lie: Extract<Lie, { value: number }>): number {
    return Math.min(lie.element, elementCount(this.#type.shape) - 1)
  }

  #wrongTensor(lie: Lie): Hash {
    const element = lie.at === 'value' || lie.at === 'trace' ? this.#spread(lie) : 0
    return this.#tensor(falseFrom([{ from: 0, item: 0 }], element))
  }

  #tensor(words: readonly Run<Word>[]): Hash {
    return rootOf(this.#type, VirtualTree.ofWords(elementCount(this.#type.shape), words).root)
  }

  #typeOf(name: GraphName, value: number): TensorType {
    if (name === 'init' && value === 0) return { dtype: 'u32', shape: [2] }
    if (name === 'update' && value === LEAVES) return { dtype: 'u32', shape: [] }
    const formulas: readonly TensorType[] = [
      { dtype: 'u32', shape: [2] },
      { dtype: 'u32', shape: [] },
      { dtype: 'u32', shape: [1] },
      { dtype: 'i32', shape: [1, 1] },
    ]
    return (name === 'micro' ? formulas[value - LEAVES] : undefined) ?? this.#type
  }

  /** Number of the last value of a graph, which is all that it exports. */
  #last(name: GraphName): number {
    return this.facts[name].inputs + this.facts[name].nodes - 1
  }

  #exports(values: number): Uint8Array {
    const w = new Writer()
    for (let i = 0; i < LEAVES; i++) w.u32(values - 1)
    return w.finish()
  }

  /** Bytes of every node: named after a primitive, as all nodes are; what counts is its element program. */
  #node(): Uint8Array {
    const { code, attrs } = primitive('reshape')
    const w = new Writer().u8(code).bytes(attrs.encode(this.#type), 64)
    w.array([0], 1, (_, id) => w.u32(id))
    w.u8(DTYPE_CODE.f32)
      .u8(1)
      .u32(this.#type.shape[0] as number)
    return w.bytes(encodeProgram(this.#program), 1024).finish()
  }
}

const DATA = Uint8Array.of(0)
/** A hash that nothing has. */
const OTHER = sha256(Uint8Array.of(99))

const itemOf = (lie: Lie | undefined): number | undefined =>
  lie === undefined || lie.at === 'entry' ? undefined : lie.item

const rootOf = ({ dtype, shape }: TensorType, tree: Hash): Hash => tensorRoot(DTYPE_CODE[dtype], shape, tree)

/** `loop` times the first word of the only operand, summed. */
function sumOf(out: TensorType, loop: number): ElementProgram {
  return {
    out,
    loop: [loop],
    order: 'chain512',
    loads: [{ operand: 0, at: { base: 0, strides: [0, 0] }, fill: 0 }],
    init: 0,
    step: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'load', n: 0 }] }],
    join: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'other' }] }],
    finish: [],
  }
}

/** Runs of two, or of the second alone where it begins at once. */
function runs<T>(first: readonly [0, T], second?: readonly [number, T]): Run<T>[] {
  const all = second === undefined ? [first] : second[0] === 0 ? [second] : [first, second]
  return all.map(([from, item]) => ({ from, item }))
}

/** Words that are false from an index on: a one where there is a zero, else something else. */
function falseFrom([first]: readonly Run<Word>[], index: number): Run<Word>[] {
  const is = first?.item ?? 0
  return runs([0, is], [index, is === 0 ? FALSE : is ^ 1])
}

/** Sizes of a toy of 2^bits micro-steps or a few more, for 10 to 71 bits, in about the proportions of a large job. */
export function toySize(bits: number): ToySize {
  const items = Math.max(1, Math.ceil(bits / 6))
  const values = Math.max(3, Math.ceil(bits / 6))
  const words = Math.floor((bits - items - values + 1) / 2)
  // Traces are a little shorter than a power of two.
  return { items, values, words, trace: bits - items - values - words + 1 }
}
