/**
 * The contract's events as the job machine reads them: names and fields of contracts/src/IAssay.sol, bytes as lower-case
 * 0x hex, integers above 48 bits as bigints, enums as their words. The chain client's events are assignable to these.
 */
import { fromHex, to0x } from '#proto/bytes.ts'
import type { Entry, SignedEntry } from '#proto/entry.ts'
import type { Hex, JobTerms } from '#proto/terms.ts'

export type SeatRole = 'None' | 'Solver' | 'Verifier' | 'Coordinator'
export type Ruling = 'Pending' | 'Refuted' | 'Upheld'
export type LedgerReason =
  | 'Deposit'
  | 'Withdrawal'
  | 'Escrow'
  | 'Refund'
  | 'Stake'
  | 'Unstake'
  | 'Reserve'
  | 'Release'
  | 'Bond'
  | 'BondReturn'
  | 'Payout'
  | 'VerdictFee'
  | 'CoordinatorFee'
  | 'Slash'
  | 'Forfeit'
  | 'GasRefund'
  | 'Compensation'
  | 'Bounty'
  | 'Burn'

export interface PoolMember {
  readonly account: Hex
  readonly weight: bigint
}

/** What becomes of the stakes of an accuser that has lost because what it found wrong is an item of another entry of the slot. */
export type Passage = 'None' | 'Returned' | 'Onward'

/** What became of an accuser: whether it has lost a game of the claim, and the gas that its moves used. */
export interface Accuser {
  readonly account: Hex
  /** With a bond; otherwise by a verdict alone. */
  readonly bonded: boolean
  readonly lost: boolean
  /** `Onward`: it accuses the entry `next` from now on. */
  readonly passage: Passage
  readonly next: number
  readonly gas: bigint
}

/** An entry as the chain's client decodes it. */
export type ChainEntry = {
  readonly [K in keyof Entry]: Entry[K] extends Uint8Array ? Hex : Entry[K]
}

interface EventFields {
  JobRegistered: { submitter: Hex; nonce: bigint; escrow: bigint; terms: JobTerms }
  JobCancelled: object
  JobShortened: { totalWindows: number }
  JobToppedUp: { account: Hex; amount: bigint; deadline: number }
  JobExpired: { finalWindows: number }
  JobSettled: { finalRoot: Hex }
  BiddingOpened: { bidsClose: number }
  Bid: { account: Hex; role: SeatRole; stake: bigint }
  PoolFixed: { seed: Hex; pool: readonly PoolMember[]; coordinators: readonly Hex[] }
  Assigned: { epoch: number; cells: readonly Hex[]; fromWindow: number; fromRoot: Hex }
  LeaseTaken: { holder: Hex }
  SolverLeft: { solver: Hex }
  Unbonded: { account: Hex }
  Summoned: { epoch: number; replica: number; solver: Hex; window: number; until: number }
  Presented: { epoch: number; replica: number; solver: Hex; strikes: number }
  WindowCommitted: {
    window: number
    epoch: number
    coordinator: Hex
    seedRound: number
    entries: readonly ChainEntry[]
    signatures: readonly Hex[]
  }
  SeedFixed: { window: number; epoch: number; seed: Hex; sampled: bigint }
  VerdictCommitted: { window: number; epoch: number; index: number; verifier: Hex; commitment: Hex }
  VerdictAbstained: { window: number; epoch: number; index: number; verifier: Hex }
  VerdictRevealed: {
    window: number
    epoch: number
    index: number
    verifier: Hex
    accept: boolean
    against: number
    digest: Hex
  }
  Redrawn: { window: number; epoch: number; round: number; missing: bigint }
  WindowVerified: { window: number; epoch: number; challengesUntil: number }
  WindowLapsed: { window: number; epoch: number }
  WindowVoided: { window: number; epoch: number }
  WindowFinal: { window: number; epoch: number; rootAfter: Hex }
  Challenged: { entryHash: Hex; accuser: Hex; solver: Hex; window: number; epoch: number; index: number }
  DisputeResolved: {
    entryHash: Hex
    solver: Hex
    ruling: Ruling
    /** The solver has lost its own seat. */
    deserted: boolean
    accusers: readonly Accuser[]
  }
  Equivocated: { solver: Hex; reporter: Hex; digestA: Hex; digestB: Hex }
  Ledger: { account: Hex; amount: bigint; reason: LedgerReason; window: number; index: number }
}

export type JobEventName = keyof EventFields
/** One event of one job. */
export type JobEventOf<N extends JobEventName> = { readonly name: N; readonly jobId: Hex } & Readonly<EventFields[N]>
export type JobEvent = { [N in JobEventName]: JobEventOf<N> }[JobEventName]

/** Where an event stands in the chain. */
export interface EventPlace {
  readonly blockNumber: number
  readonly logIndex: number
}

/** Throws `bad-encoding` on malformed hex. */
export function entryFromHex(entry: ChainEntry): Entry {
  return {
    ...entry,
    jobId: fromHex(entry.jobId, 32),
    rootBefore: fromHex(entry.rootBefore, 32),
    rootAfter: fromHex(entry.rootAfter, 32),
    lanesRoot: fromHex(entry.lanesRoot, 32),
    metricsRoot: fromHex(entry.metricsRoot, 32),
    solver: fromHex(entry.solver, 20),
  }
}

export function entryToHex(entry: Entry): ChainEntry {
  const hex = (bytes: Uint8Array): Hex => to0x(bytes) as Hex
  return {
    ...entry,
    jobId: hex(entry.jobId),
    rootBefore: hex(entry.rootBefore),
    rootAfter: hex(entry.rootAfter),
    lanesRoot: hex(entry.lanesRoot),
    metricsRoot: hex(entry.metricsRoot),
    solver: hex(entry.solver),
  }
}

/** Signed entries of a committed window, in order. Throws `bad-encoding` on malformed hex. */
export function committedEntries(event: JobEventOf<'WindowCommitted'>): SignedEntry[] {
  return event.entries.map((entry, i) => ({
    entry: entryFromHex(entry),
    signature: fromHex(event.signatures[i] ?? '', 65),
  }))
}
