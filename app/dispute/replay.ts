/** Plays the games of a dispute again by the rules of pinpoint/, move by move, and compares with what the chain says. */
import type { ChosenEvent, PostedEvent } from '#contracts/abi/types.generated.ts'
import type { ClaimEvent, Placed } from '#contracts/claims.ts'
import { gameIdOf } from '#contracts/pinpoint.ts'
import { holdsWords } from '#pinpoint/choice.ts'
import type { Claim } from '#pinpoint/claim.ts'
import { apply, expire, type Game, open as openGame, type Posts } from '#pinpoint/game.ts'
import { sumItem } from '#pinpoint/schedule.ts'
import type { Evidence, Move, Opening, Player, Position } from '#pinpoint/types.ts'
import { fromHex, to0x } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { ARITY, HASH_BYTES, leafHash } from '#proto/hash.ts'
import { joinerOf } from '#proto/lanes.ts'
import type { Hex } from '#proto/terms.ts'
import { type Call, callsOf, openOf } from './calls.ts'
import { type Difference, Differs, differenceAt, same } from './difference.ts'
import { blockReport } from './ends.ts'
import { numbersOf } from './parties.ts'
import { type Open, readNode } from './places.ts'
import type { DisputeRecord } from './record.ts'

export interface Replay {
  /** Moves that were played again and came out as the chain says. */
  readonly moves: number
  /** Moves that were taken from the events: of games in which a choice was made through another contract. */
  readonly taken: number
  /** Contracts through which they were made. */
  readonly through: readonly Hex[]
  /** Games that were decided, as here. */
  readonly decided: number
  /** Building blocks that were computed again. */
  readonly blocks: number
  /** The first difference, at which the replay stops. */
  readonly difference: Difference | null
}

/** What is known of one game. `lost`: a move could not be read, so its events are taken for what they say. */
interface Play {
  game: Game
  lost: boolean
  /** Evidence that earlier moves have brought, which later ones need not bring again. */
  shown: Evidence
  /** The last word that was chosen. */
  word: number
}

const upper = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1)
const hashText = (hash: Uint8Array | undefined): string => (hash === undefined ? 'none' : to0x(hash))

/** The hash of an item, from the preimage of the node above it. */
function childOf(preimage: Uint8Array, item: number): Uint8Array {
  const at = (item % ARITY) * HASH_BYTES
  return preimage.slice(at, at + HASH_BYTES)
}

/**
 * Plays the games of a record again.
 * @throws AssayError `unavailable` if no move at hand shows the entry and the facts, without which nothing can be replayed
 */
export function replayOf(record: DisputeRecord): Replay {
  const calls = callsOf(record)
  const shown =
    openOf(record, calls.values()) ??
    fail('unavailable', 'no move of this dispute shows the entry and the facts', {
      next: 'Nobody has moved yet, or the first moves came through another contract: see `assay dispute show`.',
    })
  return new Replayer(record, calls, shown).run()
}

class Replayer {
  readonly #record: DisputeRecord
  readonly #calls: ReadonlyMap<string, Call>
  readonly #open: Open
  readonly #games = new Map<Hex, Play>()
  readonly #posts = new Map<number, Posts>()
  readonly #seats = new Map<number, boolean>()
  readonly #challengers = new Map<number, boolean>()
  readonly #accounts: { readonly seats: Hex[]; readonly challengers: Hex[] } = { seats: [], challengers: [] }
  readonly #through = new Set<Hex>()
  #defendUntil = 0
  #made = 0
  #moves = 0
  #taken = 0
  #decided = 0
  #blocks = 0
  /** What the last event says if it was `Compared`: `Decided` must follow from it. */
  #compared: { readonly gameId: Hex; readonly winner: Player } | undefined

  constructor(record: DisputeRecord, calls: ReadonlyMap<string, Call>, open: Open) {
    this.#record = record
    this.#calls = calls
    this.#open = open
  }

  run(): Replay {
    let difference: Difference | null = null
    for (const event of this.#record.events) {
      const gameId = 'gameId' in event ? event.gameId : null
      if (event.name === 'Posted' || event.name === 'Chosen' || event.name === 'Compared') this.#made++
      try {
        this.#take(event)
      } catch (error) {
        difference = differenceAt({ event, gameId, move: this.#made }, error)
        break
      }
    }
    const through = [...this.#through]
    const counts = { moves: this.#moves, taken: this.#taken, decided: this.#decided, blocks: this.#blocks }
    return { ...counts, through, difference }
  }

  #take(event: ClaimEvent): void {
    const now = event.blockNumber
    switch (event.name) {
      case 'SeatTaken':
        same('the number of the seat', event.number, this.#seats.size)
        this.#seats.set(event.number, true)
        this.#accounts.seats.push(event.account)
        for (const [challenger, stands] of this.#challengers) if (stands) this.#begin(event.number, challenger, now)
        return
      case 'ChallengerJoined':
        same('the number of the challenger', event.number, this.#challengers.size)
        this.#challengers.set(event.number, true)
        this.#accounts.challengers.push(event.challenger)
        for (const [seat, stands] of this.#seats) if (stands) this.#begin(seat, event.number, now)
        return
      case 'AcceptorAdded':
        if (this.#defendUntil > 0) this.#defendUntil = now + this.#record.opened.responsePeriod
        return
      case 'SeatLost':
        same('whether the seat stands', false, this.#seats.get(event.number))
        same('whose seat is lost', event.account, this.#accounts.seats[event.number])
        if (this.#defendUntil === 0) this.#defendUntil = now + this.#record.opened.responsePeriod
        same('the last block for another seat', event.defendUntil, this.#defendUntil)
        return
      case 'Posted':
        this.#post(event)
        return
      case 'Chosen':
        this.#choose(event)
        return
      case 'Compared':
        this.#prove(event)
        return
      case 'Passed':
        this.#pass(event)
        return
      case 'Decided':
        this.#decide(event)
        return
    }
  }

  #begin(seat: number, challenger: number, now: number): void {
    const { opened } = this.#record
    const { entry, facts } = this.#open
    const digests = { entry: fromHex(opened.entryHash, 32), facts: fromHex(opened.factsHash, 32) }
    const claim: Claim = { ...digests, replicas: opened.replicas }
    const shown = { entry, facts }
    const game = openGame(claim, opened.responsePeriod, this.#posts.get(seat) ?? new Map(), shown, now)
    this.#games.set(gameIdOf(opened.claimId, seat, challenger), { game, lost: false, shown, word: 0 })
  }

  /** The game of an event, which must be in play. */
  #play(gameId: Hex): Play {
    const { seat, challenger } = numbersOf(gameId)
    const play = this.#games.get(gameId)
    if (play === undefined) throw new Differs('the game', gameId, 'none of this claim')
    same('whether the seat stands', true, this.#seats.get(seat))
    same('whether the challenger stands', true, this.#challengers.get(challenger))
    return play
  }

  /** The move behind an event; undefined if a contract made the call. */
  #moveOf({ gameId, transactionHash }: Placed<'Posted' | 'Chosen' | 'Compared'>): Move | undefined {
    const sent = this.#record.sent.get(transactionHash)
    const call = this.#calls.get(transactionHash)
    if (call?.kind === 'move' && call.gameId === gameId) return call.move
    if (sent?.to === this.#record.arbiter) throw new Differs('the calldata', 'a move', 'none of this game')
    if (sent?.to) this.#through.add(sent.to)
    return undefined
  }

  #post(event: Placed<'Posted'>): void {
    const play = this.#play(event.gameId)
    const { seat } = numbersOf(event.gameId)
    if (play.lost) {
      this.#taken++
      return
    }
    const { position } = play.game
    same('the asserter', event.player, this.#playersOf(event.gameId).seat)
    const given = this.#moveOf(event)
    const data = fromHex(event.data)
    if (given !== undefined) {
      same('the kind of the move', 'post', given.kind)
      if (given.kind === 'post') same('the bytes that were shown', event.data, to0x(given.data))
    }
    // Of a post through a contract the event has the bytes; what comes before them follows from the position.
    const header = position.node === undefined ? position.header : undefined
    const move: Move = given?.kind === 'post' ? given : { kind: 'post', data, ...(header && { header }) }
    const first = position.level === 'items' && position.node === undefined
    this.#apply(play, seat, 'asserter', move, event.blockNumber)
    if (first) this.#answerAll(event, move)
    const { level, height, index } = position
    same('the level', event.level, upper(level))
    same('the height of the node', event.height, height)
    same('the number of the node', event.index, index)
    same('the node', event.node, hashText(play.game.position.node))
    this.#sameClocks(event, play)
    this.#moves++
  }

  /** A seat's first post is its move in all of its games that wait for it, and are in time. */
  #answerAll({ gameId, blockNumber }: Placed<'Posted'>, move: Move): void {
    const { seat } = numbersOf(gameId)
    for (const [id, play] of this.#games) {
      const { level, node, winner } = play.game.position
      const waits = level === 'items' && node === undefined && winner === undefined
      if (id === gameId || numbersOf(id).seat !== seat || !waits || play.lost) continue
      if (blockNumber <= play.game.since + play.game.clocks.asserter)
        this.#apply(play, seat, 'asserter', move, blockNumber)
    }
  }

  #choose(event: Placed<'Chosen'>): void {
    const play = this.#play(event.gameId)
    const move = this.#moveOf(event)
    if (play.lost || move === undefined) {
      play.lost = true
      this.#taken++
      return
    }
    if (move.kind !== 'choose') throw new Differs('the kind of the move', 'choose', move.kind)
    const before = play.game.position
    same('the choice', event.choice, move.index)
    same('the challenger', event.player, this.#playersOf(event.gameId).challenger)
    const evidence = { ...play.shown, ...move.evidence }
    // What was shown of a value is of no use at the next one.
    const { node: _, nodeOpening: __, ...claim } = play.shown
    this.#apply(play, numbersOf(event.gameId).seat, 'challenger', { ...move, evidence }, event.blockNumber)
    const { node, nodeOpening } = evidence
    play.shown = before.level === 'items' ? claim : { ...claim, ...(node && nodeOpening && { node, nodeOpening }) }
    const { level, end, turn, height, count } = play.game.position
    same('the level', event.level, upper(before.level))
    same('the next level', event.next, upper(level))
    same('the end', event.end, upper(end ?? 'none'))
    same('the turn', event.turn, upper(turn))
    same('the height of the node', event.height, height)
    same('the number of items', event.count, count)
    this.#sameChoice(event, play, before, move.path)
    this.#sameClocks(event, play)
    this.#moves++
  }

  /** The node and the word that a choice has come to. */
  #sameChoice(event: ChosenEvent, play: Play, before: Position, path: Opening): void {
    const after = play.game.position
    const last = path.at(-1)
    const words = holdsWords(before.level)
    const reached = after.level !== before.level && event.choice < before.count
    if (reached && words) play.word = (before.level === 'words' ? after.elementWord : after.microWord) ?? 0
    let node = reached || event.choice >= before.count ? before.node : after.node
    if (reached && last !== undefined) node = words ? leafHash(last) : childOf(last, event.choice)
    same('the node', event.node, hashText(node))
    same('the word', event.word, play.word)
  }

  #prove(event: Placed<'Compared'>): void {
    const play = this.#play(event.gameId)
    const winner = event.left === event.right ? 'asserter' : 'challenger'
    this.#compared = { gameId: event.gameId, winner }
    const { seat, challenger } = this.#playersOf(event.gameId)
    same('whether a player has proven', true, event.player === seat || event.player === challenger)
    const move = this.#moveOf(event)
    if (play.lost || move === undefined) {
      play.lost = true
      this.#taken++
      return
    }
    if (move.kind !== 'prove') throw new Differs('the kind of the move', 'prove', move.kind)
    const evidence = { ...play.shown, ...move.evidence }
    const { position } = play.game
    same('the end', event.end, upper(position.end ?? 'none'))
    if (position.end === 'block') this.#computeBlock(event, position, evidence)
    if (position.end === 'word' || position.end === 'stored')
      same('the word in dispute', Number(BigInt(event.right)), position.elementWord)
    // Either player may prove: whose move it was changes nothing.
    this.#apply(play, numbersOf(event.gameId).seat, position.turn, { kind: 'prove', evidence }, event.blockNumber)
    same('who has won', winner, play.game.position.winner)
    this.#moves++
  }

  /** The building block in dispute, on the words that the proof opens. */
  #computeBlock(
    { left, right }: Placed<'Compared'>,
    { element, micro, microWord }: Position,
    evidence: Evidence,
  ): void {
    const node = readNode(evidence.node ?? fail('bad-proof', 'the evidence shows no node'))
    const { result } = blockReport(node, element ?? 0, micro ?? 0, evidence)
    same('the result of the block', Number(BigInt(left)), Number(result.bits))
    same('the word in dispute', Number(BigInt(right)), microWord)
    this.#blocks++
  }

  #decide(event: Placed<'Decided'>): void {
    const { seat, challenger } = numbersOf(event.gameId)
    const play = this.#play(event.gameId)
    const winner: Player = event.winner === 'Asserter' ? 'asserter' : 'challenger'
    const compared = this.#compared?.gameId === event.gameId ? this.#compared.winner : undefined
    const over = play.game.position.winner !== undefined
    if (event.decision === 'Proof') same('who has won', winner, compared)
    else if (event.decision === 'Concession' && over) same('who has won', winner, play.game.position.winner)
    else if (event.decision === 'Concession') this.#concede(event, winner)
    else if (!play.lost) {
      play.game = expire(play.game, event.blockNumber)
      same('who has won', winner, play.game.position.winner)
    }
    this.#compared = undefined
    if (winner === 'asserter') this.#challengers.set(challenger, false)
    else this.#seats.set(seat, false)
    this.#decided++
  }

  /** The challenger has named a sum that the asserter did not compute. */
  #pass({ gameId, challenger, replica }: Placed<'Passed'>): void {
    const { game, lost } = this.#play(gameId)
    if (lost) return
    const { end, index, winner } = game.position
    const { entry, schedule } = this.#open
    const passes =
      winner === 'asserter' && (end === 'inbound' || (end === 'sum' && sumItem(schedule, index) === undefined))
    same('whether the challenger is passed on', true, passes)
    same('whom it passes', challenger, this.#playersOf(gameId).challenger)
    same('to whom', replica, joinerOf(index % schedule.sums, entry.replica, this.#record.opened.replicas))
  }

  /** Who gives up has lost. */
  #concede({ gameId, transactionHash }: Placed<'Decided'>, winner: Player): void {
    const sent = this.#record.sent.get(transactionHash)
    if (sent === undefined || sent.to !== this.#record.arbiter) return
    const { seat, challenger } = this.#playersOf(gameId)
    same('who gave up', sent.from, winner === 'asserter' ? challenger : seat)
  }

  #playersOf(gameId: Hex): { readonly seat: Hex | undefined; readonly challenger: Hex | undefined } {
    const { seat, challenger } = numbersOf(gameId)
    return { seat: this.#accounts.seats[seat], challenger: this.#accounts.challengers[challenger] }
  }

  #sameClocks(event: PostedEvent | ChosenEvent, { game }: Play): void {
    same("the asserter's clock", event.asserterClock, game.clocks.asserter)
    same("the challenger's clock", event.challengerClock, game.clocks.challenger)
  }

  #apply(play: Play, seat: number, player: Player, move: Move, now: number): void {
    const { game, posts } = apply(play.game, this.#posts.get(seat) ?? new Map(), player, move, now)
    play.game = game
    this.#posts.set(seat, posts)
  }
}
