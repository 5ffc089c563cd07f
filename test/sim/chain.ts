/**
 * A chain of its own for one simulation: the real contracts on an anvil that makes a block when it is told to. Its blocks follow
 * from the seed and the transactions alone, so a seed replays every draw.
 */
import { JsonRpcProvider, Network, Wallet } from 'ethers'
import type { ErrorName, Hex } from '#contracts/abi/types.generated.ts'
import { type Account, type Anvil, DEVNET_CHAIN_ID, startAnvil } from '#contracts/anvil.ts'
import { ASSAY, type ChainEvent } from '#contracts/codec.ts'
import type { Deployment } from '#contracts/deploy.ts'
import { chainError, isContractError } from '#contracts/errors.ts'
import { AssayReader } from '#contracts/reader.ts'
import { AssaySender } from '#contracts/sender.ts'
import { deployWithOracle, Oracle } from '#contracts/testing/oracle.ts'
import { fail } from '#proto/errors.ts'

const MNEMONIC = 'test test test test test test test test test test test junk'
const GENESIS = 1_700_000_000
const POLL_MS = 2

export class SimChain {
  readonly reader: AssayReader
  readonly accounts: readonly Account[]
  readonly deployment: Deployment
  readonly oracle: Oracle
  /** All events since the deployment, in order. */
  readonly events: ChainEvent[] = []
  /** The last block whose events are known. */
  block = 0
  readonly #anvil: Anvil
  readonly #provider: JsonRpcProvider

  private constructor(anvil: Anvil, provider: JsonRpcProvider, deployment: Deployment) {
    this.#anvil = anvil
    this.#provider = provider
    this.deployment = deployment
    this.accounts = anvil.accounts
    this.reader = new AssayReader(provider, deployment)
    this.oracle = new Oracle(deployment.arbiter, (method, params) => provider.send(method, [...params]))
  }

  static async start(seed: number): Promise<SimChain> {
    const anvil = await startAnvil({ blockTime: 0, genesisTime: GENESIS + 1000 * seed, mnemonic: MNEMONIC })
    const network = Network.from(DEVNET_CHAIN_ID)
    const options = { staticNetwork: network, batchStallTime: 0, cacheTimeout: -1, pollingInterval: 20 }
    const provider = new JsonRpcProvider(anvil.url, network, options)
    try {
      await provider.send('anvil_setBlockTimestampInterval', [1])
      await provider.send('evm_setAutomine', [true])
      const deployment = await deployWithOracle(new Wallet(anvil.accounts[0]?.privateKey ?? '', provider))
      await provider.send('evm_setAutomine', [false])
      const chain = new SimChain(anvil, provider, deployment)
      await chain.#update()
      return chain
    } catch (error) {
      provider.destroy()
      await anvil.stop()
      throw error
    }
  }

  /** Secret of a funded account. */
  keyOf(address: Hex): Hex {
    return (
      this.accounts.find((account) => account.address === address)?.privateKey ?? fail('internal', 'no such account')
    )
  }

  sender(account: Account): AssaySender {
    return new AssaySender(this.#provider, this.deployment, account.privateKey, { pollMs: POLL_MS })
  }

  /**
   * Makes one block of the transactions that `tasks` send, in their order; each task sends at most one, and sees the state
   * before the block. Resolves when all tasks have ended and the block's events are known.
   */
  async mine(tasks: readonly (() => Promise<void>)[] = []): Promise<void> {
    const ends: Promise<void>[] = []
    for (const task of tasks) {
      const waiting = await this.#waiting()
      let ended = false
      const end = task().finally(() => {
        ended = true
      })
      ends.push(end)
      // handed over, or refused before that
      while (!ended && (await this.#waiting()) === waiting) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    await this.#provider.send('evm_mine', [])
    await Promise.all(ends)
    await this.#update()
  }

  async #waiting(): Promise<number> {
    const { pending } = (await this.#provider.send('txpool_status', [])) as { pending: string }
    return Number(pending)
  }

  async #update(): Promise<void> {
    const block = await this.reader.blockNumber()
    const events = await this.reader.events(Math.max(this.block + 1, this.deployment.fromBlock), block)
    this.events.push(...events)
    this.block = block
  }

  /** Wei that the contract holds. */
  held(): Promise<bigint> {
    return this.#provider.getBalance(this.deployment.assay)
  }

  /** Name of the error with which a call would revert; undefined: it would not. */
  async refusal(from: Hex, name: string, ...args: readonly unknown[]): Promise<ErrorName | 'Unknown' | undefined> {
    const data = ASSAY.interface.encodeFunctionData(name, args)
    try {
      await this.#provider.call({ from, to: this.deployment.assay, data })
      return undefined
    } catch (error) {
      const known = chainError(name, error)
      if (isContractError(known)) return known.contractError
      throw known
    }
  }

  async stop(): Promise<void> {
    this.#provider.destroy()
    await this.#anvil.stop()
  }
}
