/**
 * What is true about an entry, computed from the state before it whenever a game asks: results of its phases, values of one phase,
 * words of one value, the trace of one element. Honest training pays nothing for it, and nothing has to survive a crash.
 */

import { typeOf } from '#graph/part.ts'
import { elementOf } from '#graph/primitives/index.ts'
import type { Graph, Port } from '#graph/types.ts'
import { Levels } from '#pinpoint/play/levels.ts'
import { graphOf, itemAt, sumCount, sumItem, totalItem } from '#pinpoint/schedule.ts'
import type { List, Statement } from '#pinpoint/types.ts'
import { check } from '#proto/errors.ts'
import type { Hash } from '#proto/ids.ts'
import { hashTree } from '#proto/merkle.ts'
import { rootsOf } from '#runtime/tensors.ts'
import { Cache } from './cache.ts'
import { type EntrySource, Results } from './results.ts'
import type { PhaseRunner, Words } from './runner.ts'

/** Bytes of each kind of thing that are kept: states, tensors and trees. */
const KEPT = 1 << 28

/** The honest statement about an entry, if its runner is. */
export class EntryStatement implements Statement {
  readonly #results: Results
  readonly #runner: PhaseRunner
  readonly #trees: Cache<Levels>
  readonly #words: Cache<Words>
  #hashes: { readonly items: readonly Hash[]; readonly metrics: readonly Hash[] } | undefined
  /** Inputs of the last item that was looked into. */
  #inside: { readonly item: number; readonly inputs: readonly Words[] } | undefined

  /**
   * @param limit bytes that are kept of states, of tensors and of trees: of each
   * @throws bad-input, bad-data as `Results`
   */
  constructor(source: EntrySource, runner: PhaseRunner, limit = KEPT) {
    this.#results = new Results(source, runner, limit)
    this.#runner = runner
    this.#trees = new Cache(limit)
    this.#words = new Cache(limit)
  }

  async preimage(list: List, height: number, index: number): Promise<Uint8Array> {
    return this.#tree(list).preimage(height, index)
  }

  #tree(list: List): Levels {
    const key = keyOf(list)
    let tree = this.#trees.get(key)
    if (tree === undefined) {
      tree = this.#build(list)
      this.#trees.put(key, tree, tree.bytes)
    }
    return tree
  }

  #build(list: List): Levels {
    switch (list.level) {
      case 'items':
        return Levels.ofHashes(this.#items().items)
      case 'values':
        return Levels.ofHashes(this.#values(list.item))
      case 'words':
        return Levels.ofBytes(bytesOf(this.#value(list.item, list.value)))
      case 'trace':
        return Levels.ofBytes(bytesOf(this.#trace(list.item, list.value, list.element)))
      case 'results':
        return Levels.ofHashes(this.#committed(list))
    }
  }

  /** Hashes of all items, and of the metrics of each step, which come with them. */
  #items(): { readonly items: readonly Hash[]; readonly metrics: readonly Hash[] } {
    if (this.#hashes !== undefined) return this.#hashes
    const { facts, schedule } = this.#results
    const items: Hash[] = []
    const totals = new Map(range(schedule.steps).map((leaf) => [totalItem(schedule, leaf), leaf]))
    const metrics: Hash[] = []
    this.#results.all((item, result) => {
      const leaves = this.#leavesOf(item, result)
      items[item] = hashTree(leaves)
      const leaf = totals.get(item)
      if (leaf !== undefined) metrics[leaf] = hashTree(leaves.slice(facts.gradients))
    })
    this.#hashes = { items, metrics }
    return this.#hashes
  }

  /** Tensor roots of a result. */
  #leavesOf(item: number, result: readonly Words[]): Hash[] {
    const { program, schedule } = this.#results
    const { kind } = itemAt(schedule, item)
    return kind === 'init' || kind === 'update' ? leavesOf(program.state, result) : this.#leavesOfSum(result)
  }

  #leavesOfSum(sum: readonly Words[]): Hash[] {
    const { gradients, metrics } = this.#results.program
    return leavesOf([...gradients, ...metrics], sum)
  }

  #committed(list: Extract<List, { level: 'results' }>): readonly Hash[] {
    if (list.of === 'export') return this.#leavesOf(list.item, this.#results.result(list.item))
    const { schedule } = this.#results
    const { items, metrics } = this.#items()
    if (list.of === 'metric') return metrics
    return range(sumCount(schedule)).map((leaf) => {
      const item = sumItem(schedule, leaf)
      if (item !== undefined) return items[item] as Hash
      return this.#results.sumRoots?.[leaf] ?? hashTree(this.#leavesOfSum(this.#results.sum(leaf)))
    })
  }

  #values(item: number): Hash[] {
    const { graph, inputs } = this.#phase(item)
    const roots: Hash[] = []
    this.#runner.visit(graph, inputs, (id, words) => roots.push(rootOf(graph, id, words)), item)
    return roots
  }

  /** The words of a value. Those of its operands come with it: a game that asks for one needs the others next. */
  #value(item: number, value: number): Words {
    const key = (id: number): string => `${item} ${id}`
    const known = this.#words.get(key(value))
    if (known !== undefined) return known
    const { graph, inputs } = this.#phase(item)
    const values = graph.inputs.length + graph.nodes.length
    check(Number.isInteger(value) && value >= 0 && value < values, 'bad-input', `there is no value ${value}`)
    const node = graph.nodes[value - graph.inputs.length]
    const ids = [...new Set(node?.inputs ?? []), value]
    const results = this.#runner.select(graph, inputs, ids, item)
    for (const [i, words] of results.entries()) this.#words.put(key(ids[i] as number), words, words.byteLength)
    return results.at(-1) as Words
  }

  #trace(item: number, value: number, element: number): Words {
    const { graph } = this.#phase(item)
    const node = graph.nodes[value - graph.inputs.length]
    check(node !== undefined, 'bad-input', `value ${value} is the result of no node`)
    const program = elementOf(
      node,
      node.inputs.map((id) => typeOf(graph, id)),
    )
    const operands = node.inputs.map((id) => this.#value(item, id))
    return this.#runner.trace(program, operands, element, item, value)
  }

  #phase(item: number): { readonly graph: Graph; readonly inputs: readonly Words[] } {
    const name = graphOf(itemAt(this.#results.schedule, item))
    check(name !== undefined, 'bad-input', 'an inbound sum has no values')
    if (this.#inside?.item !== item) this.#inside = { item, inputs: this.#results.inputs(item) }
    return { graph: this.#results.program[name], inputs: this.#inside.inputs }
  }
}

const keyOf = (list: List): string => Object.values(list).join(' ')

function bytesOf(words: Words): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}

function rootOf(graph: Graph, id: number, words: Words): Hash {
  return rootsOf({ port: { name: '', type: typeOf(graph, id) }, bytes: bytesOf(words) }).root
}

const leavesOf = (ports: readonly Port[], result: readonly Words[]): Hash[] =>
  ports.map((port, i) => rootsOf({ port, bytes: bytesOf(result[i] as Words) }).root)

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
