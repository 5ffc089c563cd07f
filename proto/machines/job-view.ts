/** What a role knows of a job: the state that the contract's events add up to, and what follows from it. */
import { fromHex } from '#proto/bytes.ts'
import { drawVerifier } from '#proto/draw.ts'
import type { SignedEntry } from '#proto/entry.ts'
import type { EventPlace, LedgerReason, PoolMember, Ruling, SeatRole } from '#proto/machines/events.ts'
import type { JobPhase, WindowStatus } from '#proto/machines/job-transitions.ts'
import { escrowFor, type Hex, type JobTerms } from '#proto/terms.ts'
import { windowSteps } from '#proto/windows.ts'

/** What a drawn verifier did about an entry in one round. */
export type VerdictView = { readonly verifier: Hex; readonly round: number } & (
  | { readonly status: 'committed'; readonly commitment: Hex }
  | { readonly status: 'abstained' }
  | { readonly status: 'accepted'; readonly digest: Hex }
  | {
      readonly status: 'rejected'
      readonly digest: Hex
      readonly against: number
      /** The entry of the slot that it accuses since it was passed on. */
      readonly passedTo?: number
    }
)

export interface EntryView extends SignedEntry {
  readonly entryHash: Hex
  readonly sampled: boolean
  /** Of all rounds, in the order given; the last one of the present round counts. */
  readonly verdicts: readonly VerdictView[]
  /** Accepted by its verifier, or upheld by the arbiter. */
  readonly accepted: boolean
}

export interface WindowView {
  readonly window: number
  readonly status: WindowStatus
  readonly epoch: number
  readonly coordinator: Hex
  readonly committedAt: number
  readonly seedRound: number
  readonly rootBefore: Hex
  readonly rootAfter: Hex
  /** Slot by slot, in each slot replica by replica. */
  readonly entries: readonly EntryView[]
  /** Audit seed, from `seeded` on. */
  readonly seed: Hex | null
  /** Block of the seed and of each redraw: verdict periods count from here. */
  readonly seededAt: number
  /** Round of the verifier draw. */
  readonly round: number
  /** Last block for challenges, from `verified` on. */
  readonly challengesUntil: number
  /** It was void because nobody judged it in time. */
  readonly lapsed: boolean
}

export interface DisputeView {
  readonly entryHash: Hex
  readonly window: number
  readonly epoch: number
  readonly index: number
  readonly solver: Hex
  /** Entries of its slot by replica: also when the window is void and committed anew. */
  readonly slot: readonly EntryView[]
  /** Since it was opened; a dispute over an upheld claim starts with none. */
  readonly accusers: readonly Hex[]
  /** Accusers of this claim that have lost: they cannot accuse it again. */
  readonly beaten: readonly Hex[]
  /** Block of the first accusation. */
  readonly openedAt: number
  /** `Pending` while it is open. An upheld claim may be accused again while its window takes challenges. */
  readonly ruling: Ruling
}

/** A movement of value. */
export interface LedgerRow {
  readonly block: number
  readonly account: Hex
  /** Wei; positive to the account's free balance, negative from it (a `Slash`: from its stake). */
  readonly amount: bigint
  readonly reason: LedgerReason
  /** The window concerned, if any. */
  readonly window: number | null
  /** The entry of the window concerned, if any. */
  readonly index: number | null
}

/** Sums over all epochs, voided windows included. */
export interface JobCounts {
  readonly entriesCommitted: number
  readonly entriesSampled: number
  readonly entriesAccepted: number
  readonly entriesRejected: number
  readonly windowsVoided: number
  readonly windowsLapsed: number
}

export interface JobView {
  readonly jobId: Hex
  readonly phase: JobPhase
  readonly submitter: Hex
  readonly terms: JobTerms
  readonly registeredAt: number
  /** Last block that takes bids. */
  readonly bidsClose: number
  readonly bids: readonly { readonly account: Hex; readonly role: SeatRole; readonly stake: bigint }[]
  /** Verifiers in draw order, and their weights. */
  readonly pool: readonly PoolMember[]
  readonly coordinators: readonly Hex[]
  /** Who may commit windows; null before the first assignment. */
  readonly lease: Hex | null
  /** Current plan epoch; 0 before the first. */
  readonly epoch: number
  /** Solver of each replica. */
  readonly cells: readonly Hex[]
  /** First window of the epoch, and the state root before it; null: the init state's, not known yet. */
  readonly epochWindow: number
  readonly epochRoot: Hex | null
  /** The next window to commit. */
  readonly nextWindow: number
  /** As planned, or fewer since the submitter cancelled. */
  readonly totalWindows: number
  /** Wei that the job still has for windows that are not final. */
  readonly escrow: bigint
  /** Last block before anyone may expire the job. */
  readonly deadline: number
  readonly finalWindows: number
  /** State root after the last final window; null before the first. */
  readonly finalRoot: Hex | null
  readonly windows: ReadonlyMap<number, WindowView>
  readonly disputes: ReadonlyMap<Hex, DisputeView>
  /** Solvers that were slashed, disputed or replaced. */
  readonly left: ReadonlySet<Hex>
  /** Accounts that took their seat back. */
  readonly unbonded: ReadonlySet<Hex>
  /** Open summonses of the current epoch, by replica: last block for the answer. */
  readonly summons: ReadonlyMap<number, number>
  /** Summonses that a replica answered since the last commit: after two it can be replaced. */
  readonly strikes: ReadonlyMap<number, number>
  /** Block of the last progress: `commitPeriod` later the next window is overdue. */
  readonly clock: number
  readonly ledger: readonly LedgerRow[]
  readonly counts: JobCounts
  /** Place of the last event taken in. */
  readonly place: EventPlace
}

/** Disputes that wait for a ruling, also those over windows that are void by now. */
export function openDisputes(job: JobView): DisputeView[] {
  return [...job.disputes.values()].filter(({ ruling }) => ruling === 'Pending')
}

/**
 * The first step that somebody may still ask about: of what is not final, or of an open dispute. Those over windows that are void go
 * on while their steps are done again.
 */
export function firstNeededStep(job: JobView): number {
  const final = job.finalWindows === 0 ? 0 : windowSteps(job.terms, job.finalWindows - 1).to
  return Math.min(
    final,
    ...openDisputes(job).flatMap(({ slot }) => slot.slice(0, 1).map(({ entry }) => entry.stepFrom)),
  )
}

/** Whether cells may be at work on the next window: there is one, it has cells, and the escrow pays for it. */
export function underWay(job: JobView): boolean {
  return job.cells.length > 0 && job.nextWindow < Math.min(job.totalWindows, fundedWindows(job))
}

/** Whether the escrow does not pay for the next window: training waits for a `topUp`. */
export function waitsForMoney(job: JobView): boolean {
  return job.phase === 'training' && job.nextWindow < job.totalWindows && fundedWindows(job) <= job.nextWindow
}

/** Whether the next window waits only for its cells and the lease holder: `activeJob` of the contract. */
export function isCommittable(job: JobView): boolean {
  return job.phase === 'training' && underWay(job) && job.nextWindow < job.finalWindows + job.terms.depth
}

/** Windows that the escrow pays for in the worst case, the final ones included. */
export function fundedWindows(job: JobView): number {
  const { terms, escrow, finalWindows, totalWindows } = job
  if (escrowFor(terms, finalWindows, totalWindows) <= escrow) return totalWindows
  // Only the last window may be a smaller one, and it is not covered.
  return finalWindows + Number(escrow / escrowFor(terms, 0, 1))
}

/** Steps that the job is trained for: as planned, or fewer since its submitter cancelled. */
export function plannedSteps(job: JobView): number {
  return job.totalWindows === 0 ? 0 : windowSteps(job.terms, job.totalWindows - 1).to
}

/** Steps below this may be trained: the end of the last window that may be open and is paid for. */
export function trainableSteps(job: JobView): number {
  const open = Math.min(job.finalWindows + job.terms.depth, job.totalWindows, fundedWindows(job))
  return open === 0 ? 0 : windowSteps(job.terms, open - 1).to
}

/** The account drawn to verify an entry in the window's present round; null before the seed, undrawn, or nobody left. */
export function drawnVerifier(job: JobView, window: number, index: number): Hex | null {
  const view = job.windows.get(window)
  const entry = view?.entries[index]
  if (view === undefined || view.seed === null || entry === undefined || !entry.sampled) return null
  const pool = job.pool.map(({ account, weight }) => ({ address: fromHex(account), stake: weight }))
  const drawn = drawVerifier(fromHex(view.seed), fromHex(entry.entryHash), view.round, pool)
  return drawn === undefined ? null : (job.pool[drawn] as PoolMember).account
}
