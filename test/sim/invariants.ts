/**
 * What must hold after every block of every simulated market, whoever lies, dies or stalls. Each rule is a function of what the
 * chain shows, with its reason; it throws when it is broken.
 */
import type { JobView as ChainJob, ErrorName, Hex, Seat } from '#contracts/abi/types.generated.ts'
import type { ChainEvent } from '#contracts/codec.ts'
import { drawnVerifier, type JobView } from '#proto/machines/job-view.ts'
import { windowSlots, windowSteps } from '#proto/windows.ts'

/** The chain after a block. */
export interface Snapshot {
  readonly block: number
  /** All events of the contracts. */
  readonly events: readonly ChainEvent[]
  readonly view: JobView
  readonly job: ChainJob
  /** Wei of the contract. */
  readonly held: bigint
  /** Free balances of all accounts, and their seats in the job. */
  readonly free: ReadonlyMap<Hex, bigint>
  readonly seats: ReadonlyMap<Hex, Seat>
  /** Accounts whose processes follow the protocol and are alive. */
  readonly honest: ReadonlySet<Hex>
  /** The bare run's state root before step 0, 1, .., and after the last. */
  readonly roots: readonly Hex[]
  /** The error with which a call would revert now; undefined: it would not. */
  refusal(from: Hex, name: string, ...args: readonly unknown[]): Promise<ErrorName | 'Unknown' | undefined>
}

type LedgerEvent = ChainEvent & { readonly name: 'Ledger' }
type Rule = (now: Snapshot) => void | Promise<void>

const BURN = `0x${'0'.repeat(36)}dead`

function demand(holds: boolean, message: string): void {
  if (!holds) throw new Error(message)
}

const ledgerOf = ({ events }: Snapshot): LedgerEvent[] =>
  events.filter((event): event is LedgerEvent => event.name === 'Ledger')

const total = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((sum, amount) => sum + amount, 0n)

/** What the ledger's lines add up to, each account's part and the job's. */
function accounts(lines: readonly LedgerEvent[]) {
  const free = new Map<string, bigint>()
  const seats = new Map<string, bigint>()
  const reserved = new Map<string, bigint>()
  const sums = { escrow: 0n, bonds: 0n, pot: 0n }
  const add = (map: Map<string, bigint>, key: string, amount: bigint): void => {
    map.set(key, (map.get(key) ?? 0n) + amount)
  }
  for (const { account, amount, reason } of lines) {
    switch (reason) {
      case 'Deposit':
      case 'Withdrawal':
        add(free, account, amount)
        break
      case 'Escrow':
        sums.escrow -= amount
        break
      case 'Refund':
      case 'Payout':
      case 'VerdictFee':
      case 'CoordinatorFee':
        add(free, account, amount)
        sums.escrow -= amount
        break
      case 'Stake':
      case 'Unstake':
        add(free, account, amount)
        add(seats, account, -amount)
        break
      case 'Reserve':
      case 'Release':
        add(reserved, account, -amount)
        break
      case 'Bond':
      case 'BondReturn':
        add(free, account, amount)
        sums.bonds -= amount
        break
      case 'Slash':
        add(seats, account, amount)
        sums.pot -= amount
        break
      case 'Forfeit':
        sums.bonds += amount
        sums.pot -= amount
        break
      case 'GasRefund':
      case 'Compensation':
      case 'Bounty':
        add(free, account, amount)
        sums.pot -= amount
        break
      case 'Burn':
        sums.pot -= amount
        break
    }
  }
  return { free, seats, reserved, ...sums }
}

/**
 * The contract holds exactly what it owes: free balances, seats, the job's escrow and open bonds. Less, and somebody is
 * not paid; more, and value is lost in it.
 */
function solvency(now: Snapshot): void {
  const { bonds } = accounts(ledgerOf(now))
  const seats = total([...now.seats.values()].map(({ stake }) => stake))
  const owed = total(now.free.values()) + seats + now.job.escrow + bonds
  demand(now.held === owed, `the contract holds ${now.held} wei and owes ${owed}`)
}

/**
 * The ledger alone explains every balance: whoever reads its lines knows what each account has, what is reserved, and that what
 * was slashed went somewhere.
 */
function ledgerBalances(now: Snapshot): void {
  const told = accounts(ledgerOf(now))
  for (const [account, free] of now.free) {
    demand((told.free.get(account) ?? 0n) === free, `${account} has ${free} free, the ledger says otherwise`)
  }
  for (const [account, { stake, reserved }] of now.seats) {
    demand((told.seats.get(account) ?? 0n) === stake, `${account} has a seat of ${stake}, the ledger says otherwise`)
    const held = told.reserved.get(account) ?? 0n
    demand(held === reserved, `${reserved} of ${account} are reserved, the ledger says ${held}`)
  }
  demand(told.escrow === now.job.escrow, `the escrow is ${now.job.escrow}, the ledger says ${told.escrow}`)
  demand(told.pot === 0n, `${told.pot} wei of slashes went nowhere`)
}

/**
 * Nobody is paid twice for one claim, verdict or commit, and a window costs what the terms say however its cells
 * share it.
 */
function nobodyPaidTwice(now: Snapshot): void {
  const paid = new Set<string>()
  const payouts = new Map<number, bigint>()
  for (const { account, amount, reason, window, index } of ledgerOf(now)) {
    if (reason !== 'Payout' && reason !== 'VerdictFee' && reason !== 'CoordinatorFee') continue
    const what = `${reason} of window ${window}, entry ${index}`
    demand(!paid.has(what), `${what} is paid twice, at last to ${account}`)
    paid.add(what)
    if (reason === 'Payout') payouts.set(window, (payouts.get(window) ?? 0n) + amount)
  }
  const { terms } = now.view
  for (const [window, amount] of payouts) {
    const price = BigInt(windowSlots(terms, window).length * terms.replicas) * terms.entryPrice
    demand(amount === price, `the claims of window ${window} are paid ${amount} wei instead of ${price}`)
  }
}

/** Who follows the protocol and answers in time never loses a stake, whatever others claim about its work. */
function honestNeverSlashed(now: Snapshot): void {
  for (const { account, amount, reason, window, index } of ledgerOf(now)) {
    const innocent = (reason === 'Slash' || reason === 'Forfeit') && now.honest.has(account)
    demand(!innocent, `${account} is honest and loses ${-amount} wei over window ${window}, entry ${index}`)
  }
}

/** A job that has ended keeps nothing of its submitter's. */
function endedJobsOweNothing({ job }: Snapshot): void {
  const ended = job.phase === 'Settled' || job.phase === 'Expired' || job.phase === 'Cancelled'
  demand(!ended || job.escrow === 0n, `the job is ${job.phase} and keeps ${job.escrow} wei`)
}

/** A final window has the bare run's roots: lies end before they are paid. */
function finalRootsHonest({ view, roots }: Snapshot): void {
  for (const { window, status, rootBefore, rootAfter } of view.windows.values()) {
    if (status !== 'final') continue
    const { from, to } = windowSteps(view.terms, window)
    demand(rootBefore === roots[from], `window ${window} is final and starts from another root than the bare run`)
    demand(rootAfter === roots[to], `window ${window} is final with another root than the bare run`)
  }
}

/** Windows become final in order, each once: what is built on must stand before what is built on it. */
function orderedSettlement({ events, view }: Snapshot): void {
  let next = 0
  for (const event of events) {
    if (event.name === 'WindowCommitted') {
      const open = event.window < next + view.terms.depth
      demand(open, `window ${event.window} is committed while ${next} are final`)
    }
    if (event.name !== 'WindowFinal') continue
    demand(event.window === next, `window ${event.window} is final before window ${next}`)
    next++
  }
}

/** Nothing is final that a draw picked and nobody judged: that is what the submitter pays for. */
function sampledJudged({ events, view }: Snapshot): void {
  const { windows } = view
  for (const event of events) {
    if (event.name !== 'WindowFinal') continue
    for (const [index, entry] of (windows.get(event.window)?.entries ?? []).entries()) {
      demand(
        !entry.sampled || entry.accepted,
        `entry ${index} of window ${event.window} is final, drawn and not judged`,
      )
    }
  }
}

/** Every cell's first entry in a plan epoch is drawn: no solver starts unobserved. */
function newcomersSampled({ view }: Snapshot): void {
  for (const window of view.windows.values()) {
    if (window.seed === null || window.window !== view.epochWindow || window.epoch !== view.epoch) continue
    const first = window.entries.slice(0, view.cells.length)
    demand(
      first.every(({ sampled }) => sampled),
      `a first entry of epoch ${view.epoch} is not drawn`,
    )
  }
}

/** A verdict that nobody was drawn for is refused, so nobody chooses what, or whom, to verify. */
async function undrawnVerdictsRefused(now: Snapshot): Promise<void> {
  const { view, block } = now
  for (const window of view.windows.values()) {
    // once, in the block of the seed
    if (window.seed === null || window.status !== 'seeded' || window.seededAt !== block) continue
    for (const [index, entry] of window.entries.entries()) {
      const drawn = drawnVerifier(view, window.window, index)
      const other = view.pool.find(({ account }) => account !== drawn)?.account
      if (other === undefined) continue
      const args = [view.jobId, window.epoch, window.window, index, entry.entryHash]
      const error = await now.refusal(other, 'commitVerdict', ...args)
      demand(error === 'NotDrawn', `a verdict of ${other} on entry ${index}, which it was not drawn for: ${error}`)
    }
  }
}

/** What the burn address receives is half of what is slashed at least: accusing oneself does not pay. */
function slashesBurn(now: Snapshot): void {
  let [slashed, burned] = [0n, 0n]
  for (const { account, amount, reason } of ledgerOf(now)) {
    if (reason === 'Slash' || reason === 'Forfeit') slashed -= amount
    if (reason !== 'Burn') continue
    demand(account === BURN, `${account} receives what is burned`)
    burned += amount
  }
  demand(2n * burned >= slashed, `${burned} of ${slashed} slashed wei are burned`)
}

export const INVARIANTS: readonly Rule[] = [
  solvency,
  ledgerBalances,
  nobodyPaidTwice,
  honestNeverSlashed,
  endedJobsOweNothing,
  finalRootsHonest,
  orderedSettlement,
  sampledJudged,
  newcomersSampled,
  undrawnVerdictsRefused,
  slashesBurn,
]

/** Checks every rule. @throws Error that names the rule and the block */
export async function checkInvariants(now: Snapshot): Promise<void> {
  for (const rule of INVARIANTS) {
    try {
      await rule(now)
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`${rule.name} is broken at block ${now.block}: ${message}`, { cause })
    }
  }
}
