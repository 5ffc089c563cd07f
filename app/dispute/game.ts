/** One game level by level, from the chain's events and the calldata of their transactions. */
import type { ClaimEvent, Placed } from '#contracts/claims.ts'
import { gameIdOf } from '#contracts/pinpoint.ts'
import type { End, Evidence, Level, Player } from '#pinpoint/types.ts'
import type { Hex } from '#proto/terms.ts'
import type { Call } from './calls.ts'
import { type EndReport, endReport } from './ends.ts'
import { numbersOf, type Party } from './parties.ts'
import {
  blockText,
  elementText,
  exportText,
  itemText,
  type NodeText,
  type Open,
  type Place,
  readNode,
  resultText,
  tracedText,
  typeOfValue,
  valueText,
} from './places.ts'
import type { DisputeRecord } from './record.ts'
import { readingOf, wordText } from './words.ts'

export type MoveKind = 'post' | 'choose' | 'prove' | 'timeout' | 'concede'

export interface TranscriptMove {
  readonly kind: MoveKind
  /** Whose move it was; null of a timeout, which anybody may claim. */
  readonly player: Player | null
  readonly account: Hex
  readonly level: Level
  /** Of a post, the height and number of the node whose preimage was shown; of a choice that of the node it went to. */
  readonly height: number | null
  readonly index: number | null
  /** Of a choice: the item or export that was named, and the list it led to. */
  readonly choice: number | null
  readonly next: Level | null
  /** Blocks left to each player after it, where the event says so. */
  readonly clocks: Readonly<Record<Player, number>> | null
  readonly block: number
  readonly transaction: string
  /** Of the whole transaction; null if another move of it was counted before. */
  readonly gas: number | null
  /** The contract that made the call, if the player did not make it itself. */
  readonly through: Hex | null
}

export interface GameTranscript {
  readonly gameId: Hex
  readonly seat: number
  readonly challenger: number
  /** Block from which both were there. */
  readonly began: number
  /** `void`: one side has lost another game. */
  readonly state: 'running' | 'decided' | 'void'
  readonly level: Level
  /** At the end, and among results, which end. */
  readonly end: End | null
  /** While it runs: whose turn it is, and the last block for it. */
  readonly turn: Player | null
  readonly until: number | null
  /** Blocks left to each player when the turn began. */
  readonly clocks: Readonly<Record<Player, number>>
  readonly winner: Player | null
  readonly by: 'proof' | 'timeout' | 'concession' | null
  /** What was named on the way, list by list. */
  readonly places: readonly Place[]
  /** What was compared, if a proof was given. */
  readonly finish: EndReport | null
  readonly moves: readonly TranscriptMove[]
  /** Answers of the asserter, and the proof: a round is one of them and the choice that follows. */
  readonly rounds: number
  readonly gas: Readonly<Record<Player, number>>
  /** From the first block of the game to its last event, seconds. */
  readonly seconds: number
}

const lower = <T extends string>(name: T): Uncapitalize<T> =>
  `${name.charAt(0).toLowerCase()}${name.slice(1)}` as Uncapitalize<T>

/** What a game is followed from. */
interface GameSource {
  readonly record: DisputeRecord
  readonly calls: ReadonlyMap<string, Call>
  readonly open: Open | undefined
  readonly seat: Party
  readonly challenger: Party
}

/** The game between a seat and a challenger. */
export const gameOf = (source: GameSource): GameTranscript => new GameFold(source).finish()

const GAME_EVENTS = ['Posted', 'Chosen', 'Compared', 'Decided'] as const
type GameEvent = Placed<(typeof GAME_EVENTS)[number]>
const isGameEvent = (event: ClaimEvent): event is GameEvent => (GAME_EVENTS as readonly string[]).includes(event.name)

/** Follows the events of one game. */
class GameFold {
  readonly #record: DisputeRecord
  readonly #calls: ReadonlyMap<string, Call>
  readonly #open: Open | undefined
  readonly #seat: Party
  readonly #challenger: Party
  readonly #gameId: Hex
  readonly #moves: TranscriptMove[] = []
  readonly #places: Place[] = []
  readonly #counted = new Set<string>()
  readonly #gas = { asserter: 0, challenger: 0 }
  #clocks: Record<Player, number>
  #since: number
  #turn: Player = 'asserter'
  #level: Level = 'items'
  #end: End | null = null
  #count: number | null
  #chosen: { item?: number; value?: number; element?: number } = {}
  #index = 0
  #node: NodeText | undefined
  #finish: EndReport | null = null
  #decided: Placed<'Decided'> | undefined

  constructor({ record, calls, open, seat, challenger }: GameSource) {
    this.#record = record
    this.#calls = calls
    this.#open = open
    this.#seat = seat
    this.#challenger = challenger
    this.#gameId = gameIdOf(record.opened.claimId, seat.number, challenger.number)
    this.#count = open?.schedule.count ?? null
    const { responsePeriod } = record.opened
    this.#clocks = { asserter: responsePeriod, challenger: responsePeriod }
    this.#since = Math.max(seat.since, challenger.since)
  }

  finish(): GameTranscript {
    const [seat, challenger] = [this.#seat, this.#challenger]
    const began = this.#since
    for (const event of this.#record.events) {
      if (!isGameEvent(event)) continue
      if (event.gameId === this.#gameId) this.#take(event)
      else if (event.name === 'Posted' && event.level === 'Items') this.#postedElsewhere(event)
    }
    const decided = this.#decided
    const over = seat.lost !== null || challenger.lost !== null
    const state = decided !== undefined ? 'decided' : over ? 'void' : 'running'
    const running = state === 'running'
    const last = decided ?? this.#record.events.findLast((event) => isGameEvent(event) && event.gameId === this.#gameId)
    return {
      ...{ gameId: this.#gameId, seat: seat.number, challenger: challenger.number, began, state },
      ...{ level: this.#level, end: this.#end, turn: running ? this.#turn : null },
      until: running ? this.#since + this.#clocks[this.#turn] : null,
      clocks: { ...this.#clocks },
      winner: decided === undefined ? null : (lower(decided.winner) as Player),
      by: decided === undefined ? null : lower(decided.decision),
      ...{ places: this.#places, finish: this.#finish, moves: this.#moves },
      rounds: this.#moves.filter(({ kind }) => kind === 'post' || kind === 'prove').length,
      gas: { ...this.#gas },
      seconds: this.#time(last?.blockNumber ?? began) - this.#time(began),
    }
  }

  #time(block: number): number {
    return this.#record.times.get(block) ?? 0
  }

  /** A seat's first post, that of its items, is its move in all of its games that wait for it. */
  #postedElsewhere({ gameId, blockNumber }: Placed<'Posted'>): void {
    if (numbersOf(gameId).seat !== this.#seat.number) return
    if (this.#level !== 'items' || this.#turn !== 'asserter' || this.#moves.length > 0) return
    if (blockNumber > this.#since + this.#clocks.asserter) return
    this.#turn = 'challenger'
    if (blockNumber <= this.#since) return
    this.#clocks.asserter -= blockNumber - this.#since
    this.#since = blockNumber
  }

  #take(event: GameEvent): void {
    switch (event.name) {
      case 'Posted':
        this.#note('post', event, 'asserter', { height: event.height, index: event.index })
        this.#turn = 'challenger'
        break
      case 'Chosen':
        this.#choose(event)
        break
      case 'Compared':
        this.#compare(event)
        return
      case 'Decided':
        this.#decide(event)
        return
    }
    this.#clocks = { asserter: event.asserterClock, challenger: event.challengerClock }
    this.#since = event.blockNumber
  }

  #note(
    kind: MoveKind,
    event: GameEvent,
    player: Player | null,
    more: Partial<Pick<TranscriptMove, 'height' | 'index' | 'choice' | 'next'>> = {},
  ): void {
    const { transactionHash: transaction, blockNumber: block } = event
    const sent = this.#record.sent.get(transaction)
    const known = { asserter: this.#seat.account, challenger: this.#challenger.account }
    const account = player === null ? (sent?.from ?? this.#challenger.account) : known[player]
    const gas = sent === undefined || this.#counted.has(transaction) ? null : sent.gasUsed
    this.#counted.add(transaction)
    const by = player ?? (account === known.asserter ? 'asserter' : account === known.challenger ? 'challenger' : null)
    if (gas !== null && by !== null) this.#gas[by] += gas
    const told = event.name === 'Posted' || event.name === 'Chosen'
    const clocks = told ? { asserter: event.asserterClock, challenger: event.challengerClock } : null
    const direct = sent === undefined || sent.to === this.#record.arbiter
    this.#moves.push({
      ...{
        kind,
        player,
        account,
        level: this.#level,
        height: null,
        index: null,
        choice: null,
        next: null,
        ...more,
        clocks,
      },
      ...{ block, transaction, gas, through: direct ? null : sent.to },
    })
  }

  /** Evidence of the move behind an event, if it was made at the arbiter itself. */
  #evidence({ transactionHash }: GameEvent): Evidence | undefined {
    const call = this.#calls.get(transactionHash)
    if (call?.kind !== 'move' || call.gameId !== this.#gameId || call.move.kind === 'post') return undefined
    return call.move.evidence
  }

  #choose(event: Placed<'Chosen'>): void {
    const { choice, height, count } = event
    const [level, next] = [this.#level, lower(event.next)]
    this.#note('choose', event, 'challenger', { height, index: null, choice, next })
    this.#turn = lower(event.turn) as Player
    if (next === level && level !== 'end') return
    this.#index = choice
    const node = this.#evidence(event)?.node
    if (level === 'values' && node !== undefined) this.#node = attempt(() => readNode(node))
    this.#places.push(this.#place(event))
    if (level === 'items') this.#chosen = { ...this.#chosen, item: choice }
    else if (level === 'values') this.#chosen = { ...this.#chosen, value: choice }
    else if (level === 'words') this.#chosen = { ...this.#chosen, element: choice }
    this.#level = next
    this.#end = event.end === 'None' ? null : (lower(event.end) as End)
    this.#count = count
  }

  /** What the choice names that has ended a list. */
  #place({ choice, word }: Placed<'Chosen'>): Place {
    const place = { level: this.#level as Place['level'], index: choice, count: this.#count, text: '' }
    return { ...place, ...attempt(() => this.#described(choice, word)) }
  }

  #described(choice: number, word: number): Partial<Place> {
    const [open, node] = [this.#open, this.#node]
    const { item = 0, value = 0, element = 0 } = this.#chosen
    const behind = this.#count !== null && choice >= this.#count
    switch (this.#level) {
      case 'items':
        if (open === undefined) return {}
        return { text: behind ? exportText(open, choice - open.schedule.count) : itemText(open, choice) }
      case 'values':
        return { text: behind ? `the tensors of item ${item}` : valueText(open, item, choice, node) }
      case 'words': {
        const type = typeOfValue(open, item, value, node)
        if (type === undefined) return { text: `of value ${value}`, says: wordText(word, 'u32') }
        return { text: elementText(choice, type), says: wordText(word, readingOf(type.dtype)) }
      }
      case 'trace':
        if (behind) return { text: `that its last word is word ${element}` }
        if (node === undefined) return { says: wordText(word, 'u32') }
        return { text: blockText(node, element, choice), says: tracedText(node, element, choice, word) }
      case 'results':
        return { text: resultText(open, this.#end, item, choice) }
      default:
        return {}
    }
  }

  #compare(event: Placed<'Compared'>): void {
    const { seat, challenger } = { seat: this.#seat.account, challenger: this.#challenger.account }
    this.#note('prove', event, event.player === seat && event.player !== challenger ? 'asserter' : 'challenger')
    const evidence = this.#evidence(event)
    const end = lower(event.end) as End
    const { item, value, element } = this.#chosen
    const at = {
      end,
      open: this.#open,
      node: this.#node ?? shownNode(evidence),
      index: this.#index,
      item,
      value,
      element,
    }
    // Evidence that does not say what it should is left out: what the chain compared stands in its event.
    this.#finish =
      attempt(() => endReport(at, event.left, event.right, evidence)) ??
      endReport({ ...at, open: undefined, node: undefined }, event.left, event.right, undefined)
  }

  #decide(event: Placed<'Decided'>): void {
    this.#decided = event
    if (event.decision === 'Timeout') this.#note('timeout', event, null)
    else if (event.decision === 'Concession')
      this.#note('concede', event, event.winner === 'Asserter' ? 'challenger' : 'asserter')
  }
}

const shownNode = (evidence: Evidence | undefined): NodeText | undefined => {
  const node = evidence?.node
  return node && attempt(() => readNode(node))
}

/** What calldata says may be anything that the chain did not look at. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
