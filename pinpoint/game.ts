/**
 * One game between an asserter and a challenger as a pure machine: (game, move, block number) -> game, by the table of
 * docs/spec/pinpoint.md, Turns and clocks. A move that is not authentic is refused, and nothing has happened.
 */
import { bytesEqual } from '#proto/bytes.ts'
import { check, fail } from '#proto/errors.ts'
import { HASH_BYTES, leafHash, sha256 } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { leafCount } from '#proto/merkle.ts'
import { chooseExport, chooseItem, firstPosition, holdsWords, rootHeight } from './choice.ts'
import type { Claim } from './claim.ts'
import { prove } from './judge.ts'
import {
  checkLeaf,
  checkPreimage,
  childrenOf,
  descend,
  LEAF_WORDS,
  leafSize,
  preimageHash,
  type TreeNode,
  wordOf,
} from './tree.ts'
import type { Evidence, Move, Player, Position } from './types.ts'

export interface Game {
  readonly claim: Claim
  /** First budget of each clock, in blocks. */
  readonly period: number
  readonly position: Position
  /** Blocks that each player has left. */
  readonly clocks: Readonly<Record<Player, number>>
  /** Block since which the clock of the player whose turn it is runs. */
  readonly since: number
}

/** Roots that the asserter of a seat has posted, by `listName`: all games of the seat start from them. */
export type Posts = ReadonlyMap<string, Hash>

/** A game, and what its seat has posted. */
export interface Played {
  readonly game: Game
  readonly posts: Posts
}

/** What a list is called among the posts of a seat. */
function listName({ level, item, value, element }: Position): string {
  return [level, item, value, element].filter((part) => part !== undefined).join('/')
}

/** What each further level adds to both clocks. */
const increment = (period: number): number => Math.max(1, Math.floor(period / 2))

/** Levels behind the first one, the end among them. */
const LATER_LEVELS = 4

/** Blocks that a game takes at most, from its opening to the first block in which it can be expired. */
export const longestGame = (period: number): number => 2 * (period + LATER_LEVELS * increment(period)) + 1

/** Last block in which the player whose turn it is may move. */
export const deadline = ({ since, clocks, position }: Game): number => since + clocks[position.turn]

/**
 * Opens a game about a claim.
 * @param period blocks of each player's first budget
 * @throws bad-proof unless the evidence shows the claim's entry and facts
 */
export function open(claim: Claim, period: number, posts: Posts, evidence: Evidence, now: number): Game {
  check(Number.isInteger(period) && period > 0, 'bad-input', `${period} is no period`)
  const position = startList(firstPosition(claim, evidence), posts)
  return { claim, period, position, clocks: { asserter: period, challenger: period }, since: now }
}

/** A list that the seat has posted before need not be posted again. */
function startList(position: Position, posts: Posts): Position {
  if (position.level === 'end' || position.node !== undefined) return position
  const root = posts.get(listName(position))
  return root === undefined ? position : rooted(position, root)
}

/** The position once the root of its list is known: the challenger's turn. */
function rooted(from: Position, root: Hash): Position {
  const { header: _, ...position } = from
  const roots = position.level === 'words' ? position.roots : { ...position.roots, [position.level]: root }
  return { ...position, node: root, turn: 'challenger', roots }
}

/**
 * A player's move.
 * @throws wrong-state for a move that is not the player's to make, timeout if whoever has the turn is out of time, bad-proof, bad-input
 *   or an error of the graph for what is not authentic
 */
export function apply(game: Game, posts: Posts, player: Player, move: Move, now: number): Played {
  const { position } = game
  check(position.winner === undefined, 'wrong-state', 'the game is over')
  check(Number.isInteger(now) && now >= game.since, 'bad-input', `block ${now} is before the last move`)
  check(now <= deadline(game), 'timeout', `the ${position.turn} is out of time`)
  if (move.kind === 'prove') {
    return { game: won(game, prove(game.claim, position, move.evidence), now), posts }
  }
  check(player === position.turn, 'wrong-state', `it is the turn of the ${position.turn}`)
  if (move.kind === 'post') {
    check(player === 'asserter', 'wrong-state', 'only the asserter posts')
    return post(game, posts, move, now)
  }
  check(player === 'challenger', 'wrong-state', 'only the challenger chooses')
  return { game: moved(game, startList(choose(game, move), posts), now), posts }
}

/** Ends a game whose turn is out of time. @throws wrong-state while it is not */
export function expire(game: Game, now: number): Game {
  const { position } = game
  check(position.winner === undefined, 'wrong-state', 'the game is over')
  check(now > deadline(game), 'wrong-state', `the ${position.turn} has until block ${deadline(game)}`)
  return won(game, position.turn === 'asserter' ? 'challenger' : 'asserter', now)
}

function won(game: Game, winner: Player, now: number): Game {
  return { ...game, position: { ...game.position, winner }, since: now }
}

/** Stops the clock of who has moved; both gain time at a new level. */
function moved(game: Game, position: Position, now: number): Game {
  const { turn, level } = game.position
  const gain = position.level === level ? 0 : increment(game.period)
  const clocks = { asserter: game.clocks.asserter + gain, challenger: game.clocks.challenger + gain }
  clocks[turn] -= now - game.since
  return { ...game, position, clocks, since: now }
}

function post(game: Game, posts: Posts, move: Extract<Move, { kind: 'post' }>, now: number): Played {
  const { position } = game
  check(position.level !== 'end', 'wrong-state', 'at the end of a game the asserter has to prove')
  if (position.node === undefined) {
    const root = postedRoot(position, move)
    const name = listName(position)
    const before = posts.get(name)
    check(
      before === undefined || bytesEqual(before, root),
      'bad-proof',
      'the seat has posted another root of this list',
    )
    return { game: moved(game, rooted(position, root), now), posts: new Map([...posts, [name, root]]) }
  }
  checkPosted(position, position.node, move.data)
  return { game: moved(game, { ...position, turn: 'challenger' }, now), posts }
}

/** The root of the position's list, from its preimage. */
function postedRoot(position: Position, { data, header }: Extract<Move, { kind: 'post' }>): Hash {
  const { level, count, height } = position
  const words = holdsWords(level)
  const bottom = words ? leafSize(4 * count, 0) : HASH_BYTES
  const size = height === 0 ? bottom : HASH_BYTES * childrenOf(words ? leafCount(4 * count) : count, height, 0)
  check(data.length === size, 'bad-proof', `${data.length} bytes under the root of the ${level}, not ${size}`)
  const hash = words ? leafHash : (bytes: Uint8Array): Hash => bytes.slice()
  const root = height === 0 ? hash(data) : preimageHash(data)
  if (level === 'words') checkTensor(position, root, header)
  return root
}

/** Throws `bad-proof` unless the words under `root` are those of the value in question, which has its node's type. */
function checkTensor({ valueRoot, header }: Position, root: Hash, posted: Uint8Array | undefined): void {
  check(posted !== undefined && header !== undefined && bytesEqual(posted, header), 'bad-proof', 'the type is another')
  const same = valueRoot !== undefined && bytesEqual(sha256(header, root), valueRoot)
  check(same, 'bad-proof', 'the words are those of another value')
}

/** Throws `bad-proof` unless `data` is the preimage of the node in question. */
function checkPosted({ level, count, height, index }: Position, hash: Hash, data: Uint8Array): void {
  const words = holdsWords(level)
  if (height > 0) checkPreimage(words ? leafCount(4 * count) : count, { hash, height, index }, data)
  else if (words) checkLeaf(4 * count, index, hash, data)
  else fail('wrong-state', 'there is nothing under an item')
}

type Choice = Extract<Move, { kind: 'choose' }>

function choose(game: Game, move: Choice): Position {
  const { level, node, height, count, index } = game.position
  check(level !== 'end' && node !== undefined, 'wrong-state', 'there is no list to choose from')
  if (move.index >= count) {
    const atRoot = height === rootHeight(level, count) && move.path.length === 0
    check(atRoot, 'bad-input', 'an export is chosen at the root of its list, without a path')
    return chooseExport(game.claim, game.position, move.index, move.evidence)
  }
  const from = { hash: node, height, index }
  return holdsWords(level) ? chooseWord(game, from, move) : chooseHash(game, from, move)
}

function chooseHash({ claim, position }: Game, from: TreeNode, { index, path, evidence }: Choice): Position {
  check(path.length > 0 || from.height === 0, 'bad-proof', 'a choice goes down a level or more')
  const to = descend(position.count, from, index, path)
  if (to.height > 0) return onTheWay(position, to)
  return chooseItem(claim, position, index, to.hash, evidence)
}

/** The last preimage of a path may be a leaf, which holds the words. */
function chooseWord({ claim, position }: Game, from: TreeNode, { index, path, evidence }: Choice): Position {
  check(Number.isInteger(index) && index >= 0, 'bad-input', `word ${index} of ${position.count}`)
  check(path.length > 0 && path.length <= from.height + 1, 'bad-proof', 'a choice goes down a level or more')
  const bytes = 4 * position.count
  const leaf = Math.floor(index / LEAF_WORDS)
  const to = descend(leafCount(bytes), from, leaf, path.slice(0, from.height))
  const words = path[from.height]
  if (words === undefined) return onTheWay(position, to)
  checkLeaf(bytes, leaf, to.hash, words)
  return chooseItem(claim, position, index, wordOf(words, index % LEAF_WORDS), evidence)
}

/** A node that the asserter has to show what is under. */
function onTheWay(position: Position, { hash, height, index }: TreeNode): Position {
  return { ...position, node: hash, height, index, turn: 'asserter' }
}
