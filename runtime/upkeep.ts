/** What anyone may do to keep a job moving: record seeds, assign, redraw, resolve, settle, expire. Pure. */
import { to0x } from '#proto/bytes.ts'
import { type JobView, openDisputes, type WindowView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { hasEnded } from '#runtime/book.ts'

/** Blocks until the randomness bound to a block can be recorded. */
const SEED_BLOCKS = 3

/** A transaction that anyone may send. `key` names it for ever. */
export type UpkeepAction = { readonly key: string; readonly jobId: Hex } & (
  | { readonly type: 'assign' | 'expire' }
  | { readonly type: 'fixSeed' | 'redraw' | 'settleWindow'; readonly window: number }
  | { readonly type: 'resolve'; readonly entryHash: Hex }
  | { readonly type: 'replace'; readonly replica: number }
  | { readonly type: 'unbond'; readonly account: Hex }
)

/**
 * The steps that are due at `block`. Whoever is not the coordinator waits `grace` blocks longer, so that one process does
 * the work and the others only stand in for it.
 */
export function upkeep(job: JobView, block: number, grace: number, me: Hex): UpkeepAction[] {
  const due = (since: number): boolean => block > since + grace
  const of = (name: string): { key: string; jobId: Hex } => ({
    key: `${job.jobId}:${job.epoch}:${name}`,
    jobId: job.jobId,
  })
  const actions: UpkeepAction[] = resolutions(job, due, of)
  if (hasEnded(job)) return [...actions, ...unbonding(job, me)]
  if (due(job.deadline)) {
    // What is verified is settled first, and paid.
    if (job.windows.get(job.finalWindows)?.status === 'verified') return [...actions, ...settlements(job, due, of)]
    return openDisputes(job).length > 0 ? actions : [{ ...of('expire'), type: 'expire' }]
  }
  if (job.phase !== 'training' && due(job.bidsClose + SEED_BLOCKS)) {
    actions.push({ ...of(`assign:${job.bidsClose}`), type: 'assign' })
  }
  for (const [replica, until] of job.summons) {
    if (due(until)) actions.push({ ...of(`replace:${replica}:${until}`), type: 'replace', replica })
  }
  return [...actions, ...windowUpkeep(job, due, of), ...unbonding(job, me)]
}

type Due = (since: number) => boolean
type Naming = (name: string) => { key: string; jobId: Hex }

/** Disputes are resolved whatever has become of the job: bonds and stakes hang on them. */
function resolutions(job: JobView, due: Due, of: Naming): UpkeepAction[] {
  return openDisputes(job)
    .filter(({ openedAt }) => due(openedAt + job.terms.responsePeriod))
    .map(({ entryHash, beaten }) => ({
      // An upheld claim may be accused again, by others than those who have lost.
      ...of(`resolve:${entryHash}:${beaten.length}`),
      type: 'resolve',
      entryHash,
    }))
}

function windowUpkeep(job: JobView, due: Due, of: Naming): UpkeepAction[] {
  const actions: UpkeepAction[] = []
  for (const view of job.windows.values()) {
    const { window, status, round } = view
    if (status === 'committed' && due(view.committedAt + SEED_BLOCKS - 1)) {
      actions.push({ ...of(`fixSeed:${window}`), type: 'fixSeed', window })
    }
    if (status === 'seeded' && due(view.seededAt + job.terms.verdictPeriod + job.terms.revealPeriod)) {
      actions.push({ ...of(`redraw:${window}:${round}`), type: 'redraw', window })
    }
  }
  return [...actions, ...settlements(job, due, of)]
}

function settlements(job: JobView, due: Due, of: Naming): UpkeepAction[] {
  const view = job.windows.get(job.finalWindows)
  if (view?.status !== 'verified' || !due(view.challengesUntil) || isDisputed(job, view)) return []
  return [{ ...of(`settle:${view.window}:${view.challengesUntil}`), type: 'settleWindow', window: view.window }]
}

/** Whether disputes over the window's own claims are open; those over an earlier epoch's hold nothing up. */
function isDisputed(job: JobView, { window, epoch }: WindowView): boolean {
  return openDisputes(job).some((dispute) => dispute.window === window && dispute.epoch === epoch)
}

/** Everybody takes its own seat back: after the end of a job, or once it was replaced and nothing hangs on its claims. */
function unbonding(job: JobView, me: Hex): UpkeepAction[] {
  if (!isSeated(job, me) || !(hasEnded(job) || job.left.has(me))) return []
  if (openDisputes(job).some(({ solver, accusers }) => solver === me || accusers.includes(me))) return []
  if (!hasEnded(job) && answersFor(job, me)) return []
  return [{ key: `${job.jobId}:unbond:${me}`, jobId: job.jobId, type: 'unbond', account: me }]
}

/** Whether an account has a seat in a job, and stake behind it. */
export function isSeated(job: JobView, account: Hex): boolean {
  return job.bids.some((bid) => bid.account === account) && !job.unbonded.has(account) && stakeLeft(job, account) > 0n
}

/** Whether a solver has claims in windows that may still be judged. */
export function answersFor(job: JobView, account: Hex): boolean {
  const open = [...job.windows.values()].filter(({ status }) => status !== 'final' && status !== 'void')
  return open.some(({ entries }) => entries.some(({ entry }) => to0x(entry.solver) === account))
}

/** What an account has left of what it staked in a job, wei. */
function stakeLeft(job: JobView, account: Hex): bigint {
  return job.ledger
    .filter((row) => row.account === account && ['Stake', 'Slash', 'Unstake'].includes(row.reason))
    .reduce((left, { reason, amount }) => left + (reason === 'Slash' ? amount : -amount), 0n)
}
