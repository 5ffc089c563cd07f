/** Typed sending: one method for each function of the contracts. */
import type { JsonRpcProvider, TransactionReceipt } from 'ethers'
import { type Hex, type JobTerms, ROLE_NAMES, type Role } from '#contracts/abi/types.generated.ts'
import { ARBITER, ASSAY, type ChainEvent, type ContractCodec, placeOf, RANDOMNESS } from '#contracts/codec.ts'
import type { Deployment } from '#contracts/deploy.ts'
import { entryToChain, hex } from '#contracts/entries.ts'
import { Transactor, type TransactorOptions } from '#contracts/transactor.ts'
import { fromHex } from '#proto/bytes.ts'
import { verdictCommitment } from '#proto/draw.ts'
import type { SignedEntry } from '#proto/entry.ts'
import { fail } from '#proto/errors.ts'
import { addressBytes } from '#proto/ids.ts'

/** A call that took effect. */
export interface Sent {
  readonly hash: string
  readonly blockNumber: number
  readonly gasUsed: bigint
  /** Events of our contracts in the transaction. */
  readonly events: readonly ChainEvent[]
}

/** A verdict as it is revealed; `against` is the accused entry of the same slot, the verdict's own index on acceptance. */
export interface Verdict {
  readonly accept: boolean
  readonly against: number
  /** Proof of replay, 32 bytes. */
  readonly digest: Hex
  /** 32 random bytes. */
  readonly salt: Hex
}

/** What the verifier commits to: the contract repeats this hash when the verdict is revealed. */
export function commitmentOf(entryHash: Hex, verifier: Hex, verdict: Verdict): Hex {
  const { accept, against, digest, salt } = verdict
  const bytes = { entryHash: fromHex(entryHash, 32), digest: fromHex(digest, 32), salt: fromHex(salt, 32) }
  return hex(verdictCommitment({ ...bytes, verifier: addressBytes(verifier), accept, against }))
}

/** Every method resolves when its transaction is in a block; what it throws is `Transactor.send`'s. */
export class AssaySender {
  readonly deployment: Deployment
  readonly address: Hex
  /** Whoever else sends for this account shares it: only one may count its nonces. */
  readonly transactor: Transactor

  constructor(provider: JsonRpcProvider, deployment: Deployment, privateKey: string, options: TransactorOptions = {}) {
    this.deployment = deployment
    this.transactor = new Transactor(provider, privateKey, options)
    this.address = this.transactor.address as Hex
  }

  /** See `Transactor.restore`. */
  restore(): Promise<boolean> {
    return this.transactor.restore()
  }

  private async send(codec: ContractCodec, to: Hex, name: string, args: readonly unknown[], value = 0n): Promise<Sent> {
    const data = codec.interface.encodeFunctionData(name, args)
    return sentOf(await this.transactor.send({ name, to, data, value }), this.deployment)
  }

  private assay(name: string, ...args: readonly unknown[]): Promise<Sent> {
    return this.send(ASSAY, this.deployment.assay, name, args)
  }

  // Vault

  deposit(amount: bigint): Promise<Sent> {
    return this.send(ASSAY, this.deployment.assay, 'deposit', [], amount)
  }

  withdraw(amount: bigint): Promise<Sent> {
    return this.assay('withdraw', amount)
  }

  // Registry

  /** Escrows `escrow` wei; `jobId` is the contract's. */
  async registerJob(terms: JobTerms, nonce: bigint, escrow: bigint): Promise<Sent & { readonly jobId: Hex }> {
    const sent = await this.send(ASSAY, this.deployment.assay, 'registerJob', [terms, nonce], escrow)
    const event = sent.events.find((one) => one.name === 'JobRegistered')
    return { ...sent, jobId: event?.jobId ?? fail('chain', 'registerJob emitted no JobRegistered') }
  }

  /** Adds `amount` wei to the escrow, and moves the deadline by `blocks` (the submitter alone). */
  topUp(jobId: string, amount: bigint, blocks: number): Promise<Sent> {
    return this.send(ASSAY, this.deployment.assay, 'topUp', [jobId, blocks], amount)
  }

  cancel(jobId: string): Promise<Sent> {
    return this.assay('cancel', jobId)
  }

  expire(jobId: string): Promise<Sent> {
    return this.assay('expire', jobId)
  }

  bid(jobId: string, role: Role, stake: bigint): Promise<Sent> {
    return this.assay('bid', jobId, ROLE_NAMES.indexOf(role), stake)
  }

  assign(jobId: string): Promise<Sent> {
    return this.assay('assign', jobId)
  }

  /** Of any account, by anyone; the stake goes to the account's free balance. */
  unbond(jobId: string, account: string): Promise<Sent> {
    return this.assay('unbond', jobId, account)
  }

  // Windows

  claimLease(jobId: string): Promise<Sent> {
    return this.assay('claimLease', jobId)
  }

  /** All slots of the window in order, in each slot all replicas in order. */
  commitWindow(jobId: string, epoch: number, window: number, signed: readonly SignedEntry[]): Promise<Sent> {
    const entries = signed.map(({ entry }) => entryToChain(entry))
    const signatures = signed.map(({ signature }) => hex(signature))
    return this.assay('commitWindow', jobId, epoch, window, entries, signatures)
  }

  fixSeed(jobId: string, window: number): Promise<Sent> {
    return this.assay('fixSeed', jobId, window)
  }

  settleWindow(jobId: string, window: number): Promise<Sent> {
    return this.assay('settleWindow', jobId, window)
  }

  summon(jobId: string, replica: number): Promise<Sent> {
    return this.assay('summon', jobId, replica)
  }

  present(jobId: string, replica: number): Promise<Sent> {
    return this.assay('present', jobId, replica)
  }

  replace(jobId: string, replica: number): Promise<Sent> {
    return this.assay('replace', jobId, replica)
  }

  // Verdicts

  commitVerdict(jobId: string, epoch: number, window: number, index: number, commitment: string): Promise<Sent> {
    return this.assay('commitVerdict', jobId, epoch, window, index, commitment)
  }

  abstain(jobId: string, epoch: number, window: number, index: number): Promise<Sent> {
    return this.assay('abstain', jobId, epoch, window, index)
  }

  revealVerdict(jobId: string, epoch: number, window: number, index: number, verdict: Verdict): Promise<Sent> {
    const { accept, against, digest, salt } = verdict
    return this.assay('revealVerdict', jobId, epoch, window, index, accept, against, digest, salt)
  }

  redraw(jobId: string, window: number): Promise<Sent> {
    return this.assay('redraw', jobId, window)
  }

  // Disputes

  challenge(jobId: string, epoch: number, window: number, index: number): Promise<Sent> {
    return this.assay('challenge', jobId, epoch, window, index)
  }

  resolve(entryHash: string): Promise<Sent> {
    return this.assay('resolve', entryHash)
  }

  equivocation(a: SignedEntry, b: SignedEntry): Promise<Sent> {
    const sides = [a, b].flatMap(({ entry, signature }) => [entryToChain(entry), hex(signature)])
    return this.assay('equivocation', ...sides)
  }

  /** Records a round of randomness; assign and fixSeed do so themselves. */
  record(round: number): Promise<Sent> {
    return this.send(RANDOMNESS, this.deployment.randomness, 'record', [round])
  }
}

function sentOf(receipt: TransactionReceipt, deployment: Deployment): Sent {
  const codecs: Readonly<Record<string, ContractCodec>> = {
    [deployment.assay]: ASSAY,
    [deployment.arbiter]: ARBITER,
    [deployment.randomness]: RANDOMNESS,
  }
  const events = receipt.logs.flatMap((log) => {
    const event = codecs[log.address.toLowerCase()]?.event(log)
    return event === undefined ? [] : [{ ...event, ...placeOf(log) }]
  })
  return { hash: receipt.hash, blockNumber: receipt.blockNumber, gasUsed: receipt.gasUsed, events }
}
