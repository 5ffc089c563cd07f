/** A dispute in figures: one line for each decided game, for summaries and lists. */
import type { End, Level } from '#pinpoint/types.ts'
import type { GameTranscript } from './game.ts'
import type { RoleName } from './parties.ts'
import type { Transcript } from './transcript.ts'

/** What a game came down to. `arithmetic`: one building block that the chain computed. */
export type DisputeLevel = 'phase' | 'step' | 'node' | 'element' | 'micro-step' | 'arithmetic'

export interface GameFigures {
  readonly level: DisputeLevel
  readonly winner: RoleName
  readonly loser: RoleName
  readonly rounds: number
  /** Of both sides' transactions. */
  readonly gas: number
  readonly seconds: number
}

const OF_LEVELS: Readonly<Record<Exclude<Level, 'end' | 'results'>, DisputeLevel>> = {
  items: 'phase',
  values: 'node',
  words: 'element',
  trace: 'micro-step',
}

const OF_ENDS: Readonly<Record<End, DisputeLevel>> = {
  rootAfter: 'step',
  rootBefore: 'step',
  sum: 'step',
  metric: 'step',
  inbound: 'phase',
  input: 'node',
  export: 'node',
  word: 'element',
  stored: 'micro-step',
  block: 'arithmetic',
}

/** Where a game is, or was decided; of one that is among results the end that they lead to. */
export function levelOf({ level, end }: Pick<GameTranscript, 'level' | 'end'>): DisputeLevel {
  if (end !== null) return OF_ENDS[end]
  return level === 'end' || level === 'results' ? 'phase' : OF_LEVELS[level]
}

/** The decided games of disputes, in the order in which they were decided. */
export function figuresOf(transcripts: readonly Transcript[]): GameFigures[] {
  const decided = transcripts.flatMap(({ seats, challengers, games }) =>
    games.flatMap((game) => {
      const { winner, rounds, seconds, gas, moves } = game
      if (winner === null) return []
      const asserter = seats[game.seat]?.role ?? 'solver'
      const challenger = challengers[game.challenger]?.role ?? 'whistleblower'
      const [won, lost] = winner === 'asserter' ? [asserter, challenger] : [challenger, asserter]
      const sum = gas.asserter + gas.challenger
      const block = moves.at(-1)?.block ?? game.began
      return [{ block, figures: { level: levelOf(game), winner: won, loser: lost, rounds, gas: sum, seconds } }]
    }),
  )
  return decided.sort((a, b) => a.block - b.block).map(({ figures }) => figures)
}
