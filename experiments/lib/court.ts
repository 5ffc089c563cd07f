/** A chain of its own with the game contract alone, where games that were played in memory are repeated: what their moves cost. */
import { setTimeout } from 'node:timers/promises'
import { type JsonRpcProvider, type TransactionReceipt, Wallet } from 'ethers'
import type { Hex } from '#contracts/abi/types.generated.ts'
import { startAnvil } from '#contracts/anvil.ts'
import { openChain } from '#contracts/chain.ts'
import { deployPinpoint } from '#contracts/deploy.ts'
import { hex } from '#contracts/entries.ts'
import { claimIdOf, gameIdOf, PINPOINT, PinpointReader, PinpointSender } from '#contracts/pinpoint.ts'
import { Transactor } from '#contracts/transactor.ts'
import type { Claim } from '#pinpoint/claim.ts'
import { apply, open } from '#pinpoint/game.ts'
import type { Outcome } from '#pinpoint/play/match.ts'
import type { Facts, Player } from '#pinpoint/types.ts'
import type { Entry } from '#proto/entry.ts'

/** Blocks of each player's budget: more than any game takes. */
const PERIOD = 10_000
/** An account that opens claims, as the job's contract does. */
const COURT = '0x00000000000000000000000000000000000c0c0a'

export interface Costs {
  readonly gas: Readonly<Record<Player, number>>
  /** Of the largest transaction. */
  readonly largest: number
}

/** A chain with the game contract and two players. */
export class Court {
  readonly #provider: JsonRpcProvider
  readonly #reader: PinpointReader
  readonly #players: Readonly<Record<Player, PinpointSender>>
  readonly #arbiter: Hex
  readonly stop: () => Promise<void>

  private constructor(provider: JsonRpcProvider, arbiter: Hex, keys: readonly string[], stop: () => Promise<void>) {
    const sender = (i: number): PinpointSender =>
      new PinpointSender(new Transactor(provider, keys[i] ?? '', { pollMs: 5 }), arbiter)
    this.#provider = provider
    this.#arbiter = arbiter
    this.#reader = new PinpointReader(provider, arbiter)
    this.#players = { asserter: sender(1), challenger: sender(2) }
    this.stop = stop
  }

  static async start(): Promise<Court> {
    const chain = await startAnvil({ blockTime: 0 })
    const provider = await openChain(chain.url)
    const stop = async (): Promise<void> => {
      provider.destroy()
      await chain.stop()
    }
    try {
      await provider.send('evm_setAutomine', [true])
      await provider.send('anvil_impersonateAccount', [COURT])
      await provider.send('anvil_setBalance', [COURT, '0xffffffffffffffffff'])
      const keys = chain.accounts.map(({ privateKey }) => privateKey)
      return new Court(provider, await deployPinpoint(new Wallet(keys[0] ?? '', provider)), keys, stop)
    } catch (error) {
      await stop()
      throw error
    }
  }

  /**
   * Makes the moves of a game.
   * @throws Error if the chain decides it otherwise
   */
  async replay(
    claim: Claim,
    shown: { readonly entry: Entry; readonly facts: Facts },
    outcome: Outcome,
  ): Promise<Costs> {
    const gameId = await this.#accuse(claim, shown.entry)
    let now = 0
    let played = {
      game: open(claim, PERIOD, new Map(), shown, now),
      posts: new Map() as ReadonlyMap<string, Uint8Array>,
    }
    const gas = { asserter: 0, challenger: 0 }
    let largest = 0
    for (const { player, move } of outcome.moves) {
      const sent = await this.#players[player].move(gameId, played.game.position, move, shown)
      gas[player] += Number(sent.gasUsed)
      largest = Math.max(largest, Number(sent.gasUsed))
      played = apply(played.game, played.posts, player, move, ++now)
    }
    const { winner } = await this.#reader.gameOf(gameId)
    if (winner.toLowerCase() !== outcome.winner) throw new Error(`the chain says that ${winner} has won`)
    return { gas, largest }
  }

  async #accuse(claim: Claim, entry: Entry): Promise<Hex> {
    const accusation = {
      ...{ entryHash: hex(claim.entry), jobId: hex(entry.jobId), factsHash: hex(claim.facts) },
      ...{ solver: this.#players.asserter.address, replicas: claim.replicas, responsePeriod: PERIOD, acceptors: [] },
    }
    const data = PINPOINT.interface.encodeFunctionData('open', [accusation, this.#players.challenger.address])
    const hash = await this.#provider.send('eth_sendTransaction', [
      { from: COURT, to: this.#arbiter, data, gas: '0xf4240' },
    ])
    // Every transaction is a block at once, after which none comes: waiting for the next one would have no end.
    const receipt = await this.#mined(hash)
    if (receipt.status !== 1) throw new Error('the claim could not be opened')
    return gameIdOf(claimIdOf(COURT, hex(claim.entry)), 0, 0)
  }

  async #mined(hash: string): Promise<TransactionReceipt> {
    for (let i = 0; i < 1000; i++) {
      const receipt = await this.#provider.getTransactionReceipt(hash)
      if (receipt !== null) return receipt
      await setTimeout(5)
    }
    throw new Error(`transaction ${hash} is in no block`)
  }
}
