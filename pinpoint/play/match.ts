/** Plays one game in memory by the rules of the chain, and keeps its transcript. */
import { AssayError } from '#proto/errors.ts'
import type { Hash } from '#proto/ids.ts'
import type { Claim } from '../claim.ts'
import { apply, expire, type Game, open, type Posts } from '../game.ts'
import type { End, Evidence, Level, Move, Player, Position } from '../types.ts'
import type { Decision } from './player.ts'

/** Decides a player's next move; nothing if it has none, or waits. */
export type Decide = (position: Position) => Promise<Decision | undefined>

export interface Sides {
  readonly asserter: Decide
  readonly challenger: Decide
  /** Sees what the asserter posts. */
  readonly posted: (data: Uint8Array) => void
}

/** One move that was made. */
export interface Made {
  readonly player: Player
  readonly level: Level
  readonly move: Move
}

export interface Outcome {
  readonly winner: Player
  /** How it was decided: by evidence, because one side gave up, or did not move. */
  readonly by: 'proof' | 'concession' | 'timeout'
  readonly end: End | undefined
  /** A round is a response of the asserter, and the choice that follows. */
  readonly rounds: number
  readonly moves: readonly Made[]
  readonly game: Game
  readonly posts: Posts
}

/** What a game starts from. */
export interface Start {
  readonly claim: Claim
  /** The claim's entry and facts. */
  readonly evidence: Evidence
  /** What the seat has posted in other games. */
  readonly posts?: Posts
  /** Of each player, in blocks; one for each move is enough. */
  readonly period?: number
}

const PERIOD = 64

/**
 * Plays to the end. A player that makes a move which the rules refuse, or none while it is its turn, runs out of time.
 * @throws bad-proof if the evidence does not open the game
 */
export async function play(start: Start, sides: Sides): Promise<Outcome> {
  const { period = PERIOD } = start
  let now = 0
  let posts = start.posts ?? new Map<string, Hash>()
  let game = open(start.claim, period, posts, start.evidence, now)
  const moves: Made[] = []
  const over = (by: Outcome['by']): Outcome => {
    const { winner, end } = game.position
    const rounds = moves.filter(({ move, player }) => player === 'asserter' || move.kind === 'prove').length
    return { winner: winner as Player, by, end, rounds, moves, game, posts }
  }
  const make = (player: Player, move: Move): boolean => {
    const { level } = game.position
    try {
      ;({ game, posts } = apply(game, posts, player, move, now))
    } catch (error) {
      if (error instanceof AssayError) return false
      throw error
    }
    moves.push({ player, level, move })
    if (move.kind === 'post') sides.posted(move.data)
    return true
  }
  for (;;) {
    now++
    const { turn } = game.position
    // At the end the challenger may prove before the asserter does.
    const order: Player[] =
      turn === 'challenger' || game.position.level === 'end' ? ['challenger', 'asserter'] : ['asserter']
    let moved = false
    for (const player of order) {
      const decision = await sides[player](game.position)
      if (decision?.kind === 'concede') {
        const winner = player === 'asserter' ? 'challenger' : 'asserter'
        game = { ...game, position: { ...game.position, winner } }
        return over('concession')
      }
      moved = decision !== undefined && make(player, decision)
      if (moved) break
    }
    if (game.position.winner !== undefined) return over('proof')
    if (moved) continue
    now = game.since + game.clocks[turn] + 1
    game = expire(game, now)
    return over('timeout')
  }
}

/** Responses of the asserter, by level. */
export function roundsByLevel({ moves }: Pick<Outcome, 'moves'>): Record<Level, number> {
  const rounds = { items: 0, values: 0, words: 0, trace: 0, results: 0, end: 0 }
  for (const { level, move } of moves) if (move.kind !== 'choose') rounds[level]++
  return rounds
}
