/** What a job has cost whom: its ledger, checked against what everybody owns. */
import type { Hex } from '#contracts/abi/types.generated.ts'
import type { ChainEvent } from '#contracts/codec.ts'
import type { Account, Chain } from './chain.ts'

/** Reasons for which value changes hands; all others move it between an account's own pockets. */
const LOSSES = ['Slash', 'Forfeit'] as const
const AWARDS = ['GasRefund', 'Compensation', 'Bounty'] as const
/** From the escrow; what is left of it goes back to the submitter. */
const WAGES = ['Payout', 'VerdictFee', 'CoordinatorFee', 'Refund'] as const
/** Pockets that must be empty when a job is over. */
const POCKETS = [
  ['Reserve', 'Release'],
  ['Bond', 'BondReturn'],
] as const

/** Wei, all of them zero or more. */
export interface Balance {
  readonly lost: bigint
  /** From what others have lost. */
  readonly awarded: bigint
  /** For work, from the escrow. */
  readonly earned: bigint
}

export interface Books {
  readonly of: ReadonlyMap<Hex, Balance>
  readonly burned: bigint
  /** What does not add up. */
  readonly faults: readonly string[]
}

type Row = Extract<ChainEvent, { name: 'Ledger' }>

/** What each account owns beside the job's stakes, and in them. */
export async function wealthOf(
  { reader }: Chain,
  accounts: readonly Account[],
  jobId?: Hex,
): Promise<ReadonlyMap<Hex, bigint>> {
  const all = new Map<Hex, bigint>()
  for (const { address } of accounts) {
    const stake = jobId === undefined ? 0n : (await reader.seatOf(jobId, address)).stake
    all.set(address, (await reader.balanceOf(address)) + stake)
  }
  return all
}

/**
 * The books of a job that is over.
 * @param before what the accounts owned before it
 */
export async function booksOf(
  chain: Chain,
  jobId: Hex,
  accounts: readonly Account[],
  before: ReadonlyMap<Hex, bigint>,
  fromBlock: number,
): Promise<Books> {
  const events = await chain.reader.events(fromBlock, await chain.head())
  const rows = events.filter((event): event is Row => event.name === 'Ledger' && event.jobId === jobId)
  const after = await wealthOf(chain, accounts, jobId)
  const faults: string[] = []
  const of = new Map<Hex, Balance>()
  const sum = (account: Hex, reasons: readonly string[]): bigint =>
    rows.reduce((total, row) => total + (row.account === account && reasons.includes(row.reason) ? row.amount : 0n), 0n)
  for (const { address } of accounts) {
    const lost = -sum(address, LOSSES)
    const [awarded, earned] = [sum(address, AWARDS), sum(address, WAGES)]
    of.set(address, { lost, awarded, earned })
    const gained = (after.get(address) ?? 0n) - (before.get(address) ?? 0n)
    if (gained !== awarded + earned - lost)
      faults.push(`${address} has ${gained} more, by its rows ${awarded + earned - lost}`)
    const forfeited = -sum(address, ['Forfeit'])
    for (const pocket of POCKETS) {
      const held = -sum(address, pocket) - (pocket[0] === 'Bond' ? forfeited : 0n)
      if (held !== 0n) faults.push(`${address} has not got back ${held} of ${pocket[0]}`)
    }
  }
  const burned = rows.reduce((total, row) => total + (row.reason === 'Burn' ? row.amount : 0n), 0n)
  const all = [...of.values()]
  const [lost, awarded] = [all.reduce((t, one) => t + one.lost, 0n), all.reduce((t, one) => t + one.awarded, 0n)]
  if (lost !== awarded + burned) faults.push(`${lost} were lost, ${awarded} awarded and ${burned} burned`)
  return { of, burned, faults }
}
