/** The disputes of a network, one line each: what they are about, who plays, where they are. */
import { short } from '#app/terminal/format.ts'
import { type Column, table } from '#app/terminal/table.ts'
import type { Terminal } from '#app/terminal/terminal.ts'
import type { Hex } from '#proto/terms.ts'
import { figuresOf, type GameFigures, levelOf } from './figures.ts'
import type { GameTranscript } from './game.ts'
import { type NameOf, playersOf } from './text.ts'
import type { Transcript } from './transcript.ts'

/** What `--json` prints of a dispute. */
export interface DisputeSummary extends Omit<Transcript, 'games' | 'ledger'> {
  readonly games: readonly (Pick<
    GameTranscript,
    'gameId' | 'state' | 'level' | 'end' | 'turn' | 'until' | 'winner' | 'by'
  > & {
    readonly asserter: Hex
    readonly challenger: Hex
  })[]
  /** The decided games in figures. */
  readonly figures: readonly GameFigures[]
}

export function summaryOf(transcript: Transcript): DisputeSummary {
  const { games, ledger: _, ...rest } = transcript
  return {
    ...rest,
    games: games.map((game) => {
      const { gameId, state, level, end, turn, until, winner, by } = game
      const players = playersOf(transcript, game) as Record<'asserter' | 'challenger', Hex>
      return { gameId, state, level, end, turn, until, winner, by, ...players }
    }),
    figures: figuresOf([transcript]),
  }
}

const COLUMNS: readonly Column[] = [
  { title: 'dispute' },
  { title: 'job' },
  { title: 'window', align: 'right' },
  { title: 'entry', align: 'right' },
  { title: 'defends' },
  { title: 'challenges' },
  { title: 'since', align: 'right' },
  { title: 'state' },
]

export function listLines(transcripts: readonly Transcript[], name: NameOf, terminal: Terminal): string[] {
  const rows = transcripts.map((transcript) => {
    const { entryHash, jobId, window, index, seats, challengers, openedAt } = transcript
    const accounts = (parties: readonly { account: string }[]): string =>
      parties.map(({ account }) => name(account)).join(', ')
    return [
      ...[short(entryHash), short(jobId), `${window ?? '-'}`, `${index ?? '-'}`],
      ...[accounts(seats), accounts(challengers), `${openedAt}`, stateText(transcript, name)],
    ]
  })
  return table(COLUMNS, rows, terminal)
}

/** `pending, at node`, or `refuted: verifier-1 won at arithmetic`. */
function stateText(transcript: Transcript, name: NameOf): string {
  const { ruling, games } = transcript
  const running = games.filter(({ state }) => state === 'running')
  if (ruling === 'Pending') {
    const where = running.map((game) => levelOf(game)).join(', ')
    return where === '' ? 'pending: acceptors may take a seat' : `pending, at ${where}`
  }
  const decided = games.findLast(({ winner }) => winner === (ruling === 'Refuted' ? 'challenger' : 'asserter'))
  if (decided?.winner == null) return ruling.toLowerCase()
  return `${ruling.toLowerCase()}: ${name(playersOf(transcript, decided)[decided.winner])} won at ${levelOf(decided)}`
}
