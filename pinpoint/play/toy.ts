/**
 * Claims of any size that cost nothing: statements about an entry of a toy job, true ones, and ones with a lie. Trees are virtual, the
 * rules and players are real. For cheap games, and for measuring large ones.
 */
import type { TensorType, Word } from '#arith/types.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import { sha256 } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { DTYPE_CODE, hashTree, tensorRoot } from '#proto/merkle.ts'
import type { Claim } from '../claim.ts'
import { factsHash } from '../facts.ts'
import { inputRule } from '../inputs.ts'
import { type GraphName, graphOf, itemAt, totalItem } from '../schedule.ts'
import { elementCount } from '../tree.ts'
import type { List, Statement } from '../types.ts'
import type { Case } from './context.ts'
import { openByte } from './openings.ts'
import { DATA, LEAVES, ToyJob, type ToySize } from './toy-job.ts'
import { type Run, VirtualTree } from './virtual.ts'

/** Where a statement is false. What follows from a false word is false too. */
export type Lie =
  | { readonly at: 'entry'; readonly field: 'rootAfter' | 'metric' }
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

/** What stands where the truth is 0: a number that is stored as it is. */
const FALSE: Word = 0x3f800000

/** A toy job's entry: a true statement about it, and false ones. */
export class Toy extends ToyJob {
  readonly #zeros: Hash
  readonly #trees = new Map<string, VirtualTree>()

  constructor(size: ToySize) {
    super(size)
    this.#zeros = this.#tensor([{ from: 0, item: 0 }])
  }

  /** The entry that a statement with that lie makes; the true one without. */
  entry(lie?: Lie): Entry {
    const root = (list: List): Hash => this.#tree(list, lie).root
    const after = this.#itemHash(this.schedule.count - 1, lie)
    return {
      ...{ jobId: new Uint8Array(32), epoch: 1, replica: 0, window: 0, stepFrom: 1, stepTo: 2 },
      rootBefore: hashTree(this.#leaves(0)),
      rootAfter: lie?.at === 'entry' && lie.field === 'rootAfter' ? OTHER : after,
      // One replica exchanges no sums.
      lanesRoot: new Uint8Array(32),
      metricsRoot: root({ level: 'results', of: 'metric' }),
      solver: new Uint8Array(20),
    }
  }

  claim(entry: Entry): Claim {
    return { entry: entryDigest(entry), facts: factsHash(this.facts), replicas: 1 }
  }

  /** What a game about that entry is about. */
  about(entry: Entry): Case {
    const { facts, schedule, definitions } = this
    return { entry, facts, replicas: 1, schedule, definitions, data: async (at) => openByte(DATA, at) }
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
          const metric = this.#itemLeaves(totalItem(schedule, 0), lie)[LEAVES - 1] as Hash
          return VirtualTree.ofHashes(1, runs([0, metric]))
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
    return rootOf(this.typeOf(name, value), this.#words(item, value, lie).root)
  }

  #words(item: number, value: number, lie: Lie | undefined): VirtualTree {
    const name = graphOf(itemAt(this.schedule, item)) as GraphName
    const type = this.typeOf(name, value)
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
    return Math.min(lie.element, elementCount(this.type.shape) - 1)
  }

  #wrongTensor(lie: Lie): Hash {
    const element = lie.at === 'value' || lie.at === 'trace' ? this.#spread(lie) : 0
    return this.#tensor(falseFrom([{ from: 0, item: 0 }], element))
  }

  #tensor(words: readonly Run<Word>[]): Hash {
    return rootOf(this.type, VirtualTree.ofWords(elementCount(this.type.shape), words).root)
  }
}

/** A hash that nothing has. */
const OTHER = sha256(Uint8Array.of(99))

const itemOf = (lie: Lie | undefined): number | undefined =>
  lie === undefined || lie.at === 'entry' ? undefined : lie.item

const rootOf = ({ dtype, shape }: TensorType, tree: Hash): Hash => tensorRoot(DTYPE_CODE[dtype], shape, tree)

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
