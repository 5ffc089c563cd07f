/** For tests: two worlds play a game to its end, by the rules alone. */
import { microStep } from '#arith/microstep.ts'
import type { Source } from '#arith/types.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { holdsWords, rootHeight } from './choice.ts'
import { exportBytes } from './facts.ts'
import { apply, type Game, open, type Played } from './game.ts'
import { dataElement, inputRule } from './inputs.ts'
import { doubtedSum, itemExport, sumItem, totalItem } from './schedule.ts'
import { openingOf, openingOfBytes, openingOfTensor, openingOfWord, type World } from './testing.ts'
import type { End, Evidence, Move, OpenedWord, Opening, Player, Position } from './types.ts'

/** The list of a position as a world has it: hashes, or words. */
function listOf(world: World, { level, end, item = 0, value = 0, element = 0 }: Position): Uint8Array[] | Uint32Array {
  if (level === 'items') return world.items()
  if (level === 'values') return world.valueRoots(item)
  if (level === 'words') return world.values(item)[value] as Uint32Array
  if (level === 'results') {
    if (end === 'export') return world.leaves(item)
    return end === 'sum' ? world.sumRoots() : world.metricRoots()
  }
  return world.trace(item, value, element)
}

/** Preimages from the root of the position's list down to an item. */
export function openingIn(world: World, position: Position, index: number): Opening {
  const list = listOf(world, position)
  return Array.isArray(list) ? openingOf(list, index) : openingOfWord(list, index)
}

/** First item of the list under the node in question. */
export function firstUnder({ level, height, index }: Position): number {
  return index * 16 ** height * (holdsWords(level) ? 256 : 1)
}

/** What the asserter posts at a position. */
export function postOf(world: World, position: Position): Move {
  const { level, node, height, count, header } = position
  const opening = openingIn(world, position, node === undefined ? 0 : firstUnder(position))
  const single = !holdsWords(level) ? (listOf(world, position) as Uint8Array[])[0] : undefined
  const data = opening[rootHeight(level, count) - height] ?? single ?? new Uint8Array(0)
  const words = level === 'words' && node === undefined && header !== undefined
  return { kind: 'post', data, ...(words && { header }) }
}

/** A choice of `index`, all the way down if the asserter's world is served, else one level. */
export function chooseOf(world: World, position: Position, index: number, served: boolean): Move {
  const { level, height, count } = position
  const full = index < count ? openingIn(world, position, index).slice(rootHeight(level, count) - height) : []
  return {
    kind: 'choose',
    index,
    path: served ? full : full.slice(0, 1),
    evidence: evidenceFor(world, position, index),
  }
}

/** What the choice of an index brings along. */
export function evidenceFor(world: World, { level, item = 0, value, count }: Position, index: number): Evidence {
  const claim = { entry: world.entry(), facts: world.facts }
  const of = level === 'values' && index < count ? index : value
  const node = of !== undefined && of >= world.graph(item).inputs.length
  return node ? { ...claim, ...world.nodeEvidence(item, of) } : claim
}

const differs = (a: Uint8Array | number | undefined, b: Uint8Array | number | undefined): boolean =>
  a instanceof Uint8Array && b instanceof Uint8Array ? !bytesEqual(a, b) : a !== b

/** What an honest challenger names: the first item under the node that differs, else the export that does. */
export function honestChoice(truth: World, asserter: World, position: Position): number {
  const [mine, theirs] = [listOf(truth, position), listOf(asserter, position)]
  const doubted = doubtedSum(truth.schedule, position)
  for (let i = firstUnder(position); i < position.count; i++) if (i === doubted || differs(mine[i], theirs[i])) return i
  if (position.level !== 'items') return position.count
  const [claimed, own] = [asserter.entry(), truth.entry()]
  for (let n = 0; n < truth.schedule.exports; n++) {
    const { end } = itemExport(truth.schedule, n)
    const field = ({ sum: 'lanesRoot', metric: 'metricsRoot' } as const)[end as 'sum'] ?? (end as 'rootAfter')
    if (differs(claimed[field], own[field])) return position.count + n
  }
  return position.count
}

/** The openings by which a world shows that its statement holds together at an end, or that it does not. */
export function proofOf(world: World, position: Position): Evidence {
  const { item = 0, value = 0, element = 0, micro = 0, index, count } = position
  const { schedule, facts } = world
  const base: Evidence = { entry: world.entry(), facts }
  const items = (i: number): Opening => openingOf(world.items(), i)
  switch (position.end) {
    case 'rootAfter':
      return { ...base, openings: [items(schedule.count - 1)] }
    case 'rootBefore':
      return { ...base, openings: [items(0)] }
    case 'sum':
    case 'inbound':
      return { ...base, openings: [items(sumItem(schedule, index) as number), openingOf(world.sumRoots(), index)] }
    case 'metric': {
      const total = totalItem(schedule, index)
      const metrics = Array.from({ length: facts.metrics }, (_, j) =>
        openingOf(world.leaves(total), facts.gradients + j),
      )
      return { ...base, openings: [items(total), ...metrics, openingOf(world.metricRoots(), index)] }
    }
    case 'input': {
      const rule = inputRule(facts, world.item(item), value)
      if (rule.kind !== 'linked') return base
      if (rule.source === 'rootBefore') return { ...base, openings: [openingOf(world.beforeRoots(), rule.leaf)] }
      return { ...base, openings: [items(rule.source), openingOf(world.leaves(rule.source), rule.leaf)] }
    }
    case 'export': {
      const n = index
      const graph = world.graph(item)
      const leaves = world.leaves(item)
      const value = (graph.outputs[n] as { value: number }).value
      const exported = openingOfBytes(exportBytes(graph, leaves.length), 4 * n)
      return { ...base, openings: [openingOf(leaves, n), exported, openingOf(world.valueRoots(item), value)] }
    }
    case 'word': {
      const rule = inputRule(facts, world.item(item), value)
      if (rule.kind !== 'formula' || rule.formula !== 'records') return base
      const at = dataElement(facts, world.item(item), element) * (world.spec.data.dtype === 'u8' ? 1 : 4)
      return { ...base, openings: [openingOfBytes(world.data, at)] }
    }
    case 'stored':
      return { ...base, openings: [openingOfWord(world.trace(item, value, element), count - 1)] }
    case 'block':
      return { ...base, ...world.nodeEvidence(item, value), ...blockWords(world, item, value, element, micro) }
    default:
      return base
  }
}

/** Every word that a building block may read, gathers followed. */
function blockWords(world: World, item: number, value: number, element: number, micro: number): Evidence {
  const { program, inputs } = world.node(item, value)
  const graph = world.graph(item)
  const traced = world.trace(item, value, element)
  const words: OpenedWord[] = []
  const openings: Opening[] = []
  const read = (source: Source): number | undefined => {
    if (source.at === 'const') return source.bits
    if (source.at === 'trace') {
      words.push({ traced: true, operand: 0, index: source.index })
      openings.push(openingOfWord(traced, source.index))
      return traced[source.index]
    }
    const { operand, via } = source
    const at = via === undefined ? 0 : (read(via.index) as number)
    if (via !== undefined && at >= via.limit) return via.fill
    const id = inputs[operand] as number
    const index = source.element + (via === undefined ? 0 : via.stride * at)
    const tensor = world.values(item)[id] as Uint32Array
    words.push({ traced: false, operand, index })
    openings.push(openingOf(world.valueRoots(item), id), openingOfTensor(world.type(graph, id), tensor, index))
    return tensor[index]
  }
  for (const source of microStep(program, element, micro).args) read(source)
  return { words, openings }
}

export interface Outcome {
  readonly winner: Player
  readonly end: End | undefined
  readonly moves: number
  readonly game: Game
}

/** Plays a game: `choose` says what the challenger names. An asserter that cannot prove anything runs out of time. */
export function duel(
  asserter: World,
  choose: (position: Position) => number,
  served = true,
  honest = asserter,
): Outcome {
  const evidence = { entry: asserter.entry(), facts: asserter.facts }
  let played: Played = { game: open(honest.claim(evidence.entry), 10, new Map(), evidence, 0), posts: new Map() }
  let moves = 0
  const move = (by: Player, what: Move): void => {
    played = apply(played.game, played.posts, by, what, moves)
    moves++
  }
  while (played.game.position.winner === undefined) {
    const { position } = played.game
    if (position.turn === 'challenger') move('challenger', chooseOf(asserter, position, choose(position), served))
    else if (position.level !== 'end') move('asserter', postOf(asserter, position))
    else move('asserter', { kind: 'prove', evidence: proofOf(asserter, position) })
  }
  const { end, winner } = played.game.position
  return { winner: winner as Player, end, moves, game: played.game }
}
