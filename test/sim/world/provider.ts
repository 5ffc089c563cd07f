/** A process's connection to the chain: ethers' provider, whose questions travel through the world and may get lost. */
import { JsonRpcProvider, makeError, Network, type TransactionResponse } from 'ethers'
import { DEVNET_CHAIN_ID } from '#contracts/anvil.ts'
import type { ChainEvent } from '#contracts/codec.ts'
import { AssayReader } from '#contracts/reader.ts'
import type { Air, Place } from '#test/sim/world/air.ts'
import type { WorldChain } from '#test/sim/world/chain.ts'
import type { Schedule } from '#test/sim/world/schedule.ts'

const NETWORK = Network.from(DEVNET_CHAIN_ID)
/** Usual time of a question to the chain, and what a lost one costs, ms. */
const ASK_MS = 40
const LOST_MS = 1_000

export class WorldProvider extends JsonRpcProvider {
  readonly #chain: WorldChain
  readonly #schedule: Schedule
  readonly #air: Air
  readonly #place: Place

  constructor(chain: WorldChain, schedule: Schedule, air: Air, place: Place) {
    super('http://chain.invalid', NETWORK, { staticNetwork: NETWORK, cacheTimeout: -1 })
    this.#chain = chain
    this.#schedule = schedule
    this.#air = air
    this.#place = place
  }

  /** As ethers does it, but for recovering from its own signature who has signed, which costs more than all the rest. */
  override async broadcastTransaction(signed: string): Promise<TransactionResponse> {
    const hash = await this.send('eth_sendRawTransaction', [signed])
    return { hash } as TransactionResponse
  }

  /** The question arrives whether or not its asker lives to hear the answer. */
  override send(method: string, params: unknown[]): Promise<unknown> {
    const { life } = this.#schedule
    return new Promise((resolve, reject) => {
      if (life?.alive === false) return
      const later = (ms: number, settle: () => void): unknown => this.#schedule.of(life, ms, settle)
      const lose = (): unknown =>
        later(LOST_MS, () => reject(makeError('the chain does not answer', 'NETWORK_ERROR', { event: method })))
      const arrive = async (): Promise<void> => {
        if (this.#air.offline(this.#place)) return void lose()
        const { result, error } = await this.#chain.ask([method, params])
        // the answer of a call that took effect may get lost too
        if (this.#air.offline(this.#place)) return void lose()
        const payload = { id: 0, jsonrpc: '2.0' as const, method, params }
        later(this.#air.time(ASK_MS), () =>
          error ? reject(this.getRpcError(payload, { id: 0, error } as never)) : resolve(result),
        )
      }
      this.#schedule.of(undefined, this.#air.time(ASK_MS), arrive)
    })
  }
}

/** Takes events as the chain has decoded them once for all its readers. */
export class WorldReader extends AssayReader {
  override events(from: number, to: number): Promise<ChainEvent[]> {
    return this.provider.send('world_events', [from, to]) as Promise<ChainEvent[]>
  }
}
