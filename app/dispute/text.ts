/** A transcript as lines that a person can read. */
import { formatEther } from 'ethers'
import { labelled } from '#app/report.ts'
import { count, duration, plural, short } from '#app/terminal/format.ts'
import { type Column, table } from '#app/terminal/table.ts'
import { paint, type Terminal } from '#app/terminal/terminal.ts'
import type { Player } from '#pinpoint/types.ts'
import type { EndReport } from './ends.ts'
import { levelOf } from './figures.ts'
import type { GameTranscript, TranscriptMove } from './game.ts'
import type { Party } from './parties.ts'
import type { Place } from './places.ts'
import type { Replay } from './replay.ts'
import type { Movement, Transcript } from './transcript.ts'
import type { WordText } from './words.ts'

/** What an account is called. */
export type NameOf = (account: string) => string

export interface TextOptions {
  readonly terminal: Terminal
  readonly name: NameOf
  /** A line for each move instead of one for each list. */
  readonly moves?: boolean
}

/** `steps 4 to 6 of replica 1, entry 3 of window 2`, as far as it is known. */
export function entryText({ window, index, replica, steps }: Transcript): string {
  const range = steps === null ? [] : [`steps ${steps[0]} to ${steps[1]} of replica ${replica}`]
  const place = index === null ? (window === null ? [] : [`window ${window}`]) : [`entry ${index} of window ${window}`]
  return [...range, ...place].join(', ') || 'an entry that no move shows yet'
}

/** The whole transcript. */
export function transcriptLines(transcript: Transcript, options: TextOptions): string[] {
  const { terminal, name } = options
  const { seats, challengers, games, ledger } = transcript
  const line = (label: string, text: string): string => labelled(terminal, label, text)
  const lines = [
    line('dispute', transcript.entryHash),
    line('job', transcript.jobId),
    line('entry', entryText(transcript)),
    line('opened', `in block ${transcript.openedAt}, response period ${plural(transcript.responsePeriod, 'block')}`),
    line('seats', seats.map((seat) => partyText(seat, name)).join(', ')),
    line('against', challengers.map((challenger) => partyText(challenger, name)).join(', ') || 'nobody'),
    line('ruling', rulingText(transcript, terminal)),
  ]
  for (const game of games) lines.push('', ...gameLines(transcript, game, options))
  if (ledger.length > 0) lines.push('', ...ledgerLines(ledger, options))
  return lines
}

function partyText({ account, role, lost }: Party, name: NameOf): string {
  const called = name(account)
  const roleText = called.startsWith(role) ? '' : ` (${role})`
  return `${called}${roleText}${lost === null ? '' : `, lost in block ${lost}`}`
}

const RULING_TEXT = {
  Pending: 'pending',
  Refuted: 'refuted: the claim is false',
  Upheld: 'upheld: the claim stands',
} as const

function rulingText({ ruling, resolvedAt }: Transcript, terminal: Terminal): string {
  const colour = ({ Refuted: 'red', Upheld: 'green', Pending: 'yellow' } as const)[ruling]
  const carried = resolvedAt === null ? '' : `, carried out in block ${resolvedAt}`
  return `${paint(terminal, colour, RULING_TEXT[ruling])}${carried}`
}

function gameLines(transcript: Transcript, game: GameTranscript, options: TextOptions): string[] {
  const { terminal, name } = options
  const players = playersOf(transcript, game)
  const called = (player: Player): string => name(players[player])
  const head = `game ${game.seat}:${game.challenger}  ${called('asserter')} defends, ${called('challenger')} challenges`
  const lines = [paint(terminal, 'bold', head)]
  if (game.moves.length > 0)
    lines.push(...(options.moves ? moveTable(game, called, terminal) : listTable(game, called, terminal)))
  if (game.finish !== null) lines.push('', ...finishLines(game.finish, called('asserter')))
  lines.push('', ...outcomeLines(game, called, terminal))
  const through = [...new Set(game.moves.flatMap((move) => (move.through === null ? [] : [move.through])))]
  if (through.length > 0) {
    const contracts = through.map(name).join(', ')
    lines.push(`Moves were made through ${contracts}: what they showed is known from events alone.`)
  }
  return lines
}

export function playersOf({ seats, challengers }: Transcript, game: GameTranscript): Record<Player, string> {
  return {
    asserter: seats[game.seat]?.account ?? '',
    challenger: challengers[game.challenger]?.account ?? '',
  }
}

// ------------------------------------------------------------------ lists

const LISTS: readonly Column[] = [
  { title: 'blocks' },
  { title: 'level' },
  { title: 'what differs' },
  { title: 'rounds', align: 'right' },
  { title: 'gas', align: 'right' },
]

const ITEM = { items: 'item', values: 'value', words: 'element', trace: 'block', results: 'hash' } as const

/** `item 3 of 14: step 0, micro-batch 1`. */
function placeText({ level, index, count: of, text, says }: Place): string {
  const behind = of !== null && index >= of
  const head = behind ? 'no item, but ' : `${ITEM[level]} ${index}${of === null ? '' : ` of ${count(of)}`}`
  const stated = says === undefined ? '' : `, says ${saysText(says)}`
  if (behind) return `${head}${text || 'an export'}`
  return `${head}${text === '' ? '' : `: ${text}`}${stated}`
}

const saysText = ({ bits, value }: WordText): string => `${bits} (${value})`

/** One line for each list, and one for the end. */
function listTable(
  { moves, places, state }: GameTranscript,
  called: (player: Player) => string,
  terminal: Terminal,
): string[] {
  const rows: string[][] = []
  let next = 0
  for (let from = 0; from < moves.length; ) {
    const first = moves[from] as TranscriptMove
    let to = from
    while (to < moves.length && moves[to]?.level === first.level) to++
    const group = moves.slice(from, to)
    const left = group.some(({ kind, next: into }) => kind === 'choose' && into !== first.level)
    const place = left ? places[next++] : undefined
    const what = place !== undefined ? placeText(place) : unfinished(group, state, called)
    rows.push([blocksText(group), first.level, what, roundsText(group), gasText(group)])
    from = to
  }
  return table(LISTS, rows, terminal)
}

/** What has been done in a list that was not left. */
function unfinished(
  moves: readonly TranscriptMove[],
  state: GameTranscript['state'],
  called: (player: Player) => string,
): string {
  const last = moves.at(-1) as TranscriptMove
  const who = whoMoved(last, called)
  if (last.kind === 'prove' || last.kind === 'timeout' || last.kind === 'concede')
    return `${who} ${moveText(last, undefined)}`
  if (last.kind === 'choose') return `named ${last.choice}${state === 'running' ? ', and waits for an answer' : ''}`
  return `shown${state === 'running' ? ', and waits for a choice' : ''}`
}

function blocksText(moves: readonly TranscriptMove[]): string {
  const [first, last] = [moves[0]?.block, moves.at(-1)?.block]
  return first === last ? `${first}` : `${first}-${last}`
}

const roundsText = (moves: readonly TranscriptMove[]): string =>
  `${moves.filter(({ kind }) => kind === 'post' || kind === 'prove').length}`

const gasText = (moves: readonly TranscriptMove[]): string => count(moves.reduce((sum, { gas }) => sum + (gas ?? 0), 0))

// ------------------------------------------------------------------ moves

const MOVES: readonly Column[] = [
  { title: 'block' },
  { title: 'who' },
  { title: 'level' },
  { title: 'move' },
  { title: 'gas', align: 'right' },
  { title: 'clocks', align: 'right' },
]

function moveTable(game: GameTranscript, called: (player: Player) => string, terminal: Terminal): string[] {
  const rows = movesWithPlaces(game).map(({ move, place }) => {
    const gas = move.gas === null ? '' : count(move.gas)
    return [`${move.block}`, whoMoved(move, called), move.level, moveText(move, place), gas, clocksText(move)]
  })
  return table(MOVES, rows, terminal)
}

/** A line for each move of a game, for those who follow it. */
export function moveLines(transcript: Transcript, game: GameTranscript, name: NameOf): string[] {
  const players = playersOf(transcript, game)
  return movesWithPlaces(game).map(({ move, place }) => {
    const who = whoMoved(move, (player) => name(players[player]))
    return `block ${move.block}, ${move.level}: ${who} ${place === undefined ? '' : 'names '}${moveText(move, place)}`
  })
}

/** Each move, with what a choice that ended a list has named. */
function movesWithPlaces({ moves, places }: GameTranscript): { move: TranscriptMove; place: Place | undefined }[] {
  let next = 0
  return moves.map((move) => {
    const left = move.kind === 'choose' && move.next !== move.level
    return { move, place: left ? places[next++] : undefined }
  })
}

const whoMoved = ({ player, account }: TranscriptMove, called: (player: Player) => string): string =>
  player === null ? short(account) : called(player)

/** Blocks left to the asserter and to the challenger. */
const clocksText = ({ clocks }: TranscriptMove): string =>
  clocks === null ? '' : `${clocks.asserter} / ${clocks.challenger}`

function moveText({ kind, height, index, choice }: TranscriptMove, place: Place | undefined): string {
  switch (kind) {
    case 'post':
      return `shows what is under node ${index} at height ${height}`
    case 'choose':
      return place === undefined ? `names ${choice}, and goes to height ${height}` : placeText(place)
    case 'prove':
      return 'shows the evidence'
    case 'timeout':
      return 'says that time has run out'
    case 'concede':
      return 'gives up'
  }
}

// --------------------------------------------------------------- the end

const ARGUMENTS = ['a', 'b', 'c'] as const

/** What was compared: of a block its operands, what the chain has computed, what the asserter says, and the bits between them. */
function finishLines({ compares, left, right, words, block }: EndReport, asserter: string): string[] {
  if (words === null) {
    const width = Math.max(...compares.map(({ length }) => length))
    return [
      `  ${compares[0].padEnd(width)}  ${left}`,
      `  ${compares[1].padEnd(width)}  ${right}`,
      `  ${left === right ? 'equal' : 'not equal'}`,
    ]
  }
  const rows: [string, string, string][] = []
  const word = (label: string, { bits, value }: WordText, more = ''): number =>
    rows.push([label, bits, `${value}${more}`])
  for (const [i, operand] of (block?.operands ?? []).entries()) {
    word(`${ARGUMENTS[i]}, ${operand.from}`, operand)
  }
  const [first, second] = compares
  const names = ARGUMENTS.slice(0, block?.operands.length ?? 0).join(', ')
  word(block === null ? first : `${first} ${block.block}(${names})`, words.computed)
  word(second.replace('the asserter', asserter), words.stated)
  rows.push(['they differ in', words.xor, bitsText(words.bits)])
  const width = Math.max(...rows.map(([label]) => label.length))
  return rows.map(([label, bits, value]) => `  ${label.padEnd(width)}  ${bits}  ${value}`)
}

function bitsText(bits: readonly number[]): string {
  if (bits.length === 0) return 'no bit: they are equal'
  return `${bits.length === 1 ? 'bit' : 'bits'} ${bits.join(', ')}`
}

// ------------------------------------------------------------- outcomes

function outcomeLines(game: GameTranscript, called: (player: Player) => string, terminal: Terminal): string[] {
  const { gas, rounds, seconds } = game
  const sum = gas.asserter + gas.challenger
  const spent = `${called('asserter')} ${count(gas.asserter)}, ${called('challenger')} ${count(gas.challenger)}`
  const lines = [labelled(terminal, 'outcome', outcomeText(game, called))]
  if (game.moves.length > 0) {
    const time = seconds < 1 ? 'under 1 s' : duration(1000 * seconds)
    const cost = `${plural(rounds, 'round')}, ${time}, ${count(sum)} gas (${spent})`
    lines.push(labelled(terminal, 'cost', cost))
  }
  return lines
}

/** How a game ended, or what it waits for. */
export function outcomeText(game: GameTranscript, called: (player: Player) => string): string {
  const { winner, by, turn, until, state, clocks } = game
  if (winner !== null) {
    const loser = winner === 'asserter' ? 'challenger' : 'asserter'
    const how = {
      proof: 'by proof',
      timeout: `as ${called(loser)} ran out of time`,
      concession: `as ${called(loser)} gave up`,
    }[by ?? 'proof']
    const lost = loser === 'asserter' ? 'the seat is lost' : 'the challenge is lost'
    return `${called(winner)} has won ${how}, at the ${levelOf(game)} level, in block ${game.moves.at(-1)?.block}: ${lost}`
  }
  if (state === 'void' || turn === null) return 'void: one side has lost another game'
  const left = `clocks ${clocks.asserter} and ${clocks.challenger} blocks`
  const task = game.level === 'end' ? 'prove' : turn === 'asserter' ? 'answer' : 'choose'
  return `it is the turn of ${called(turn)}, which has until block ${until} to ${task} (${left})`
}

const LEDGER: readonly Column[] = [
  { title: 'who' },
  { title: 'ether', align: 'right' },
  { title: 'why' },
  { title: 'block', align: 'right' },
]

/** Bookkeeping that moves nothing to or from anybody. */
const INTERNAL: readonly Movement['reason'][] = ['Reserve', 'Release', 'Deposit']

/** What a movement of a dispute means. */
const MEANING: Readonly<Partial<Record<Movement['reason'], string>>> = {
  Bond: 'bond for the challenge',
  BondReturn: 'bond back',
  Slash: 'stake lost',
  Forfeit: 'bond lost',
  GasRefund: 'gas of its moves',
  Compensation: 'honest work, or a seat that stood',
  Bounty: 'share of what was lost',
  Burn: 'burned',
}

function ledgerLines(ledger: readonly Movement[], { terminal, name }: TextOptions): string[] {
  const rows = ledger
    .filter(({ reason }) => !INTERNAL.includes(reason))
    .map(({ account, amount, reason, block }) => {
      const who = /^0x0+dead$/.test(account) ? 'nobody' : name(account)
      return [who, `${amount > 0n ? '+' : ''}${formatEther(amount)}`, MEANING[reason] ?? reason, `${block}`]
    })
  return ['ledger', ...table(LEDGER, rows, terminal)]
}

/** What a replay has come to. */
export function replayLines({ moves, taken, through, decided, blocks, difference }: Replay, name: NameOf): string[] {
  const lines: string[] = []
  if (taken > 0) {
    const contracts = through.map(name).join(', ') || 'another contract'
    lines.push(`${plural(taken, 'move')} made through ${contracts}, or after one that was: taken from the events`)
  }
  if (difference === null) {
    const computed = blocks === 0 ? '' : `, ${plural(blocks, 'building block')} computed`
    lines.push(
      `${plural(moves, 'move')} replayed, ${plural(decided, 'game')} decided${computed}: all as the chain says`,
    )
    return lines
  }
  const { gameId, move, block, transaction, what, chain, here } = difference
  lines.push(`${plural(moves, 'move')} replayed; then the chain says something else:`)
  lines.push(
    `  move ${move}, block ${block}, transaction ${transaction}${gameId === null ? '' : `, game ${gameId.slice(-8)}`}`,
  )
  lines.push(`  ${what}: ${chain} on the chain, ${here} by the rules`)
  return lines
}
