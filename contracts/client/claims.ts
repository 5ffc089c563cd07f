/** The claims that a court has opened at the game contract, and everything that has happened about one: by events alone. */
import type { JsonRpcProvider, Log } from 'ethers'
import type { ContractEvent, Hex } from '#contracts/abi/types.generated.ts'
import { type EventPlace, placeOf } from '#contracts/codec.ts'
import { chainError } from '#contracts/errors.ts'
import { gameIdOf, PINPOINT } from '#contracts/pinpoint.ts'

/** Blocks asked for in one query of logs. */
const LOG_SPAN = 2000
/** Games asked for in one query of logs. */
const GAMES_AT_ONCE = 256

type EventName = ContractEvent['name']

/** An event of that name, with its place. */
export type Placed<N extends EventName> = Extract<ContractEvent, { name: N }> & EventPlace

const OF_CLAIMS = ['AcceptorAdded', 'ChallengerJoined', 'SeatTaken', 'SeatLost'] as const
const OF_GAMES = ['Posted', 'Chosen', 'Compared', 'Passed', 'Decided'] as const

/** What is said of a claim, or of a game of it. */
export type ClaimEvent = Placed<(typeof OF_CLAIMS)[number] | (typeof OF_GAMES)[number]>

const topicOf = (name: string): string => PINPOINT.interface.getEvent(name)?.topicHash ?? ''
const padded = (address: string): string => `0x${address.slice(2).toLowerCase().padStart(64, '0')}`
const inOrder = (a: EventPlace, b: EventPlace): number => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex

/** Reads blocks `from .. to` of a game contract, both inclusive. Throws `chain` when the node does not answer, or not sensibly. */
export class ClaimReader {
  readonly #provider: JsonRpcProvider
  readonly #arbiter: Hex
  readonly #from: number
  readonly #to: number

  constructor(provider: JsonRpcProvider, arbiter: Hex, { from, to }: { readonly from: number; readonly to: number }) {
    this.#provider = provider
    this.#arbiter = arbiter
    this.#from = from
    this.#to = to
  }

  /** All claims of a court, in the order in which they were opened. */
  claimsOf(court: string): Promise<Placed<'ClaimOpened'>[]> {
    return this.#events<'ClaimOpened'>(this.#from, [[topicOf('ClaimOpened')], padded(court)])
  }

  /** What has happened about a claim and in its games, in order. */
  async eventsOf({ claimId, blockNumber }: Placed<'ClaimOpened'>): Promise<ClaimEvent[]> {
    const parties = await this.#events<(typeof OF_CLAIMS)[number]>(blockNumber, [OF_CLAIMS.map(topicOf), claimId])
    const numbers = (name: EventName): number[] =>
      parties.flatMap((event) => (event.name === name && 'number' in event ? [event.number] : []))
    const challengers = numbers('ChallengerJoined')
    const games = numbers('SeatTaken').flatMap((seat) => challengers.map((number) => gameIdOf(claimId, seat, number)))
    const found: ClaimEvent[] = [...parties]
    for (let i = 0; i < games.length; i += GAMES_AT_ONCE) {
      const topics = [OF_GAMES.map(topicOf), games.slice(i, i + GAMES_AT_ONCE)]
      found.push(...(await this.#events<(typeof OF_GAMES)[number]>(blockNumber, topics)))
    }
    return found.sort(inOrder)
  }

  async #events<N extends EventName>(
    from: number,
    topics: readonly (string | readonly string[])[],
  ): Promise<Placed<N>[]> {
    const logs: Log[] = []
    try {
      for (let fromBlock = from; fromBlock <= this.#to; fromBlock += LOG_SPAN) {
        const toBlock = Math.min(this.#to, fromBlock + LOG_SPAN - 1)
        const filter = { address: this.#arbiter, topics: topics as (string | string[])[], fromBlock, toBlock }
        logs.push(...(await this.#provider.getLogs(filter)))
      }
      return logs
        .flatMap((log) => {
          const event = PINPOINT.event(log)
          return event === undefined ? [] : [{ ...event, ...placeOf(log) } as Placed<N>]
        })
        .sort(inOrder)
    } catch (error) {
      throw chainError('eth_getLogs', error)
    }
  }
}
