/**
 * For tests: every course of games between real rules, over a real, tiny program. A dishonest asserter answers from any of several
 * worlds, another one each time if it likes, or with noise; a dishonest challenger names anything. Honest players act on their own
 * computation and on what was posted alone.
 */
import { bytesEqual, toHex } from '#proto/bytes.ts'
import { isAssayError } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { holdsWords, rootHeight } from './choice.ts'
import { apply, deadline, expire, type Game, longestGame, open, type Posts } from './game.ts'
import { itemExport } from './schedule.ts'
import type { World } from './testing.ts'
import { chooseOf, evidenceFor, firstUnder, openingIn, postOf, proofOf } from './testing-duel.ts'
import { type Explored, explore } from './testing-explore.ts'
import { preimageHash } from './tree.ts'
import type { Move, Player, Position } from './types.ts'

export interface GameModel {
  /** Whose entry is claimed. */
  readonly claim: World
  /** What is true. */
  readonly truth: World
  /** Worlds that a dishonest asserter answers from; an honest one answers from `claim`. */
  readonly worlds: readonly World[]
  readonly asserter: 'honest' | 'any'
  /** One game each, at the same seat. */
  readonly challengers: readonly ('honest' | 'any')[]
  /** What a dishonest challenger may name at a position. */
  readonly choices: (position: Position) => readonly number[]
  /** When dishonest players move: at once; also in the last block that they have; in any block. Honest ones move at once. */
  readonly delays: 'none' | 'last' | 'any'
}

interface State {
  readonly games: readonly Game[]
  readonly posts: Posts
}

const PERIOD = 2

export interface ExploredGame extends Explored {
  /** Ends of games, and moves from one kind of position to another, that were seen. */
  readonly transitions: ReadonlySet<string>
}

const hex = (bytes: Uint8Array | undefined): string => (bytes === undefined ? '-' : toHex(bytes.subarray(0, 8)))

function positionKey({
  level,
  turn,
  node,
  height,
  index,
  item,
  value,
  element,
  micro,
  winner,
  ...rest
}: Position): string {
  const { end, elementWord, microWord, roots } = rest
  const hashes = [node, rest.itemHash, rest.valueRoot, roots.items, roots.values, roots.trace].map(hex)
  return [
    level,
    turn,
    height,
    index,
    item,
    value,
    element,
    micro,
    winner,
    end,
    elementWord,
    microWord,
    ...hashes,
  ].join()
}

const keyOf = ({ games, posts }: State): string =>
  [
    ...games.map(({ position, clocks, since }) =>
      [positionKey(position), clocks.asserter, clocks.challenger, since].join(),
    ),
    ...[...posts].map(([name, root]) => name + hex(root)).sort(),
  ].join('|')

/** @throws Error where an honest player loses, or a game does not end as it should */
export function exploreGames(model: GameModel): ExploredGame {
  const { claim, truth, worlds } = model
  const evidence = { entry: claim.entry(), facts: claim.facts }
  const about = truth.claim(evidence.entry)
  const isTrue = Object.values(truth.entry()).every((own, i) => `${own}` === `${Object.values(evidence.entry)[i]}`)
  /** What lies under a node, once somebody has posted it. */
  const shown = new Map<string, Uint8Array>()
  const transitions = new Set<string>()

  const side = (game: number, player: Player) => (player === 'asserter' ? model.asserter : model.challengers[game])
  const places = ({ position }: Game): string => `${position.level} ${position.turn}`
  const leadsTo = ({ position }: Game): string =>
    `${position.level} ${position.winner ?? position.turn} ${position.winner ? 'over' : 'on'}`

  const move = (state: State, i: number, player: Player, what: Move, now: number): State[] => {
    const before = state.games[i] as Game
    try {
      const { game, posts } = apply(before, state.posts, player, what, now)
      if (what.kind === 'post') {
        const { node, level, height } = game.position
        if (node !== undefined && (height > 0 || holdsWords(level))) shown.set(toHex(node), what.data)
      }
      transitions.add(`${places(before)}, ${what.kind}: ${leadsTo(game)}`)
      return [{ games: state.games.with(i, game), posts }]
    } catch (error) {
      if (isAssayError(error)) return []
      throw error
    }
  }

  const posts = (position: Position, honest: boolean): Move[] => {
    const found = (honest ? [claim] : worlds).map((world) => postOf(world, position))
    const first = found[0]
    if (!honest && first?.kind === 'post') {
      const noise = first.data.map((byte, at) => byte ^ (sha256(first.data)[at % 32] as number))
      found.push({ ...first, data: noise })
    }
    return unique(found)
  }
  const proofs = (position: Position, honest: boolean): Move[] =>
    (honest ? [claim] : worlds).map((world) => ({ kind: 'prove', evidence: proofOf(world, position) }))
  const choices = (position: Position, i: number): Move[] => {
    if (model.challengers[i] === 'honest') return [honestMove(truth, claim, position, shown)]
    return model
      .choices(position)
      .flatMap((index) =>
        worlds.flatMap((world) => [true, false].map((served) => chooseOf(world, position, index, served))),
      )
  }

  const blocks = (game: Game): number[] => {
    const [first, last] = [game.since, deadline(game)]
    if (model.delays === 'none' || first === last) return [first]
    return model.delays === 'last' ? [first, last] : Array.from({ length: last - first + 1 }, (_, i) => first + i)
  }

  const next = (state: State): State[] => {
    const after = state.games.flatMap((game, i): State[] => {
      const { position } = game
      if (position.winner !== undefined) return []
      const free = side(i, position.turn) === 'any'
      const times = free ? blocks(game) : [game.since]
      const honest = model.asserter === 'honest'
      const moves = ((): [Player, Move][] => {
        if (position.level === 'end') {
          const own = proofs(position, honest).map((proof): [Player, Move] => ['asserter', proof])
          const theirs = model.challengers[i] === 'any' ? proofs(position, false) : []
          return [...own, ...theirs.map((proof): [Player, Move] => ['challenger', proof])]
        }
        if (position.turn === 'asserter') return posts(position, honest).map((post) => ['asserter', post])
        return choices(position, i).map((choice) => ['challenger', choice])
      })()
      const made = moves.flatMap(([player, what]) => times.flatMap((now) => move(state, i, player, what, now)))
      if (!free) return made
      const over = expire(game, deadline(game) + 1)
      transitions.add(`${places(game)}, time: ${leadsTo(over)}`)
      return [...made, { ...state, games: state.games.with(i, over) }]
    })
    return [...new Map(after.map((one) => [keyOf(one), one])).values()]
  }

  const visit = ({ games }: State, moves: number): void => {
    for (const [i, { position, clocks, since }] of games.entries()) {
      const at = (what: string): never => {
        throw new Error(`${what}: game ${i}, ${positionKey(position)}`)
      }
      if (position.winner === undefined && moves === 0) at('a position without an exit')
      if (clocks.asserter < 0 || clocks.challenger < 0) at('a clock below zero')
      if (since > longestGame(PERIOD)) at(`a game of ${since} blocks`)
      if (position.winner === 'challenger' && isTrue && model.asserter === 'honest') at('an honest asserter has lost')
      if (position.winner === 'asserter' && !isTrue && model.challengers[i] === 'honest')
        at('an honest challenger has lost')
    }
  }
  const game = open(about, PERIOD, new Map(), evidence, 0)
  const start: State = { games: model.challengers.map(() => game), posts: new Map() }
  return { ...explore([start], next, keyOf, visit), transitions }
}

function unique(moves: readonly Move[]): Move[] {
  return [...new Map(moves.map((one) => [one.kind === 'post' ? toHex(one.data) : '', one])).values()]
}

/** What is under a node of a world's own list. */
function ownPreimage(world: World, position: Position): Uint8Array | undefined {
  const { level, height, count } = position
  return openingIn(world, position, firstUnder(position))[rootHeight(level, count) - height]
}

/** An honest challenger's choice, from its own world and from what was posted under the node in question. */
function honestMove(truth: World, claim: World, position: Position, shown: ReadonlyMap<string, Uint8Array>): Move {
  const { level, node, height, count } = position
  const words = holdsWords(level)
  const choose = (at: number, path: readonly Uint8Array[]): Move => {
    const evidence = { ...evidenceFor(truth, position, at), entry: claim.entry() }
    return { kind: 'choose', index: at, path, evidence }
  }
  if (height > 0 || words) {
    const theirs = shown.get(toHex(node as Hash)) as Uint8Array
    const mine = ownPreimage(truth, position) as Uint8Array
    const size = height > 0 ? 32 : 4
    for (let at = 0; at < theirs.length; at += size) {
      if (bytesEqual(mine.subarray(at, at + size), theirs.subarray(at, at + size))) continue
      const width = height > 0 ? 16 ** (height - 1) * (words ? 256 : 1) : 1
      return choose(firstUnder(position) + (at / size) * width, [theirs])
    }
  } else if (!bytesEqual(openTop(truth, position), node as Hash)) {
    return choose(0, [])
  }
  return choose(count + (level === 'items' ? wrongField(truth, claim) : 0), [])
}

/** The one hash of a list of one. */
function openTop(world: World, position: Position): Hash {
  const post = postOf(world, { ...position, height: rootHeight(position.level, position.count), index: 0 })
  return post.kind === 'post' && post.data.length === 32 ? post.data : preimageHash(new Uint8Array(32))
}

/** The first export of the items with which the entry does not agree. */
function wrongField(truth: World, claim: World): number {
  const [own, entry] = [truth.entry(), claim.entry()]
  const field = { rootAfter: 'rootAfter', rootBefore: 'rootBefore', sum: 'lanesRoot', metric: 'metricsRoot' } as const
  for (let n = 0; n < truth.schedule.exports; n++) {
    const name = field[itemExport(truth.schedule, n).end]
    if (!bytesEqual(own[name], entry[name])) return n
  }
  return 0
}
