/** What ends a game: the openings that docs/spec/pinpoint.md, Evidence, asks for, out of the asserter's trees. */

import { decodeProgram } from '#arith/encode.ts'
import { microStep } from '#arith/microstep.ts'
import type { ElementProgram, Source, Word } from '#arith/types.ts'
import { decodeNode } from '#graph/encode.ts'
import type { Hash } from '#proto/ids.ts'
import { DTYPE_CODE } from '#proto/merkle.ts'
import { chosen } from '../claim.ts'
import { dataElement, inputRule, resultLeaves, sumLeaves } from '../inputs.ts'
import { type GraphName, graphOf, itemAt, sumCount, sumItem, totalItem } from '../schedule.ts'
import { LEAF_WORDS, wordOf } from '../tree.ts'
import type { Evidence, Facts, List, OpenedWord, Opening, Position, Statement } from '../types.ts'
import type { Case, Trees } from './context.ts'
import { type Opened, openAgreed, openAmong, openItem, openTensor } from './openings.ts'

const ITEMS: List = { level: 'items' }
export const SUMS: List = { level: 'results', of: 'sum' }
export const METRICS: List = { level: 'results', of: 'metric' }

/** One side's view of a game. */
export interface View {
  readonly about: Case
  /** The asserter's trees. */
  readonly trees: Trees
  /** One's own statement: what both sides agree on is taken from it. */
  readonly own: Statement
}

/**
 * The evidence for the end of a game, whoever it speaks for. Undefined if the asserter's trees are not to be had so far, or do not
 * hold what they should.
 */
export async function evidenceFor(view: View, position: Position): Promise<Evidence | undefined> {
  const { entry, facts, schedule } = view.about
  const base: Evidence = { entry, facts }
  const openings = (...opened: readonly (Opened | undefined)[]): Evidence | undefined =>
    opened.every((one) => one !== undefined) ? { ...base, openings: opened.map(({ opening }) => opening) } : undefined
  switch (position.end) {
    case 'rootAfter':
      return openings(await openedItem(view, position, schedule.count - 1))
    case 'rootBefore':
      return openings(await openedItem(view, position, 0))
    case 'sum':
    case 'inbound': {
      const item = sumItem(schedule, position.index)
      if (item === undefined) return undefined
      return openings(await openedItem(view, position, item), await openedSum(view, position.index))
    }
    case 'metric':
      return openings(...(await metricOpenings(view, position)))
    case 'input':
      return openings(...(await inputOpenings(view, position)))
    case 'export':
      return openings(...(await exportOpenings(view, position)))
    case 'word':
      return await formulaEvidence(view, position)
    case 'stored': {
      const last = await openItem(
        view.trees,
        traceOf(position),
        position.roots.trace as Hash,
        position.count,
        position.count - 1,
      )
      return openings(last)
    }
    case 'block':
      return await blockEvidence(view, position)
    case undefined:
      return undefined
  }
}

/** An item of the asserter's list. */
const openedItem = ({ trees, about }: View, { roots }: Position, item: number): Promise<Opened | undefined> =>
  openItem(trees, ITEMS, roots.items as Hash, about.schedule.count, item)

/** A sum that the entry commits to. */
const openedSum = ({ trees, about: { entry, schedule } }: View, leaf: number): Promise<Opened | undefined> =>
  openItem(trees, SUMS, entry.lanesRoot, sumCount(schedule), leaf)

/** A leaf of an item that both sides agree on. */
const agreedLeaf = (
  { own }: View,
  item: number,
  hash: Hash,
  leaves: number,
  leaf: number,
): Promise<Opened | undefined> => openAgreed(own, { level: 'results', of: 'export', item }, hash, leaves, leaf)

async function metricOpenings(view: View, position: Position): Promise<(Opened | undefined)[]> {
  const { entry, facts, schedule } = view.about
  const total = totalItem(schedule, position.index)
  const item = await openedItem(view, position, total)
  if (item === undefined) return [undefined]
  const opened: (Opened | undefined)[] = [item]
  for (let j = 0; j < facts.metrics; j++) {
    opened.push(await agreedLeaf(view, total, item.found, sumLeaves(facts), facts.gradients + j))
  }
  return [...opened, await openItem(view.trees, METRICS, entry.metricsRoot, schedule.steps, position.index)]
}

async function inputOpenings(view: View, position: Position): Promise<(Opened | undefined)[]> {
  const { facts, schedule, entry } = view.about
  const item = chosen(position, 'item')
  const value = chosen(position, 'value')
  const rule = inputRule(facts, itemAt(schedule, item), value)
  if (rule.kind !== 'linked') return [undefined]
  const { source, leaf, leaves } = rule
  if (source === 'rootBefore') {
    const first = value - leaf
    const state: Hash[] = []
    for (let i = 0; i < leaves; i++) state.push(await view.own.preimage({ level: 'values', item }, 0, first + i))
    return [openAmong(state, entry.rootBefore, leaf)]
  }
  const from = await openedItem(view, position, source)
  return [from, from && (await agreedLeaf(view, source, from.found, leaves, leaf))]
}

async function exportOpenings({ trees, about }: View, position: Position): Promise<(Opened | undefined)[]> {
  const { definitions, facts, schedule } = about
  const { index, itemHash, roots } = position
  const item = chosen(position, 'item')
  const at = itemAt(schedule, item)
  const graph = graphOf(at) as GraphName
  const results: List = { level: 'results', of: 'export', item }
  const value = definitions.exports(graph)[index] as number
  return [
    await openItem(trees, results, itemHash as Hash, resultLeaves(facts, at), index),
    { opening: definitions.exportOpening(graph, index), found: new Uint8Array(0) },
    await openItem(trees, { level: 'values', item }, roots.values as Hash, valuesOf(facts, graph), value),
  ]
}

const valuesOf = (facts: Facts, graph: GraphName): number => facts[graph].inputs + facts[graph].nodes

async function formulaEvidence({ about }: View, position: Position): Promise<Evidence | undefined> {
  const { entry, facts, schedule } = about
  const item = itemAt(schedule, chosen(position, 'item'))
  const rule = inputRule(facts, item, chosen(position, 'value'))
  if (rule.kind !== 'formula') return undefined
  if (rule.formula !== 'records') return { entry, facts, openings: [] }
  const element = dataElement(facts, item, chosen(position, 'element'))
  const opening = await about.data(facts.dataDtype === DTYPE_CODE.u8 ? element : 4 * element)
  return { entry, facts, openings: [opening] }
}

const traceOf = (position: Position): List => ({
  level: 'trace',
  item: chosen(position, 'item'),
  value: chosen(position, 'value'),
  element: chosen(position, 'element'),
})

/** The node in question of a game: its evidence, operands and element program. */
function nodeOf({ about }: View, position: Position) {
  const graph = graphOf(itemAt(about.schedule, chosen(position, 'item'))) as GraphName
  const shown = about.definitions.node(graph, chosen(position, 'value'))
  const { node, element } = decodeNode(shown.node)
  return { graph, shown, inputs: node.inputs, program: decodeProgram(element) as ElementProgram }
}

async function blockEvidence(view: View, position: Position): Promise<Evidence | undefined> {
  const { entry, facts } = view.about
  const { shown, program } = nodeOf(view, position)
  const words: OpenedWord[] = []
  const openings: Opening[] = []
  const seen = new Map<string, Word>()

  const open = async (word: OpenedWord): Promise<Word | undefined> => {
    const key = `${word.traced} ${word.operand} ${word.index}`
    const known = seen.get(key)
    if (known !== undefined) return known
    const found = await openedWord(view, position, word)
    if (found === undefined) return undefined
    words.push(word)
    openings.push(...found.openings)
    seen.set(key, found.word)
    return found.word
  }
  const resolve = async (source: Source): Promise<Word | undefined> => {
    if (source.at === 'const') return source.bits
    if (source.at === 'trace') return await open({ traced: true, operand: 0, index: source.index })
    const { operand, element, via } = source
    if (via === undefined) return await open({ traced: false, operand, index: element })
    const index = await resolve(via.index)
    if (index === undefined || index >= via.limit) return index === undefined ? undefined : via.fill
    return await open({ traced: false, operand, index: element + via.stride * index })
  }

  for (const source of microStep(program, chosen(position, 'element'), chosen(position, 'micro')).args) {
    if ((await resolve(source)) === undefined) return undefined
  }
  return { entry, facts, ...shown, words, openings }
}

/** Opens a word of the trace, or of an operand: its value, then the word. */
async function openedWord(
  view: View,
  position: Position,
  { traced, operand, index }: OpenedWord,
): Promise<{ readonly word: Word; readonly openings: readonly Opening[] } | undefined> {
  const { trees, about } = view
  if (traced) {
    const found = await openItem(trees, traceOf(position), position.roots.trace as Hash, position.count, index)
    return found && { word: wordOf(found.found, index % LEAF_WORDS), openings: [found.opening] }
  }
  const { graph, inputs } = nodeOf(view, position)
  const item = chosen(position, 'item')
  const value = inputs[operand] as number
  const count = valuesOf(about.facts, graph)
  const tensor = await openItem(trees, { level: 'values', item }, position.roots.values as Hash, count, value)
  if (tensor === undefined) return undefined
  const type = about.definitions.type(graph, value)
  const found = await openTensor(trees, { level: 'words', item, value }, tensor.found, type, index)
  return found && { word: wordOf(found.found, index % LEAF_WORDS), openings: [tensor.opening, found.opening] }
}
