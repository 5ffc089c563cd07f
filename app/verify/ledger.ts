/** The ledger: every line derived again, every account's balance, and that the contract holds what it owes. */
import { formatEther, type JsonRpcProvider, toQuantity } from 'ethers'
import { chainError } from '#contracts/errors.ts'
import type { LedgerReason } from '#proto/machines/events.ts'
import type { Hex } from '#proto/terms.ts'
import { Books } from './books.ts'
import { Findings, type Outcome } from './finding.ts'
import type { History, PlacedEvent } from './history.ts'
import { type ChainRecord, logPlace, readerAt } from './record.ts'
import { NO_INDEX, NO_WINDOW, type Row } from './vault.ts'

type LedgerEvent = Extract<PlacedEvent, { name: 'Ledger' }>

/** Movements of an account's free balance; the others move stakes, escrow, or what is burned. */
const FREE: readonly LedgerReason[] = [
  'Deposit',
  'Withdrawal',
  'Stake',
  'Unstake',
  'Bond',
  'BondReturn',
  'Payout',
  'VerdictFee',
  'CoordinatorFee',
  'GasRefund',
  'Compensation',
  'Bounty',
  'Refund',
]

function rowText({ account, amount, reason, window, index }: Row): string {
  const place =
    window === undefined || window === NO_WINDOW
      ? ''
      : ` for window ${window}${index === undefined || index === NO_INDEX ? '' : `, entry ${index}`}`
  return `${reason} of ${amount} wei to ${account}${place}`
}

/**
 * Each line of the job's ledger is the one that the contract's rules make of the event it belongs to, in the same order.
 * Why: nobody is paid, slashed or repaid a wei more or less than the terms say.
 */
export function checkRows(history: History): { outcome: Outcome; books: Books } {
  const findings = new Findings()
  const books = new Books()
  const expected: { row: Row; cause: PlacedEvent }[] = []
  const actual = history.events.filter((event): event is LedgerEvent => event.name === 'Ledger')
  for (const event of history.events) {
    if (event.name === 'Ledger') continue
    try {
      for (const row of books.take(event)) expected.push({ row, cause: event })
    } catch (error) {
      findings.add(`${logPlace(event)} (${event.name})`, (error as Error).message)
      break
    }
  }
  const differs = actual.findIndex((event, i) => !matches(event, expected[i]?.row))
  const at = differs < 0 && expected.length > actual.length ? actual.length : differs
  if (at >= 0) {
    const [found, due] = [actual[at], expected[at]]
    const place = found ? `ledger line ${at}, ${logPlace(found)}` : `ledger line ${at}`
    const rule = due ? `${rowText(due.row)} for ${due.cause.name} in block ${due.cause.blockNumber}` : 'no more lines'
    findings.add(place, `it says ${found ? rowText(found) : 'nothing'}; the rules say ${rule}`)
  }
  return { outcome: findings.outcome(`${actual.length} lines follow from the terms`), books }
}

function matches(event: LedgerEvent, row: Row | undefined): boolean {
  if (row === undefined || event.account !== row.account || event.amount !== row.amount || event.reason !== row.reason)
    return false
  return row.window === undefined || (event.window === row.window && event.index === row.index)
}

/**
 * The job's money adds up: what was escrowed was paid out, refunded or is still there; what was slashed was burned or
 * handed on; what was staked came back, was slashed or is still there.
 * Why: conservation, without knowing any rule of the contract but the meaning of its reasons.
 */
export function checkSums(history: History, books: Books): Outcome {
  const findings = new Findings()
  const sums = new Map<LedgerReason, bigint>()
  for (const event of history.events)
    if (event.name === 'Ledger') sums.set(event.reason, (sums.get(event.reason) ?? 0n) + event.amount)
  const of = (reason: LedgerReason): bigint => sums.get(reason) ?? 0n
  const paid = of('Payout') + of('VerdictFee') + of('CoordinatorFee') + of('Refund')
  findings.same(
    'the escrow',
    'what was paid in, less payouts, fees and refund,',
    -of('Escrow') - paid,
    books.vault.escrow,
  )
  const handed = of('Burn') + of('GasRefund') + of('Compensation') + of('Bounty')
  const lost = -of('Slash') - of('Forfeit')
  findings.same(
    'what was slashed and forfeited',
    'the sum of burns, refunds of gas, compensations and bounties',
    handed,
    lost,
  )
  const stakes = [...books.vault.seats.values()].reduce((sum, { stake }) => sum + stake, 0n)
  findings.same(
    'the stakes and bonds',
    'what was locked, less what came back and was slashed,',
    -of('Stake') - of('Unstake') - of('Bond') - of('BondReturn') - lost,
    stakes + books.vault.bonds,
  )
  const eth = (wei: bigint): string => Number(formatEther(wei)).toFixed(4)
  return findings.outcome(
    `escrowed ${eth(-of('Escrow'))} = paid ${eth(paid - of('Refund'))} + refunded ${eth(of('Refund'))} + held ${eth(books.vault.escrow)}; slashed ${eth(-of('Slash'))}`,
  )
}

/**
 * The contract's storage holds the balances that the whole ledger adds up to - free balances, seats, escrow - and its
 * account holds the ether for them.
 * Why: a ledger is worth what can be withdrawn.
 */
export async function checkBalances(
  provider: JsonRpcProvider,
  record: ChainRecord,
  history: History,
  books: Books,
): Promise<Outcome> {
  const reader = readerAt(provider, record)
  const findings = new Findings()
  const free = new Map<Hex, bigint>()
  let holds = 0n
  for (const event of record.events) {
    if (event.name !== 'Ledger') continue
    const { account, amount, reason } = event
    if (FREE.includes(reason)) free.set(account, (free.get(account) ?? 0n) + amount)
    if (reason === 'Deposit' || reason === 'Withdrawal') holds += amount
    if (reason === 'Escrow' || reason === 'Burn') holds -= amount
  }
  for (const [account, amount] of free)
    findings.same(`the free balance of ${account}`, "the contract's figure", await reader.balanceOf(account), amount)
  for (const [account, { stake, reserved }] of books.vault.seats) {
    const seat = await reader.seatOf(history.jobId, account)
    findings.same(`the seat of ${account}`, 'its stake', seat.stake, stake)
    findings.same(`the seat of ${account}`, 'its reserved stake', seat.reserved, reserved)
  }
  findings.same('the job', 'its escrow', (await reader.jobOf(history.jobId)).escrow, books.vault.escrow)
  const balance = await etherOf(provider, record)
  findings.expect(balance >= holds, 'the contract', () => `it holds ${balance} wei, its ledger says ${holds}`)
  const more =
    balance > holds ? [`the contract holds ${balance - holds} wei more than its ledger says: sent to it outside`] : []
  return findings.outcome(
    `${free.size} balances, ${books.vault.seats.size} seats, ${formatEther(holds)} ether in the contract`,
    more,
  )
}

async function etherOf(provider: JsonRpcProvider, record: ChainRecord): Promise<bigint> {
  try {
    return await provider.getBalance(record.deployment.assay, toQuantity(record.head))
  } catch (error) {
    throw chainError('eth_getBalance', error)
  }
}
