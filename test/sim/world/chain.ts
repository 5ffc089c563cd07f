/**
 * The real contracts on an anvil that many worlds use one after the other: it makes a block, or takes some back, when the
 * world tells it to. What the blocks hold follows from the seed and the transactions, so a seed replays every draw.
 */
import { JsonRpcProvider, Network, Wallet } from 'ethers'
import type { Hex, JobTerms } from '#contracts/abi/types.generated.ts'
import { type Account, type Anvil, DEVNET_CHAIN_ID, startAnvil } from '#contracts/anvil.ts'
import { ARBITER, ASSAY, type ChainEvent, type ContractCodec, placeOf, RANDOMNESS } from '#contracts/codec.ts'
import type { Deployment } from '#contracts/deploy.ts'
import { AssayReader } from '#contracts/reader.ts'
import { deployWithOracle, Oracle } from '#contracts/testing/oracle.ts'
import { fail } from '#proto/errors.ts'
import type { Chance } from '#test/sim/chance.ts'
import { AnvilRpc, type RpcAnswer, type RpcCall } from '#test/sim/world/anvil-rpc.ts'

const MNEMONIC = 'test test test test test test test test test test test junk'
const GENESIS = 1_700_000_000
const ACCOUNTS = 16

interface RawLog {
  readonly address: string
  readonly topics: string[]
  readonly data: string
  readonly blockNumber: string
  readonly transactionHash: string
  readonly logIndex: string
}

interface RawReceipt {
  readonly transactionHash: string
  readonly logs: readonly RawLog[]
}

/** A block of the present chain. */
export interface Block {
  readonly number: number
  readonly hash: string
  /** As `eth_getBlockByNumber` tells it, without the transactions' bodies. */
  readonly told: unknown
  readonly transactions: readonly string[]
  readonly logs: readonly RawLog[]
  readonly events: readonly ChainEvent[]
}

/** One anvil with the contracts; worlds begin from the same state. */
export class ChainPool {
  readonly deployment: Deployment
  readonly accounts: readonly Account[]
  readonly rpc: AnvilRpc
  readonly #anvil: Anvil
  #snapshot: unknown
  readonly #timestamp: number

  private constructor(anvil: Anvil, rpc: AnvilRpc, deployment: Deployment, timestamp: number, snapshot: unknown) {
    this.#anvil = anvil
    this.rpc = rpc
    this.deployment = deployment
    this.accounts = anvil.accounts
    this.#timestamp = timestamp
    this.#snapshot = snapshot
  }

  static async start(): Promise<ChainPool> {
    const anvil = await startAnvil({
      blockTime: 0,
      genesisTime: GENESIS,
      mnemonic: MNEMONIC,
      accounts: ACCOUNTS,
    })
    const rpc = new AnvilRpc(anvil.port)
    const network = Network.from(DEVNET_CHAIN_ID)
    const provider = new JsonRpcProvider(anvil.url, network, { staticNetwork: network, cacheTimeout: -1 })
    try {
      await rpc.result('anvil_setBlockTimestampInterval', 1)
      // The submitter is nobody's process: the node sends in its name.
      await rpc.result('anvil_autoImpersonateAccount', true)
      await rpc.result('evm_setAutomine', true)
      const deployment = await deployWithOracle(new Wallet(anvil.accounts[0]?.privateKey ?? '', provider))
      await rpc.result('evm_setAutomine', false)
      const { timestamp } = (await rpc.result('eth_getBlockByNumber', 'latest', false)) as { timestamp: string }
      return new ChainPool(anvil, rpc, deployment, Number(timestamp), await rpc.result('evm_snapshot'))
    } catch (error) {
      rpc.close()
      await anvil.stop()
      throw error
    } finally {
      provider.destroy()
    }
  }

  /** The chain of a world: as after the deployment, but later, the later the greater the seed. */
  async fresh(seed: number, random: Chance): Promise<WorldChain> {
    await this.rpc.result('evm_revert', this.#snapshot)
    await this.rpc.result('anvil_dropAllTransactions')
    this.#snapshot = await this.rpc.result('evm_snapshot')
    await this.rpc.result('evm_setNextBlockTimestamp', this.#timestamp + 10_000 * seed)
    // of all that makes a block's hash this alone would depend on the worlds before
    await this.rpc.result('anvil_setNextBlockBaseFeePerGas', '0x3b9aca00')
    const chain = new WorldChain(this, random)
    await chain.mine()
    return chain
  }

  async stop(): Promise<void> {
    this.rpc.close()
    await this.#anvil.stop()
  }
}

/** The chain of one world, with what a node remembers of it. */
export class WorldChain {
  readonly deployment: Deployment
  readonly accounts: readonly Account[]
  readonly oracle: Oracle
  /** By number; those before the world began are missing. */
  readonly blocks: Block[] = []
  /** How often a block was replaced by another. */
  replaced = 0
  readonly #rpc: AnvilRpc
  readonly #random: Chance
  readonly #codecs: ReadonlyMap<string, ContractCodec>
  /** Bytes of every transaction that was ever handed in. */
  readonly #raw = new Map<string, string>()
  readonly #receipts = new Map<string, RawReceipt>()

  constructor(pool: ChainPool, random: Chance) {
    this.deployment = pool.deployment
    this.accounts = pool.accounts
    this.oracle = new Oracle(pool.deployment.arbiter, (method, params) => pool.rpc.result(method, ...params))
    this.#rpc = pool.rpc
    this.#random = random
    const { assay, arbiter, randomness } = pool.deployment
    this.#codecs = new Map([
      [assay, ASSAY],
      [arbiter, ARBITER],
      [randomness, RANDOMNESS],
    ])
  }

  get head(): Block {
    return this.blocks.at(-1) ?? fail('internal', 'the chain of a world has a block')
  }

  /** Events of the blocks `from .. to` of the present chain, in order. */
  events(from = 0, to = this.head.number): ChainEvent[] {
    return this.blocks.slice(from, to + 1).flatMap((block) => block?.events ?? [])
  }

  /** Hands in a job's registration; returns the id it will have. */
  async register(submitter: Hex, terms: JobTerms, escrow: bigint): Promise<Hex> {
    const data = ASSAY.interface.encodeFunctionData('registerJob', [terms, 1n])
    const call = { from: submitter, to: this.deployment.assay, data, value: `0x${escrow.toString(16)}` }
    const jobId = await this.#rpc.result('eth_call', call, 'latest')
    await this.#rpc.result('eth_sendTransaction', call)
    // the only result is the id
    return jobId as Hex
  }

  /** Makes a block of the transactions that wait. */
  async mine(): Promise<Block> {
    await this.#rpc.result('evm_mine')
    const [told, receipts] = (await this.#rpc.results([
      ['eth_getBlockByNumber', ['latest', false]],
      ['eth_getBlockReceipts', ['latest']],
    ])) as [{ number: string; hash: string; transactions: string[] }, RawReceipt[] | null]
    const number = Number(told.number)
    const logs = (receipts ?? []).flatMap((receipt) => receipt.logs)
    for (const receipt of receipts ?? []) this.#receipts.set(receipt.transactionHash, receipt)
    const block = { number, hash: told.hash, told, transactions: told.transactions, logs, events: this.#decode(logs) }
    this.blocks[number] = block
    return block
  }

  /** Takes the last `depth` blocks back. Of their transactions some come again, in any order; others are lost. */
  async reorganise(depth: number): Promise<void> {
    const removed = this.blocks.splice(this.head.number - depth + 1)
    for (const { transactions } of removed) for (const hash of transactions) this.#receipts.delete(hash)
    this.replaced += removed.length
    const waiting = await this.#waiting()
    await this.#rpc.result('anvil_dropAllTransactions')
    await this.#rpc.result('anvil_rollback', depth)
    const again = [...removed.flatMap(({ transactions }) => transactions), ...waiting]
    const kept = this.#random.bool(0.3) ? this.#random.shuffle(again) : again
    for (const hash of kept) {
      if (this.#random.bool(0.2)) continue
      await this.#rpc.one(['eth_sendRawTransaction', [this.#raw.get(hash)]])
    }
  }

  async #waiting(): Promise<string[]> {
    const content = (await this.#rpc.result('txpool_content')) as Record<
      'pending' | 'queued',
      Record<string, Record<string, { hash: string }>>
    >
    return [content.pending, content.queued]
      .flatMap((accounts) => Object.values(accounts).flatMap((byNonce) => Object.values(byNonce)))
      .map(({ hash }) => hash)
      .sort()
  }

  /** What a node of this chain answers. */
  async ask([method, params]: RpcCall): Promise<Omit<RpcAnswer, 'id'>> {
    switch (method) {
      case 'eth_chainId':
        return { result: `0x${DEVNET_CHAIN_ID.toString(16)}` }
      case 'eth_blockNumber':
        return { result: `0x${this.head.number.toString(16)}` }
      case 'eth_getBlockByNumber':
        return { result: (params[0] === 'latest' ? this.head : this.blocks[Number(params[0])])?.told ?? null }
      case 'eth_getBlockByHash':
        return { result: this.blocks.find((block) => block?.hash === params[0])?.told ?? null }
      case 'eth_getTransactionReceipt':
        return { result: this.#receipts.get(params[0] as string) ?? null }
      case 'eth_getLogs':
        return { result: this.#logs(params[0] as { fromBlock?: string; toBlock?: string; blockHash?: string }) }
      case 'world_events':
        return { result: this.events(params[0] as number, params[1] as number) }
      case 'eth_gasPrice':
      case 'eth_maxPriorityFeePerGas':
        return { result: '0x3b9aca00' }
      case 'eth_sendRawTransaction': {
        const answer = await this.#rpc.one([method, params])
        if (typeof answer.result === 'string') this.#raw.set(answer.result, params[0] as string)
        return answer
      }
      default:
        return await this.#rpc.one([method, params])
    }
  }

  #logs({ fromBlock, toBlock, blockHash }: { fromBlock?: string; toBlock?: string; blockHash?: string }): RawLog[] {
    const blocks =
      blockHash === undefined
        ? this.blocks.slice(Number(fromBlock), Number(toBlock) + 1)
        : this.blocks.filter((block) => block?.hash === blockHash)
    return blocks.flatMap((block) => block?.logs ?? [])
  }

  #decode(logs: readonly RawLog[]): ChainEvent[] {
    return logs.flatMap((log) => {
      const event = this.#codecs.get(log.address.toLowerCase())?.event(log)
      const { blockNumber, transactionHash, logIndex } = log
      const place = { blockNumber: Number(blockNumber), transactionHash, index: Number(logIndex) }
      return event === undefined ? [] : [{ ...event, ...placeOf(place as Parameters<typeof placeOf>[0]) }]
    })
  }

  /** Reads the contracts as they are now; what is asked at once is asked in one request. */
  reader(): AssayReader {
    let asked: { readonly call: RpcCall; readonly answer: (data: string) => void }[] = []
    const flush = async (): Promise<void> => {
      const now = asked
      asked = []
      const answers = (await this.#rpc.results(now.map(({ call }) => call))) as string[]
      for (const [i, { answer }] of now.entries()) answer(answers[i] as string)
    }
    const call = (request: { readonly to: string; readonly data: string }): Promise<string> =>
      new Promise((answer, reject) => {
        if (asked.length === 0) queueMicrotask(() => void flush().catch(reject))
        asked.push({ call: ['eth_call', [request, 'latest']], answer })
      })
    return new AssayReader({ call } as unknown as JsonRpcProvider, this.deployment)
  }

  /** Wei that the contract holds. */
  async held(): Promise<bigint> {
    return BigInt((await this.#rpc.result('eth_getBalance', this.deployment.assay, 'latest')) as string)
  }

  /** Data with which a call reverts; undefined: it does not. */
  async revertOf(from: Hex, name: string, ...args: readonly unknown[]): Promise<string | undefined> {
    const data = ASSAY.interface.encodeFunctionData(name, args)
    const { error } = await this.#rpc.one(['eth_call', [{ from, to: this.deployment.assay, data }, 'latest']])
    return error && String(error.data ?? error.message)
  }
}
