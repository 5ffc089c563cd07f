/** Typed reading of the contracts: state by call, history by events. */
import type { JsonRpcProvider } from 'ethers'
import type {
  DisputeView,
  EntryView,
  Hex,
  JobTerms,
  JobView,
  Member,
  Ruling,
  Seat,
  WindowView,
} from '#contracts/abi/types.generated.ts'
import { ARBITER, ASSAY, type ChainEvent, type ContractCodec, placeOf, RANDOMNESS } from '#contracts/codec.ts'
import type { Deployment } from '#contracts/deploy.ts'
import { chainError } from '#contracts/errors.ts'
import { type BlockId, type FollowHandler, type FollowOptions, follow } from '#contracts/follow.ts'

/** Blocks asked for in one query of logs. */
const LOG_SPAN = 2000

/** The escrow of a job's worst case and the least stakes of bids, wei. */
export interface Quote {
  readonly escrow: bigint
  readonly solverStake: bigint
  readonly verifierStake: bigint
  readonly coordinatorStake: bigint
}

/** Throws `ContractError` when a call reverts and `chain` when the node does not answer. */
export class AssayReader {
  readonly provider: JsonRpcProvider
  readonly deployment: Deployment

  constructor(provider: JsonRpcProvider, deployment: Deployment) {
    this.provider = provider
    this.deployment = deployment
  }

  private async call(codec: ContractCodec, to: Hex, name: string, args: readonly unknown[]): Promise<unknown> {
    try {
      const data = codec.interface.encodeFunctionData(name, args)
      return codec.result(name, await this.provider.call({ to, data }))
    } catch (error) {
      throw chainError(name, error)
    }
  }

  private assay<T>(name: string, ...args: readonly unknown[]): Promise<T> {
    return this.call(ASSAY, this.deployment.assay, name, args) as Promise<T>
  }

  blockNumber(): Promise<number> {
    return this.provider.getBlockNumber()
  }

  /** The block of a number, the newest one without; null where the chain has none. */
  async block(number?: number): Promise<BlockId | null> {
    const block = await this.provider.getBlock(number ?? 'latest')
    if (block === null || block.hash === null) return null
    return { number: block.number, hash: block.hash, parentHash: block.parentHash }
  }

  /** Free balance in the contract, wei. */
  balanceOf(account: string): Promise<bigint> {
    return this.assay('balanceOf', account)
  }

  async quote(terms: JobTerms): Promise<Quote> {
    const [escrow, solverStake, verifierStake, coordinatorStake] = await this.assay<[bigint, bigint, bigint, bigint]>(
      'quote',
      terms,
    )
    return { escrow, solverStake, verifierStake, coordinatorStake }
  }

  termsOf(jobId: string): Promise<JobTerms> {
    return this.assay('termsOf', jobId)
  }

  jobOf(jobId: string): Promise<JobView> {
    return this.assay('jobOf', jobId)
  }

  windowOf(jobId: string, window: number): Promise<WindowView> {
    return this.assay('windowOf', jobId, window)
  }

  entryOf(jobId: string, window: number, index: number): Promise<EntryView> {
    return this.assay('entryOf', jobId, window, index)
  }

  disputeOf(entryHash: string): Promise<DisputeView> {
    return this.assay('disputeOf', entryHash)
  }

  seatOf(jobId: string, account: string): Promise<Seat> {
    return this.assay('seatOf', jobId, account)
  }

  /** Cells of a plan epoch; index r trains replica r. */
  cellsOf(jobId: string, epoch: number): Promise<readonly Hex[]> {
    return this.assay('cellsOf', jobId, epoch)
  }

  solversOf(jobId: string): Promise<readonly Hex[]> {
    return this.assay('solversOf', jobId)
  }

  poolOf(jobId: string): Promise<readonly Member[]> {
    return this.assay('poolOf', jobId)
  }

  coordinatorsOf(jobId: string): Promise<readonly Hex[]> {
    return this.assay('coordinatorsOf', jobId)
  }

  /** Whether an entry is drawn, and its verifier in the present round (the zero address: none left). */
  async drawn(jobId: string, window: number, index: number): Promise<{ sampled: boolean; verifier: Hex }> {
    const [sampled, verifier] = await this.assay<[boolean, Hex]>('drawn', jobId, window, index)
    return { sampled, verifier }
  }

  rulingOf(entryHash: string): Promise<Ruling> {
    const { arbiter, assay } = this.deployment
    return this.call(ARBITER, arbiter, 'ruling', [assay, entryHash]) as Promise<Ruling>
  }

  /** Events of all three contracts in blocks `from .. to` (inclusive), in the order in which they happened. */
  async events(from: number, to: number): Promise<ChainEvent[]> {
    const found: ChainEvent[] = []
    for (let start = from; start <= to; start += LOG_SPAN)
      found.push(...(await this.span(start, Math.min(to, start + LOG_SPAN - 1))))
    return found
  }

  private async span(fromBlock: number, toBlock: number): Promise<ChainEvent[]> {
    const { assay, arbiter, randomness } = this.deployment
    const codecs = new Map<string, ContractCodec>([
      [assay, ASSAY],
      [arbiter, ARBITER],
      [randomness, RANDOMNESS],
    ])
    try {
      const logs = await this.provider.getLogs({ address: [assay, arbiter, randomness], fromBlock, toBlock })
      const events = logs.flatMap((log) => {
        const event = codecs.get(log.address.toLowerCase())?.event(log)
        return event === undefined ? [] : [{ ...event, ...placeOf(log) }]
      })
      return events.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex)
    } catch (error) {
      throw chainError('eth_getLogs', error)
    }
  }

  /** Follows the events from a block on; see `follow`. */
  follow(fromBlock: number, handler: FollowHandler, options: FollowOptions = {}): Promise<void> {
    return follow(this, fromBlock, handler, options)
  }
}
