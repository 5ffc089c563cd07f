/** Sends one account's transactions: in order, with its own count of nonces, through a node that may stumble. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  isError,
  type JsonRpcProvider,
  Transaction,
  type TransactionReceipt,
  type TransactionRequest,
  Wallet,
} from 'ethers'
import { chainError, isTransport } from '#contracts/errors.ts'
import { AssayError, fail } from '#proto/errors.ts'

export interface TransactorOptions {
  /** Attempts to hand a transaction over before giving up. Default 8. */
  readonly attempts?: number
  /** Longest wait for the receipt, ms. Default 120 000. */
  readonly receiptMs?: number
  /** Time between two looks for a receipt, ms. Default 50. */
  readonly pollMs?: number
}

export interface Call {
  /** Names the call in errors. */
  readonly name: string
  readonly to: string
  readonly data: string
  readonly value?: bigint
}

/** A transaction that a node has taken. */
interface Handed {
  readonly nonce: number
  readonly hash: string
}

/** What a transaction may use at most (EIP-7825). */
const GAS_CAP = 16_777_216n
/** On top of what a call is estimated to need. */
const SLACK_GAS = 300_000n
const REBROADCAST_MS = 2000
/** Sent transactions that are remembered: more than a chain that is rolled back can lose of one account. */
const MAX_KEPT = 256

/** Only one transactor may use an account at a time. */
export class Transactor {
  readonly address: string
  private readonly wallet: Wallet
  private readonly provider: JsonRpcProvider
  private readonly options: Required<TransactorOptions>
  private queue: Promise<unknown> = Promise.resolve()
  private nonce: number | undefined
  /** What was sent, by nonce: a chain that is rolled back gets the very same bytes again, never others in their place. */
  private readonly kept = new Map<number, string>()
  /** One more than the greatest nonce that was seen in a block. */
  private mined = 0

  constructor(provider: JsonRpcProvider, privateKey: string, options: TransactorOptions = {}) {
    this.wallet = new Wallet(privateKey, provider)
    this.address = this.wallet.address.toLowerCase()
    this.provider = provider
    this.options = { attempts: 8, receiptMs: 120_000, pollMs: 50, ...options }
  }

  /**
   * Sends a call and waits for its receipt. Calls are handed over one after the other, in the order of asking; receipts
   * are waited for side by side. A call that would revert is not sent. Throws `ContractError` on a revert, `no-funds`,
   * `timeout` without a receipt (the call may still land), `chain` otherwise.
   */
  async send(call: Call): Promise<TransactionReceipt> {
    const handedOver = this.queue.then(() => this.handOver(call))
    this.queue = handedOver.catch(() => undefined)
    const sent = await handedOver
    const receipt = await this.receipt(call, sent)
    this.mined = Math.max(this.mined, sent.nonce + 1)
    if (receipt.status === 1) return receipt
    throw await this.revertReason(call, receipt.blockNumber)
  }

  /**
   * Looks whether the chain still holds what it held, and sends again what it lost. Returns whether something was lost:
   * then who waits for an effect may wait in vain, since a transaction that comes again may meet another state.
   */
  async restore(): Promise<boolean> {
    if (this.mined === 0) return false
    const count = await this.provider.getTransactionCount(this.address)
    if (count >= this.mined) return false
    this.mined = count
    await this.resend(count)
    return true
  }

  /**
   * Hands over again, in order, whatever has no place in a block. A place before them that nobody remembers - this process
   * took its count from a chain that has lost it since - is taken by a transfer of nothing.
   */
  private async resend(count: number): Promise<void> {
    const last = Math.max(-1, ...this.kept.keys())
    // Another chain altogether: nothing of this account's past is to be had.
    if (last - count >= MAX_KEPT) fail('chain', `the chain counts ${count} transactions of ${last + 1} that were sent`)
    for (let nonce = count; nonce <= last; nonce++) {
      const signed = this.kept.get(nonce) ?? (await this.sign({ to: this.address }, nonce, 21_000n))
      // What the node has already it refuses.
      await this.provider.broadcastTransaction(signed).catch(() => undefined)
    }
    this.nonce = last < count ? undefined : last + 1
  }

  private async handOver(call: Call): Promise<Handed> {
    let last: unknown
    for (let attempt = 0; attempt < this.options.attempts; attempt++) {
      if (attempt > 0) await sleep(Math.min(2000, 50 * 2 ** attempt))
      try {
        return await this.attempt(call)
      } catch (error) {
        last = error
        const kind = failureOf(error)
        if (kind === 'final') break
        // The node's count is the truth whenever ours is in doubt; a transaction that did land keeps its place in it.
        this.nonce = undefined
      }
    }
    throw chainError(call.name, last)
  }

  private async attempt(call: Call): Promise<Handed> {
    const request: TransactionRequest = {
      from: this.address,
      to: call.to,
      data: call.data,
      value: call.value ?? 0n,
    }
    const estimate = await this.provider.estimateGas(request)
    this.nonce ??= await this.provider.getTransactionCount(this.address, 'pending')
    const { nonce } = this
    // Others' calls may come first, and give this one more to do: a verdict that meets an accusation has to tell the arbiter.
    const gas = (estimate * 3n) / 2n + SLACK_GAS
    const signed = await this.sign(request, nonce, gas < GAS_CAP ? gas : GAS_CAP)
    const hash = await this.broadcast(signed)
    this.nonce = nonce + 1
    this.kept.set(nonce, signed)
    if (this.kept.size > MAX_KEPT) this.kept.delete(Math.min(...this.kept.keys()))
    return { nonce, hash }
  }

  private async sign(request: TransactionRequest, nonce: number, gasLimit: bigint): Promise<string> {
    const fees = await this.provider.getFeeData()
    return await this.wallet.signTransaction({
      ...request,
      type: 2,
      nonce,
      chainId: (await this.provider.getNetwork()).chainId,
      gasLimit,
      maxFeePerGas: fees.maxFeePerGas ?? fail('chain', 'the chain has no EIP-1559 fees'),
      maxPriorityFeePerGas: fees.maxPriorityFeePerGas ?? 0n,
    })
  }

  /** A node refuses bytes that it has already: their first answer got lost. */
  private async broadcast(signed: string): Promise<string> {
    try {
      return (await this.provider.broadcastTransaction(signed)).hash
    } catch (error) {
      const hash = Transaction.from(signed).hash ?? fail('internal', 'a signed transaction has a hash')
      if ((await this.provider.getTransaction(hash)) === null) throw error
      return hash
    }
  }

  private async receipt(call: Call, { nonce, hash }: Handed): Promise<TransactionReceipt> {
    const deadline = Date.now() + this.options.receiptMs
    let again = Date.now() + REBROADCAST_MS
    while (Date.now() < deadline) {
      const receipt = await this.provider.getTransactionReceipt(hash).catch(() => null)
      if (receipt !== null) return receipt
      if (Date.now() > again) {
        // Dropped from the pool, or the chain lost it, or those that must come before it.
        const count = await this.provider.getTransactionCount(this.address).catch(() => undefined)
        if (count !== undefined && count > nonce) await this.checkPlace(call, hash)
        else if (count !== undefined) await this.resend(count).catch(() => undefined)
        again = Date.now() + REBROADCAST_MS
      }
      await sleep(this.options.pollMs)
    }
    throw new AssayError('timeout', `${call.name} has no receipt after ${this.options.receiptMs} ms`, {
      next: 'Check that the chain makes blocks; the call may still land.',
    })
  }

  /** The place of a transaction is taken: by itself a moment ago, or else by another one, which this throws for. */
  private async checkPlace(call: Call, hash: string): Promise<void> {
    const receipt = await this.provider.getTransactionReceipt(hash).catch(() => undefined)
    if (receipt !== null) return
    throw new AssayError('chain', `${call.name} lost its place to another transaction of this account`)
  }

  /** Repeats a reverted call in the state it met, for its custom error. */
  private async revertReason(call: Call, block: number): Promise<AssayError> {
    const request = { from: this.address, to: call.to, data: call.data, value: call.value ?? 0n }
    for (const blockTag of [block, block - 1]) {
      try {
        await this.provider.call({ ...request, blockTag })
      } catch (error) {
        return chainError(call.name, error)
      }
    }
    return new AssayError('chain', `${call.name} reverted: the state changed before it landed`)
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Whether another attempt can help: a fresh nonce, or a node that answers again. */
function failureOf(error: unknown): 'retry' | 'final' {
  if (isError(error, 'CALL_EXCEPTION') || isError(error, 'INSUFFICIENT_FUNDS')) return 'final'
  if (isError(error, 'NONCE_EXPIRED') || isError(error, 'REPLACEMENT_UNDERPRICED')) return 'retry'
  if (isTransport(error)) return 'retry'
  return /nonce|underpriced|max fee per gas less/i.test(messageOf(error)) ? 'retry' : 'final'
}
