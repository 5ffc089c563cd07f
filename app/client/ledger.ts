/** The contract's ledger of a job as rows that a person can read. */
import { formatEther } from 'ethers'
import { short } from '#app/terminal/format.ts'
import { table } from '#app/terminal/table.ts'
import type { Terminal } from '#app/terminal/terminal.ts'
import type { LedgerReason } from '#proto/machines/events.ts'
import type { JobView, LedgerRow } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import type { Network } from '#runtime/network.ts'

/** What a movement means in plain words. */
const MEANING: Readonly<Record<LedgerReason, string>> = {
  Deposit: 'paid into the contract',
  Withdrawal: 'taken out of the contract',
  Escrow: 'escrowed for the job',
  Refund: 'unused escrow returned',
  Stake: 'staked to take part',
  Unstake: 'stake returned',
  Reserve: 'stake bound to claims',
  Release: 'stake freed: claims are final',
  Bond: 'bond for a challenge',
  BondReturn: 'bond returned',
  Payout: 'paid for training',
  VerdictFee: 'paid for a replay',
  CoordinatorFee: 'paid for a window',
  Slash: 'slashed: lost in a dispute, or silent',
  Forfeit: 'bond lost: a challenge failed',
  GasRefund: 'gas of the moves that refuted a claim',
  Compensation: 'honest work that was voided, or a claim that stood',
  Bounty: 'for refuting a claim',
  Burn: 'burned',
}

/** Movements that only bind and free stake; the readable ledger leaves them out. */
const INTERNAL: readonly LedgerReason[] = ['Reserve', 'Release', 'Deposit']

export interface NamedRow {
  readonly who: string
  readonly account: Hex
  /** Ether, signed. */
  readonly amount: string
  readonly reason: LedgerReason
  readonly why: string
  /** The entry's hash where one is concerned, else the window, else nothing. */
  readonly evidence: string | null
  readonly block: number
}

/** The burn address of the contract. */
const BURNED = /^0x0+dead$/

/** Every movement of a job, who and why in words. */
export function namedLedger(job: JobView, network: Network): NamedRow[] {
  return job.ledger.map((row) => ({
    who: BURNED.test(row.account) ? 'nobody' : (network.names?.[row.account] ?? short(row.account)),
    account: row.account,
    amount: formatEther(row.amount),
    reason: row.reason,
    why: MEANING[row.reason],
    evidence: evidenceOf(job, row),
    block: row.block,
  }))
}

/** What a row rests on. A window may have been committed again since: its number says where to look in the events. */
function evidenceOf(job: JobView, { window, index }: LedgerRow): string | null {
  if (window === null) return null
  if (index === null) return `window ${window}`
  const disputed = [...job.disputes.values()].find((d) => d.window === window && d.index === index)
  const entry = disputed?.entryHash ?? job.windows.get(window)?.entries[index]?.entryHash
  return `window ${window}, entry ${index}${entry ? ` (${short(entry)})` : ''}`
}

/** The ledger summed up by account and reason, in the order in which accounts first appear. */
export function ledgerTable(job: JobView, network: Network, terminal: Terminal): string[] {
  const sums = new Map<string, { who: string; why: string; amount: bigint; times: number; evidence: string }>()
  const named = namedLedger(job, network)
  for (const [i, row] of job.ledger.entries()) {
    if (INTERNAL.includes(row.reason)) continue
    const { who, why, evidence } = named[i] as NamedRow
    const key = `${row.account}:${row.reason}`
    const sum = sums.get(key) ?? { who, why, amount: 0n, times: 0, evidence: '' }
    sums.set(key, { ...sum, amount: sum.amount + row.amount, times: sum.times + 1, evidence: evidence ?? sum.evidence })
  }
  const order = [...new Set(named.map(({ who }) => who))]
  const rows = [...sums.values()].sort((a, b) => order.indexOf(a.who) - order.indexOf(b.who))
  return table(
    [
      { title: 'who' },
      { title: 'ether', align: 'right' },
      { title: 'why' },
      { title: 'times', align: 'right' },
      { title: 'last for', flexible: true },
    ],
    rows.map(({ who, why, amount, times, evidence }) => [who, signed(amount), why, `${times}`, evidence]),
    terminal,
  )
}

function signed(wei: bigint): string {
  const ether = Number(formatEther(wei)).toFixed(4)
  return wei > 0n ? `+${ether}` : ether
}
