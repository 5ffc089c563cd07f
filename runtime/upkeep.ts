/** What anyone may do to keep a job moving: record seeds, assign, redraw, resolve, settle, expire. Pure. */
import { type JobView, openDisputes } from '#proto/machines/job-view.ts'
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
  if (hasEnded(job)) return unbonding(job, me)
  const actions: UpkeepAction[] = []
  if (due(job.registeredAt + job.terms.jobPeriod)) return [{ ...of('expire'), type: 'expire' }]
  if (job.phase !== 'training' && due(job.bidsClose + SEED_BLOCKS)) {
    actions.push({ ...of(`assign:${job.bidsClose}`), type: 'assign' })
  }
  for (const dispute of openDisputes(job)) {
    if (!due(dispute.openedAt + job.terms.responsePeriod)) continue
    actions.push({ ...of(`resolve:${dispute.entryHash}`), type: 'resolve', entryHash: dispute.entryHash })
  }
  for (const [replica, until] of job.summons) {
    if (due(until)) actions.push({ ...of(`replace:${replica}:${until}`), type: 'replace', replica })
  }
  return [...actions, ...windowUpkeep(job, due, of)]
}

function windowUpkeep(
  job: JobView,
  due: (since: number) => boolean,
  of: (name: string) => { key: string; jobId: Hex },
): UpkeepAction[] {
  const actions: UpkeepAction[] = []
  const disputed = openDisputes(job).length > 0
  for (const view of job.windows.values()) {
    const { window, status, round } = view
    if (status === 'committed' && due(view.committedAt + SEED_BLOCKS - 1)) {
      actions.push({ ...of(`fixSeed:${window}`), type: 'fixSeed', window })
    }
    if (status === 'seeded' && due(view.seededAt + job.terms.verdictPeriod + job.terms.revealPeriod)) {
      actions.push({ ...of(`redraw:${window}:${round}`), type: 'redraw', window })
    }
    if (status === 'verified' && window === job.finalWindows && due(view.challengesUntil) && !disputed) {
      actions.push({ ...of(`settle:${window}`), type: 'settleWindow', window })
    }
  }
  return actions
}

/** After the end of a job everybody takes its own seat back. */
function unbonding(job: JobView, me: Hex): UpkeepAction[] {
  if (!job.bids.some(({ account }) => account === me)) return []
  return [{ key: `${job.jobId}:unbond:${me}`, jobId: job.jobId, type: 'unbond', account: me }]
}
