/** The game contract of the pinpoint challenge: moves as its calls, its views, its events (docs/spec/pinpoint.md). */
import { AbiCoder, type JsonRpcProvider, keccak256, type TransactionReceipt } from 'ethers'
import artifacts from '#contracts/abi/artifacts.generated.json' with { type: 'json' }
import type { ChosenEvent, ClaimView, GameView, Hex, Level, Ruling } from '#contracts/abi/types.generated.ts'
import { LEVEL_NAMES } from '#contracts/abi/types.generated.ts'
import { type ChainEvent, ContractCodec, placeOf } from '#contracts/codec.ts'
import { hex } from '#contracts/entries.ts'
import { chainError } from '#contracts/errors.ts'
import type { Transactor } from '#contracts/transactor.ts'
import { holdsWords } from '#pinpoint/choice.ts'
import { encodeFacts } from '#pinpoint/facts.ts'
import type { Facts, Evidence as GameEvidence, Move, Position } from '#pinpoint/types.ts'
import { concatBytes, fromHex } from '#proto/bytes.ts'
import { type Entry, encodeEntry } from '#proto/entry.ts'

export const PINPOINT = new ContractCodec(artifacts.PinpointArbiter.abi)

const EMPTY = '0x'

function evidenceToChain(evidence: GameEvidence): unknown {
  const { entry, facts, node, nodeOpening, words, openings } = evidence
  return {
    entry: entry === undefined ? EMPTY : hex(encodeEntry(entry)),
    facts: facts === undefined ? EMPTY : hex(encodeFacts(facts)),
    node: node === undefined ? EMPTY : hex(node),
    nodePath: (nodeOpening ?? []).map(hex),
    words: words ?? [],
    openings: (openings ?? []).map((opening) => opening.map(hex)),
  }
}

/** What the first post of a claim shows besides: from it the contract knows how many items the entry has. */
export interface Shown {
  readonly entry: Entry
  readonly facts: Facts
}

/** What of the evidence the contract looks at: the rest would only cost gas. */
function neededFor(position: Position, move: Exclude<Move, { kind: 'post' }>): GameEvidence {
  const { entry, facts, node, nodeOpening, words, openings } = move.evidence
  const claim = { ...(entry && { entry }), ...(facts && { facts }) }
  const shown = { ...(node && { node }) }
  if (move.kind === 'prove') {
    const opened = { ...(openings && { openings }) }
    if (position.end === 'block') return { ...shown, ...opened, ...(words && { words }) }
    return position.end === 'stored' ? opened : { ...claim, ...opened }
  }
  const { level, height, count } = position
  const levels = height + (holdsWords(level) ? 1 : 0)
  if (move.index < count && move.path.length < levels) return {}
  if (level === 'items') return claim
  if (level === 'values') return { ...claim, ...shown, ...(nodeOpening && { nodeOpening }) }
  return level === 'words' ? shown : {}
}

/**
 * Calldata of a move at a position. `shown` is what the first post of a claim needs; where the items are known already it is
 * harmless.
 */
export function encodeMove(gameId: Hex, position: Position, move: Move, shown?: Shown): string {
  const { interface: abi } = PINPOINT
  switch (move.kind) {
    case 'post': {
      const items = position.level === 'items' && position.node === undefined ? shown : undefined
      const first = items && concatBytes(encodeEntry(items.entry), encodeFacts(items.facts))
      return abi.encodeFunctionData('post', [gameId, hex(move.header ?? first ?? new Uint8Array(0)), hex(move.data)])
    }
    case 'choose': {
      const evidence = evidenceToChain(neededFor(position, move))
      return abi.encodeFunctionData('choose', [gameId, move.index, move.path.map(hex), evidence])
    }
    case 'prove':
      return abi.encodeFunctionData('prove', [gameId, evidenceToChain(neededFor(position, move))])
  }
}

/** The claim of an entry before a court. */
export function claimIdOf(court: string, entryHash: string): Hex {
  const id = BigInt(keccak256(AbiCoder.defaultAbiCoder().encode(['address', 'bytes32'], [court, entryHash])))
  return word((id >> 32n) << 32n)
}

/** The game of a claim's challenger `challenger` against seat `seat`, both by number. */
export function gameIdOf(claimId: Hex, seat: number, challenger: number): Hex {
  return word(BigInt(claimId) | (BigInt(seat) << 16n) | BigInt(challenger))
}

const word = (value: bigint): Hex => `0x${value.toString(16).padStart(64, '0')}`

/** A move that took effect. */
export interface Played {
  readonly hash: string
  readonly blockNumber: number
  readonly gasUsed: bigint
  readonly events: readonly ChainEvent[]
}

/** Typed sending. Every method resolves when its transaction is in a block; what it throws is `Transactor.send`'s. */
export class PinpointSender {
  readonly arbiter: Hex
  readonly address: Hex
  private readonly transactor: Transactor

  /** @param transactor of the player's account, which other senders of the account share */
  constructor(transactor: Transactor, arbiter: Hex) {
    this.arbiter = arbiter
    this.transactor = transactor
    this.address = transactor.address as Hex
  }

  private async send(name: string, data: string): Promise<Played> {
    return playedOf(await this.transactor.send({ name, to: this.arbiter, data }), this.arbiter)
  }

  /** Makes a player's move; for `shown` see `encodeMove`. */
  move(gameId: Hex, position: Position, move: Move, shown?: Shown): Promise<Played> {
    return this.send(move.kind, encodeMove(gameId, position, move, shown))
  }

  private call(name: string, ...args: readonly unknown[]): Promise<Played> {
    return this.send(name, PINPOINT.interface.encodeFunctionData(name, args))
  }

  /** Ends a game whose player to move is out of time; anybody may. */
  timeout(gameId: Hex): Promise<Played> {
    return this.call('timeout', gameId)
  }

  concede(gameId: Hex): Promise<Played> {
    return this.call('concede', gameId)
  }

  /** An acceptor takes a seat of its own. */
  defend(court: string, entryHash: string): Promise<Played> {
    return this.call('defend', court, entryHash)
  }
}

function playedOf(receipt: TransactionReceipt, arbiter: Hex): Played {
  const events = receipt.logs.flatMap((log) => {
    const event = log.address.toLowerCase() === arbiter ? PINPOINT.event(log) : undefined
    return event === undefined ? [] : [{ ...event, ...placeOf(log) }]
  })
  return { hash: receipt.hash, blockNumber: receipt.blockNumber, gasUsed: receipt.gasUsed, events }
}

type HeaderOf = (item: number, value: number) => Uint8Array

const lower = <T extends string>(name: T): Uncapitalize<T> =>
  `${name.charAt(0).toLowerCase()}${name.slice(1)}` as Uncapitalize<T>

type Place = 'item' | 'itemHash' | 'value' | 'valueRoot' | 'element' | 'elementWord' | 'micro' | 'microWord'
type Chosen = Pick<Position, Place>

/** What a choice has added to the place in question: nothing, unless it reached an item. */
function placeIn({ level, choice, next, end, node, word }: ChosenEvent, items: Hex): Chosen {
  if (next === level) return {}
  // An inbound sum leads to the results, as exports do, which are chosen at the root of the items.
  if (level === 'Items' && (next === 'Values' || (next === 'Results' && node !== items)))
    return { item: choice, itemHash: fromHex(node, 32) }
  if (level === 'Values' && (next === 'Words' || end === 'Input'))
    return { value: choice, valueRoot: fromHex(node, 32) }
  if (level === 'Words') return { element: choice, elementWord: word }
  return level === 'Trace' && end === 'Block' ? { micro: choice, microWord: word } : {}
}

/** Blocks whose events are asked for at a time. */
const BLOCKS = 2000

/** Typed reading at the chain's head. Throws `chain` when the node does not answer, or not sensibly. */
export class PinpointReader {
  readonly arbiter: Hex
  private readonly provider: JsonRpcProvider

  constructor(provider: JsonRpcProvider, arbiter: Hex) {
    this.provider = provider
    this.arbiter = arbiter
  }

  private async ask<T>(name: string, ...args: readonly unknown[]): Promise<T> {
    try {
      const data = PINPOINT.interface.encodeFunctionData(name, args)
      return PINPOINT.result(name, await this.provider.call({ to: this.arbiter, data })) as T
    } catch (error) {
      throw chainError(name, error)
    }
  }

  gameOf(gameId: Hex): Promise<GameView> {
    return this.ask('gameOf', gameId)
  }

  claimOf(claimId: Hex): Promise<ClaimView> {
    return this.ask('claimOf', claimId)
  }

  rulingOf(court: string, entryHash: string): Promise<Ruling> {
    return this.ask('ruling', court, entryHash)
  }

  /** Whether the account has lost a game of the claim, as a challenger or as a seat. */
  lost(court: string, entryHash: string, account: string): Promise<boolean> {
    return this.ask('lost', court, entryHash, account)
  }

  /** Gas of a challenger's moves about a claim. */
  meteredGas(court: string, entryHash: string, challenger: string): Promise<bigint> {
    return this.ask('meteredGas', court, entryHash, challenger)
  }

  /** The root that a game's seat has posted for a list; zero if none. */
  rootOf(gameId: Hex, level: Level, item = 0, value = 0, element = 0): Promise<Hex> {
    return this.ask('rootOf', gameId, LEVEL_NAMES.indexOf(level), item, value, element)
  }

  /**
   * Where a game is, in the terms of the rules: for a player that was away.
   *
   * @param fromBlock the block in which the game began, or an earlier one
   * @param headerOf the preimage of the tensor root of a value, by item and value, without its tree root: it follows from the program
   */
  async positionOf(gameId: Hex, fromBlock: number, headerOf: HeaderOf): Promise<Position> {
    const history = await this.historyOf(gameId, fromBlock)
    const [view, top] = await Promise.all([this.gameOf(gameId), this.rootOf(gameId, 'Items')])
    const places = history.flatMap((event) => (event.name === 'Chosen' ? [placeIn(event, top)] : []))
    const chosen: Chosen = Object.assign({}, ...places)
    const { item, value, element } = chosen
    const root = async (level: Level): Promise<Uint8Array | undefined> => {
      const found = await this.rootOf(gameId, level, item, value, element)
      return BigInt(found) === 0n ? undefined : fromHex(found, 32)
    }
    const items = BigInt(top) === 0n ? undefined : fromHex(top, 32)
    const values = item === undefined ? undefined : await root('Values')
    const trace = element === undefined ? undefined : await root('Trace')
    const level = lower(view.level)
    const words = level === 'words' && !view.rooted && item !== undefined && value !== undefined
    return {
      ...{ level, turn: view.turn === 'Challenger' ? 'challenger' : 'asserter' },
      ...(view.rooted && level !== 'end' && { node: fromHex(view.node, 32) }),
      ...{ height: view.height, index: view.index, count: view.count },
      ...(words && { header: headerOf(item, value) }),
      ...chosen,
      roots: { ...(items && { items }), ...(values && { values }), ...(trace && { trace }) },
      ...(view.end !== 'None' && { end: lower(view.end) }),
      ...(view.winner !== 'None' && { winner: lower(view.winner) }),
    }
  }

  /** What has happened in a game, in order: a game can be rebuilt from it. */
  historyOf(gameId: Hex, fromBlock: number): Promise<readonly ChainEvent[]> {
    return this.events(fromBlock, ['Posted', 'Chosen', 'Compared', 'Passed', 'Decided'], [gameId])
  }

  /** What a seat has posted, in all of its games. */
  async postedBy(claimId: Hex, seat: number, fromBlock: number): Promise<readonly Uint8Array[]> {
    const { challengers } = await this.claimOf(claimId)
    const games = challengers.map((_, number) => gameIdOf(claimId, seat, number))
    const events = await this.events(fromBlock, ['Posted'], games)
    return events.flatMap((event) => (event.name === 'Posted' ? [fromHex(event.data)] : []))
  }

  /** Events of these games alone, some blocks at a time: anybody may fill the arbiter with others. */
  private async events(fromBlock: number, names: readonly string[], games: readonly Hex[]): Promise<ChainEvent[]> {
    const topics = [names.map((name) => PINPOINT.interface.getEvent(name)?.topicHash ?? ''), [...games]]
    const found: ChainEvent[] = []
    if (games.length === 0) return found
    try {
      const head = await this.provider.getBlockNumber()
      for (let from = fromBlock, last = false; !last; from += BLOCKS) {
        // What the provider takes for the head may be a block or two old.
        last = from + BLOCKS > head
        const toBlock = last ? 'latest' : from + BLOCKS - 1
        const logs = await this.provider.getLogs({ address: this.arbiter, topics, fromBlock: from, toBlock })
        for (const log of logs) {
          const event = PINPOINT.event(log)
          if (event !== undefined) found.push({ ...event, ...placeOf(log) })
        }
      }
      return found
    } catch (error) {
      throw chainError('eth_getLogs', error)
    }
  }
}
