/**
 * A job's life as the chain tells it: a pure fold of the contract's events into one view that every role decides from
 * (docs/spec/protocol.md, "Job life cycle").
 */
import { check } from '#proto/errors.ts'
import type { EventPlace, JobEvent, JobEventOf, LedgerReason } from '#proto/machines/events.ts'
import { JOB_EVENTS, JOB_TRANSITIONS } from '#proto/machines/job-transitions.ts'
import { type EntryView, type JobView, type LedgerRow, underWay, type VerdictView } from '#proto/machines/job-view.ts'
import { type Draft, windowEvent } from '#proto/machines/job-window.ts'
import type { Hex } from '#proto/terms.ts'
import { windowCount } from '#proto/windows.ts'

const ZERO = `0x${'00'.repeat(32)}`
const NO_WINDOW = 0xffffffff
const NO_INDEX = 0xffff

/**
 * Takes in events of one job, in chain order; events at or before the view's place are skipped, so a batch may be handed
 * over twice. Events of other jobs, and of names the machine does not know, are skipped too. The given view stays as it is.
 *
 * @param view null before the job's `JobRegistered`
 * @throws AssayError `wrong-state` for an event that cannot happen in the state the job or window is in
 */
export function applyEvents(
  view: JobView | null,
  jobId: Hex,
  events: readonly ((JobEvent | { readonly name: string }) & EventPlace)[],
): JobView | null {
  let draft: Draft | null = null
  for (const event of events) {
    if (!isOf(event, jobId)) continue
    const last = draft ?? view
    if (last !== null && !after(event, last.place)) continue
    draft ??= view === null ? null : copy(view)
    draft = applyEvent(draft, event)
    draft.place = { blockNumber: event.blockNumber, logIndex: event.logIndex }
  }
  return draft ?? view
}

function isOf(event: { readonly name: string }, jobId: Hex): event is JobEvent & EventPlace {
  return (event as Partial<JobEvent>).jobId === jobId && (event.name === 'JobRegistered' || known(event.name))
}

function known(name: string): boolean {
  return Object.hasOwn(JOB_EVENTS, name) || JOB_TRANSITIONS.some(({ event }) => event === name)
}

function after(a: EventPlace, b: EventPlace): boolean {
  return a.blockNumber > b.blockNumber || (a.blockNumber === b.blockNumber && a.logIndex > b.logIndex)
}

function copy(view: JobView): Draft {
  return {
    ...view,
    windows: new Map(view.windows),
    disputes: new Map(view.disputes),
    left: new Set(view.left),
    unbonded: new Set(view.unbonded),
    summons: new Map(view.summons),
    strikes: new Map(view.strikes),
    ledger: [...view.ledger],
  }
}

function applyEvent(draft: Draft | null, event: JobEvent & EventPlace): Draft {
  const from = draft?.phase ?? 'none'
  const move = JOB_TRANSITIONS.find((row) => row.event === event.name && row.from.includes(from))
  const stays = from !== 'none' && JOB_EVENTS[event.name]?.includes(from) === true
  check(move !== undefined || stays, 'wrong-state', `${event.name} cannot happen to a job in phase ${from}`)
  const next = draft === null ? registered(event as JobEventOf<'JobRegistered'> & EventPlace) : draft
  if (draft !== null) handle(draft, event)
  const lawful = move === undefined ? next.phase === from : move.to.includes(next.phase)
  check(lawful, 'internal', `${event.name} moved a job from ${from} to ${next.phase}`)
  return next
}

function registered(event: JobEventOf<'JobRegistered'> & EventPlace): Draft {
  return {
    jobId: event.jobId,
    phase: 'bidding',
    submitter: event.submitter,
    terms: event.terms,
    registeredAt: event.blockNumber,
    bidsClose: event.blockNumber + event.terms.bidPeriod,
    bids: [],
    pool: [],
    coordinators: [],
    lease: null,
    epoch: 0,
    cells: [],
    epochWindow: 0,
    epochRoot: null,
    nextWindow: 0,
    totalWindows: windowCount(event.terms),
    escrow: event.escrow,
    deadline: event.blockNumber + event.terms.jobPeriod,
    finalWindows: 0,
    finalRoot: null,
    windows: new Map(),
    disputes: new Map(),
    left: new Set(),
    unbonded: new Set(),
    summons: new Map(),
    strikes: new Map(),
    clock: event.blockNumber,
    ledger: [],
    counts: {
      entriesCommitted: 0,
      entriesSampled: 0,
      entriesAccepted: 0,
      entriesRejected: 0,
      windowsVoided: 0,
      windowsLapsed: 0,
    },
    place: { blockNumber: event.blockNumber, logIndex: event.logIndex },
  }
}

function handle(job: Draft, event: JobEvent & EventPlace): void {
  switch (event.name) {
    case 'JobRegistered':
    case 'Equivocated':
      break
    case 'Unbonded':
      job.unbonded.add(event.account)
      break
    case 'JobCancelled':
      job.phase = 'cancelled'
      break
    case 'JobShortened':
      job.totalWindows = event.totalWindows
      break
    case 'JobToppedUp':
      toppedUp(job, event)
      break
    case 'JobExpired':
      job.phase = 'expired'
      job.nextWindow = event.finalWindows
      break
    case 'JobSettled':
      job.phase = 'settled'
      job.finalRoot = event.finalRoot
      break
    case 'BiddingOpened':
      job.bidsClose = event.bidsClose
      break
    case 'Bid':
      job.bids = [...job.bids, { account: event.account, role: event.role, stake: event.stake }]
      break
    case 'PoolFixed':
      job.pool = event.pool
      job.coordinators = event.coordinators
      break
    case 'LeaseTaken':
      job.lease = event.holder
      job.clock = event.blockNumber
      break
    case 'Assigned':
      assigned(job, event)
      break
    case 'SolverLeft':
      job.left.add(event.solver)
      break
    case 'Summoned':
      job.summons.set(event.replica, event.until)
      break
    case 'Presented':
      job.summons.delete(event.replica)
      job.strikes.set(event.replica, event.strikes)
      job.clock = event.blockNumber
      break
    case 'Challenged':
      challenged(job, event)
      break
    case 'DisputeResolved':
      resolved(job, event)
      break
    case 'Ledger':
      job.ledger.push(ledgerRow(event))
      if (FROM_ESCROW.has(event.reason)) job.escrow -= event.amount
      break
    case 'VerdictRevealed':
      windowEvent(job, event)
      heard(job, event)
      break
    default:
      windowEvent(job, event)
  }
}

/** Whoever accepts a claim that was accused takes part in its dispute, also when the window is void. */
function heard(job: Draft, { window, epoch, index }: JobEventOf<'VerdictRevealed'>): void {
  const entry = job.windows.get(window)?.entries[index]
  const dispute = entry && job.disputes.get(entry.entryHash)
  if (dispute === undefined || dispute.epoch !== epoch) return
  const slot = dispute.slot.map((other) => (other.entryHash === entry?.entryHash ? entry : other))
  job.disputes.set(dispute.entryHash, { ...dispute, slot })
}

/** What leaves a job's escrow; what enters it has events of its own. */
const FROM_ESCROW: ReadonlySet<LedgerReason> = new Set(['Payout', 'VerdictFee', 'CoordinatorFee', 'Refund'])

/** Cells that waited for money are not overdue when it comes. */
function toppedUp(job: Draft, event: JobEventOf<'JobToppedUp'> & EventPlace): void {
  const waited = !underWay(job)
  job.escrow += event.amount
  job.deadline = event.deadline
  if (waited && underWay(job)) job.clock = event.blockNumber
}

function ledgerRow(event: JobEventOf<'Ledger'> & EventPlace): LedgerRow {
  return {
    block: event.blockNumber,
    account: event.account,
    amount: event.amount,
    reason: event.reason,
    window: event.window === NO_WINDOW ? null : event.window,
    index: event.index === NO_INDEX ? null : event.index,
  }
}

function assigned(job: Draft, event: JobEventOf<'Assigned'> & EventPlace): void {
  const message = `plan epoch ${event.epoch} follows ${job.epoch}`
  check(event.epoch === job.epoch + 1, 'wrong-state', message)
  job.phase = event.cells.length > 0 ? 'training' : 'assigning'
  job.epoch = event.epoch
  job.cells = event.cells
  job.epochWindow = event.fromWindow
  job.epochRoot = event.fromRoot === ZERO ? null : event.fromRoot
  job.nextWindow = event.fromWindow
  job.clock = event.blockNumber
  job.summons.clear()
  job.strikes.clear()
}

function challenged(job: Draft, event: JobEventOf<'Challenged'> & EventPlace): void {
  const entries = job.windows.get(event.window)?.entries ?? []
  const entry = entries[event.index]
  check(entry?.entryHash === event.entryHash, 'wrong-state', `no entry ${event.index} of window ${event.window}`)
  const before = job.disputes.get(event.entryHash)
  const { entryHash, window, epoch, index, solver } = event
  const open = before?.ruling === 'Pending' ? before.accusers : []
  job.disputes.set(entryHash, {
    entryHash,
    window,
    epoch,
    index,
    solver,
    slot: before?.slot ?? entries.filter((other) => other.entry.stepFrom === entry.entry.stepFrom),
    accusers: open.includes(event.accuser) ? open : [...open, event.accuser],
    beaten: before?.beaten ?? [],
    openedAt: before?.openedAt ?? event.blockNumber,
    ruling: 'Pending',
  })
}

function resolved(job: Draft, event: JobEventOf<'DisputeResolved'>): void {
  const dispute = job.disputes.get(event.entryHash)
  check(dispute?.ruling === 'Pending', 'wrong-state', 'a ruling on a dispute that is not open')
  const lost = event.accusers.flatMap((accuser) => (accuser.lost ? [accuser.account] : []))
  const beaten = [...new Set([...dispute.beaten, ...lost])]
  job.disputes.set(event.entryHash, { ...dispute, ruling: event.ruling, beaten })
  const window = job.windows.get(dispute.window)
  if (event.ruling !== 'Upheld' || window === undefined || window.epoch !== dispute.epoch) return
  // Rejections that accused an entry whose claim stands count as acceptances, by nobody, unless they accuse another entry now.
  const onward = new Map(event.accusers.flatMap((one) => (one.passage === 'Onward' ? [[one.account, one.next]] : [])))
  const against = (v: VerdictView): boolean => v.status === 'rejected' && (v.passedTo ?? v.against) === dispute.index
  const entries = window.entries.map((entry): EntryView => {
    const verdict = entry.verdicts.find(against)
    if (verdict === undefined) return entry
    const next = onward.get(verdict.verifier)
    if (next === undefined) return { ...entry, accepted: true }
    return { ...entry, verdicts: entry.verdicts.map((v) => (v === verdict ? { ...verdict, passedTo: next } : v)) }
  })
  job.windows.set(window.window, { ...window, entries })
}
