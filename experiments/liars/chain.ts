/** A chain with the contracts and accounts, whose blocks are made on demand: everybody who moves in one block moves before it. */
import { setTimeout } from 'node:timers/promises'
import { type JsonRpcProvider, SigningKey, Wallet } from 'ethers'
import type { Hex } from '#contracts/abi/types.generated.ts'
import { startAnvil } from '#contracts/anvil.ts'
import { openChain } from '#contracts/chain.ts'
import { deploy } from '#contracts/deploy.ts'
import { PinpointReader, PinpointSender } from '#contracts/pinpoint.ts'
import { AssayReader } from '#contracts/reader.ts'
import { AssaySender } from '#contracts/sender.ts'

/** Fixed, so that every run draws the same accounts for the same roles. */
const MNEMONIC = 'test test test test test test test test test test test junk'
const GENESIS = 1_700_000_000
const ACCOUNTS = 24
const DEPOSIT = 1000n * 10n ** 18n
const POLL_MS = 2

/** One account, in whatever role. */
export interface Account {
  readonly address: Hex
  readonly key: SigningKey
  readonly assay: AssaySender
  readonly arbiter: PinpointSender
}

/** What came of a call: its result, or why the chain refused it. */
export type Sent<T> = { readonly done: T } | { readonly refused: unknown }

export class Chain {
  readonly provider: JsonRpcProvider
  readonly reader: AssayReader
  readonly games: PinpointReader
  readonly accounts: readonly Account[]
  readonly stop: () => Promise<void>

  private constructor(
    provider: JsonRpcProvider,
    reader: AssayReader,
    accounts: readonly Account[],
    stop: () => Promise<void>,
  ) {
    this.provider = provider
    this.reader = reader
    this.games = new PinpointReader(provider, reader.deployment.arbiter)
    this.accounts = accounts
    this.stop = stop
  }

  static async start(): Promise<Chain> {
    const anvil = await startAnvil({ blockTime: 0, mnemonic: MNEMONIC, genesisTime: GENESIS, accounts: ACCOUNTS })
    const provider = await openChain(anvil.url)
    const stop = async (): Promise<void> => {
      provider.destroy()
      await anvil.stop()
    }
    try {
      await provider.send('anvil_setBlockTimestampInterval', [1])
      await provider.send('evm_setAutomine', [true])
      const deployment = await deploy(new Wallet(anvil.accounts[0]?.privateKey ?? '', provider))
      await provider.send('evm_setAutomine', [false])
      const accounts = anvil.accounts.slice(1).map(({ address, privateKey }): Account => {
        const assay = new AssaySender(provider, deployment, privateKey, { pollMs: POLL_MS })
        const arbiter = new PinpointSender(assay.transactor, deployment.arbiter)
        return { address, key: new SigningKey(privateKey), assay, arbiter }
      })
      const chain = new Chain(provider, new AssayReader(provider, deployment), accounts, stop)
      await chain.block(...accounts.map((account) => () => account.assay.deposit(DEPOSIT)))
      return chain
    } catch (error) {
      await stop()
      throw error
    }
  }

  account(address: Hex): Account {
    const found = this.accounts.find((one) => one.address === address)
    if (found === undefined) throw new Error(`${address} is nobody's account`)
    return found
  }

  head(): Promise<number> {
    return this.provider.getBlockNumber()
  }

  /** Makes blocks until one of that number is the newest. */
  async reach(number: number): Promise<void> {
    const missing = number - (await this.head())
    if (missing > 0) await this.provider.send('anvil_mine', [`0x${missing.toString(16)}`])
  }

  /**
   * One block with these calls, in their order.
   * @throws what the first of them that is refused throws
   */
  async block<T>(...calls: readonly (() => Promise<T>)[]): Promise<T[]> {
    const sent = await this.attempt(calls)
    return sent.map((one) => {
      if ('refused' in one) throw one.refused
      return one.done
    })
  }

  /** One block with these calls, in their order; some may be refused. */
  async attempt<T>(calls: readonly (() => Promise<T>)[]): Promise<Sent<T>[]> {
    const sent: Promise<Sent<T>>[] = []
    let taken = 0
    for (const call of calls) {
      let over = false
      const one = call().then(
        (done): Sent<T> => ({ done }),
        (refused: unknown): Sent<T> => ({ refused }),
      )
      void one.then(() => {
        over = true
      })
      sent.push(one)
      while (!over && (await this.#pending()) === taken) await setTimeout(POLL_MS)
      if (!over) taken++
    }
    await this.provider.send('evm_mine', [])
    return await Promise.all(sent)
  }

  async #pending(): Promise<number> {
    const { pending } = await this.provider.send('txpool_status', [])
    return Number(pending)
  }
}
