/**
 * The decisions of both players: a pure function of the position, one's own statement and what the asserter has shown
 * (docs/spec/pinpoint.md, One rule).
 */
import { bytesEqual } from '#proto/bytes.ts'
import { ARITY, sha256 } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { holdsWords, rootHeight } from '../choice.ts'
import { chosen } from '../claim.ts'
import { doubtedSum, type GraphName, graphOf, itemAt, itemExport, sumCount } from '../schedule.ts'
import { ancestorOf, LEAF_WORDS } from '../tree.ts'
import type { Evidence, List, Move, Opening, Position } from '../types.ts'
import { hashOf } from './context.ts'
import { evidenceFor, METRICS, SUMS, type View } from './evidence.ts'
import { spanOf } from './levels.ts'
import { childAt } from './openings.ts'

/** What a player does; it concedes where its own computation speaks for the other side. */
export type Decision = Move | { readonly kind: 'concede' }

const CONCEDE: Decision = { kind: 'concede' }

/** The list that a position is in. */
export function listOf(position: Position): List {
  const { level } = position
  switch (level) {
    case 'items':
      return { level }
    case 'values':
      return { level, item: chosen(position, 'item') }
    case 'words':
      return { level, item: chosen(position, 'item'), value: chosen(position, 'value') }
    case 'results':
      if (position.end === 'sum') return SUMS
      return position.end === 'metric' ? METRICS : { level, of: 'export', item: chosen(position, 'item') }
    default:
      return {
        level: 'trace',
        item: chosen(position, 'item'),
        value: chosen(position, 'value'),
        element: chosen(position, 'element'),
      }
  }
}

/**
 * The asserter's move: it posts what is asked for, and proves at the end. It concedes where its statement is not what it has signed or
 * posted. `view.trees` are those of its own statement. Undefined if it is not its turn.
 */
export async function assert(view: View, position: Position): Promise<Decision | undefined> {
  if (position.turn !== 'asserter' || position.winner !== undefined) return undefined
  if (position.level === 'end') {
    const evidence = await evidenceFor(view, position)
    return evidence === undefined ? CONCEDE : { kind: 'prove', evidence }
  }
  const list = listOf(position)
  const { height, index, node, level, header, valueRoot } = position
  const data = await view.own.preimage(list, height, index)
  const hash = hashOf(list, height, data)
  if (node !== undefined) return bytesEqual(hash, node) ? { kind: 'post', data } : CONCEDE
  if (level === 'items' && !(await holds(view))) return CONCEDE
  if (header === undefined) return { kind: 'post', data }
  return valueRoot !== undefined && bytesEqual(sha256(header, hash), valueRoot)
    ? { kind: 'post', header, data }
    : CONCEDE
}

/**
 * The challenger's move: towards the first difference, as far as the asserter's preimages are at hand; at the end it proves what they
 * show. It concedes if there is no difference. Undefined if it has to wait.
 */
export async function challenge(view: View, position: Position): Promise<Decision | undefined> {
  if (position.winner !== undefined) return undefined
  if (position.level === 'end') {
    const evidence = await evidenceFor(view, position)
    return evidence && { kind: 'prove', evidence }
  }
  if (position.turn !== 'challenger') return undefined
  const found = await firstDifference(view, position)
  if (found.kind === 'missing') return undefined
  if (found.kind === 'difference') {
    const { index, path, whole } = found
    return { kind: 'choose', index, path, evidence: whole ? evidenceAt(view, position, index) : {} }
  }
  const behind = await exportBehind(view, position)
  if (behind === undefined) return CONCEDE
  const { entry, facts } = view.about
  const evidence = position.level === 'trace' ? {} : { entry, facts }
  return { kind: 'choose', index: position.count + behind, path: [], evidence }
}

/** Whether the entry is what one's own items say: whoever defends another one loses. */
export async function holds(view: View): Promise<boolean> {
  return (await wrongExport(view)) === undefined
}

type Found =
  | { readonly kind: 'difference'; readonly index: number; readonly path: Opening; readonly whole: boolean }
  /** All items below the node in question are one's own. */
  | { readonly kind: 'same' }
  /** What was posted under the node in question is not at hand yet. */
  | { readonly kind: 'missing' }

/** Goes down from the node in question to the first difference. `whole`: all the way to an item, or a word. */
async function firstDifference({ own, trees, about }: View, position: Position): Promise<Found> {
  const list = listOf(position)
  const doubted = doubtedSum(about.schedule, position)
  const words = holdsWords(list.level)
  let { height, index } = position
  let hash = position.node as Hash
  const path: Uint8Array[] = []
  for (;;) {
    if (height === 0 && !words) {
      const same = path.length === 0 && bytesEqual(await own.preimage(list, 0, index), hash)
      return same ? { kind: 'same' } : { kind: 'difference', index, path, whole: true }
    }
    const theirs = await trees.preimage(list, height, index, hash)
    if (theirs === undefined) break
    const mine = await own.preimage(list, height, index)
    const at = least(differs(mine, theirs, height > 0 ? 32 : 4), childOver(doubted, height, index))
    if (at === undefined) return { kind: 'same' }
    path.push(theirs)
    if (height === 0) return { kind: 'difference', index: index * LEAF_WORDS + at, path, whole: true }
    hash = childAt(theirs, at)
    index = index * ARITY + at
    height--
  }
  if (path.length === 0) return { kind: 'missing' }
  const first = index * spanOf(height) * (words ? LEAF_WORDS : 1)
  return { kind: 'difference', index: first, path, whole: false }
}

/** The number of the child of a node that is over an item of the list; undefined if the node is not over it. */
function childOver(item: number | undefined, height: number, index: number): number | undefined {
  return item !== undefined && ancestorOf(item, height) === index ? ancestorOf(item, height - 1) % ARITY : undefined
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}

/** The first piece of `size` bytes in which two byte strings differ. */
function differs(a: Uint8Array, b: Uint8Array, size: number): number | undefined {
  for (let at = 0; at < Math.max(a.length, b.length); at += size) {
    if (!bytesEqual(a.subarray(at, at + size), b.subarray(at, at + size))) return at / size
  }
  return undefined
}

/** What the choice of an item, or a word, brings along. */
function evidenceAt({ about }: View, position: Position, index: number): Evidence {
  const { entry, facts, schedule, definitions } = about
  const base: Evidence = { entry, facts }
  if (position.level === 'items') return base
  if (position.level === 'results') return position.end === 'sum' ? base : {}
  if (position.level === 'trace') return {}
  const graph = graphOf(itemAt(schedule, chosen(position, 'item'))) as GraphName
  const value = position.level === 'values' ? index : chosen(position, 'value')
  return value < facts[graph].inputs ? base : { ...base, ...definitions.node(graph, value) }
}

/** The export that does not agree with what is committed one level above, if all items of the list do. */
async function exportBehind(view: View, { level, height, count }: Position): Promise<number | undefined> {
  if (height !== rootHeight(level, count)) return undefined
  if (level === 'items') return await wrongExport(view)
  return level === 'values' || level === 'trace' ? 0 : undefined
}

/** The first export of one's own items that is not what the entry says. */
async function wrongExport({ about, own }: View): Promise<number | undefined> {
  const { entry, schedule } = about
  for (let n = 0; n < schedule.exports; n++) {
    const place = itemExport(schedule, n)
    if (place.end === 'rootAfter' || place.end === 'rootBefore') {
      const item = await own.preimage({ level: 'items' }, 0, place.item)
      if (!bytesEqual(item, entry[place.end])) return n
      continue
    }
    if (place.end === 'sum' && schedule.sums === 0) continue
    const list = place.end === 'sum' ? SUMS : METRICS
    const height = rootHeight('results', place.end === 'sum' ? sumCount(schedule) : schedule.steps)
    const root = hashOf(list, height, await own.preimage(list, height, 0))
    if (!bytesEqual(root, place.end === 'sum' ? entry.lanesRoot : entry.metricsRoot)) return n
  }
  return undefined
}
