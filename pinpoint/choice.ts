/** Where a choice leads: the list under the item that was chosen, or the end of the game (docs/spec/pinpoint.md, One rule). */
import { traceLength } from '#arith/layout.ts'
import type { TensorType, Word } from '#arith/types.ts'
import { check, fail } from '#proto/errors.ts'
import type { Hash } from '#proto/ids.ts'
import { leafCount } from '#proto/merkle.ts'
import { type Claim, chosen, phaseAt, type Shown, shown } from './claim.ts'
import { inputRule, resultLeaves } from './inputs.ts'
import { nodeAt } from './node.ts'
import { itemAt, itemExport, sumCount, sumItem } from './schedule.ts'
import { elementCount, heightOf, tensorHeader } from './tree.ts'
import type { End, Evidence, Level, Position } from './types.ts'

/** Whether the items of a level are words in leaves rather than hashes. */
export const holdsWords = (level: Level): boolean => level === 'words' || level === 'trace'

/** Height of the root of the list of a level. */
export function rootHeight(level: Level, count: number): number {
  return heightOf(holdsWords(level) ? leafCount(4 * count) : count)
}

/** The start of a list whose root the asserter has yet to post; it is the asserter's turn. */
function list(from: Position, level: Exclude<Level, 'end'>, count: number, header?: Uint8Array): Position {
  const { node: _, header: __, ...kept } = from
  const start: Position = { ...kept, level, turn: 'asserter', height: rootHeight(level, count), index: 0, count }
  return header === undefined ? start : { ...start, header }
}

/** The end: the asserter has to show that its statement holds together. */
function end(from: Position, end: End, index: number): Position {
  const { node: _, header: __, ...kept } = from
  return { ...kept, level: 'end', turn: 'asserter', height: 0, index, end }
}

const words = (from: Position, type: TensorType): Position =>
  list(from, 'words', elementCount(type.shape), tensorHeader(type))

/** The start of a game about a claim. @throws bad-proof unless the evidence shows the claim's entry and facts */
export function firstPosition(claim: Claim, evidence: Evidence): Position {
  const { schedule } = shown(claim, evidence)
  const nowhere: Position = { level: 'items', turn: 'asserter', height: 0, index: 0, count: 0, roots: {} }
  return list(nowhere, 'items', schedule.count)
}

/**
 * The position after the choice of an item of the list, a hash or a word.
 * @throws bad-proof, bad-input, or an error of the graph, for evidence that does not show what the choice needs
 */
export function chooseItem(claim: Claim, from: Position, index: number, is: Hash | Word, evidence: Evidence): Position {
  switch (from.level) {
    case 'items':
      return chooseResult(claim, { ...from, item: index, itemHash: is as Hash }, evidence)
    case 'values':
      return chooseValue(claim, { ...from, value: index, valueRoot: is as Hash }, evidence)
    case 'words':
      return chooseElement(claim, { ...from, element: index, elementWord: is as Word }, evidence)
    case 'trace':
      return end({ ...from, micro: index, microWord: is as Word }, 'block', index)
    case 'results':
      return chooseCommitted(claim, from, index, evidence)
    case 'end':
      return fail('wrong-state', 'there is nothing left to choose')
  }
}

function chooseResult(claim: Claim, from: Position, evidence: Evidence): Position {
  const index = chosen(from, 'item')
  const all = shown(claim, evidence)
  // What was received follows from the sums that all entries of the slot claim.
  if (itemAt(all.schedule, index).kind === 'inbound') {
    return results(from, 'sum', all.entry.lanesRoot, sumCount(all.schedule))
  }
  const { graph } = phaseAt(all, index)
  return list(from, 'values', graph.inputs + graph.nodes)
}

function chooseValue(claim: Claim, from: Position, evidence: Evidence): Position {
  const all = shown(claim, evidence)
  const value = chosen(from, 'value')
  const { item, graph } = phaseAt(all, chosen(from, 'item'))
  if (value >= graph.inputs) return words(from, nodeAt(graph, value, evidence).type)
  const rule = inputRule(all.facts, item, value)
  return rule.kind === 'linked' ? end(from, 'input', value) : words(from, rule.type)
}

function chooseElement(claim: Claim, from: Position, evidence: Evidence): Position {
  const value = chosen(from, 'value')
  const { graph } = phaseAt(shown(claim, evidence), chosen(from, 'item'))
  if (value < graph.inputs) return end(from, 'word', chosen(from, 'element'))
  const count = traceLength(nodeAt(graph, value, evidence).program)
  check(count > 0, 'bad-graph', 'a node without a building block has no trace')
  return list(from, 'trace', count)
}

/** Of the sums the asserter answers for those that are items of its entry: who names another one has nothing against it. */
function chooseCommitted(claim: Claim, from: Position, index: number, evidence: Evidence): Position {
  const of = from.end ?? fail('wrong-state', 'results lead to an end')
  if (of !== 'sum') return end(from, of, index)
  const { schedule } = shown(claim, evidence)
  const item = sumItem(schedule, index)
  if (item === undefined) return { ...end(from, of, index), winner: 'asserter' }
  return end(from, itemAt(schedule, item).kind === 'inbound' ? 'inbound' : of, index)
}

/**
 * The hashes under a root that is committed to: the asserter has to show them. A root of one hash is that hash.
 * @param of the end that a choice among them leads to
 */
function results(from: Position, of: End, root: Hash, count: number): Position {
  if (count === 1) return end({ ...from, count }, of, 0)
  return { ...list(from, 'results', count), node: root, end: of }
}

/** The position after the choice of an export: index `count + n` of the list. @throws bad-proof, bad-input */
export function chooseExport(claim: Claim, from: Position, index: number, evidence: Evidence): Position {
  const n = index - from.count
  if (from.level === 'items') return chooseField(shown(claim, evidence), from, n)
  check(n === 0 && (from.level === 'values' || from.level === 'trace'), 'bad-input', `there is no export ${n}`)
  if (from.level === 'trace') return end(from, 'stored', index)
  const { facts, schedule } = shown(claim, evidence)
  const item = itemAt(schedule, chosen(from, 'item'))
  return results(from, 'export', from.itemHash ?? fail('wrong-state', 'no item was chosen'), resultLeaves(facts, item))
}

/** An export of the items: a field of the entry. */
function chooseField({ entry, schedule }: Shown, from: Position, n: number): Position {
  const { end: of } = itemExport(schedule, n)
  if (of === 'rootAfter' || of === 'rootBefore') return end(from, of, from.count + n)
  if (of === 'sum') {
    check(schedule.sums > 0, 'bad-input', 'one replica exchanges no sums')
    return results(from, of, entry.lanesRoot, sumCount(schedule))
  }
  return results(from, of, entry.metricsRoot, schedule.steps)
}
