/** What a solver answers on the chain: a summons it is there for, an accusation it may have to contest. Pure. */
import { type JobView, openDisputes } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'

export type SolverAction = { readonly key: string; readonly job: JobView } & (
  | { readonly type: 'present'; readonly replica: number }
  | { readonly type: 'defend'; readonly entryHash: Hex; readonly window: number; readonly index: number }
)

export function decide(job: JobView, me: Hex, block: number): SolverAction[] {
  const actions: SolverAction[] = []
  for (const [replica, until] of job.summons) {
    if (job.cells[replica] !== me || block >= until) continue
    actions.push({ key: `${job.jobId}:present:${replica}:${until}`, job, type: 'present', replica })
  }
  for (const { entryHash, window, index, solver, openedAt } of openDisputes(job)) {
    if (solver !== me || block >= openedAt + job.terms.responsePeriod) continue
    actions.push({ key: `${entryHash}:defend`, job, type: 'defend', entryHash, window, index })
  }
  return actions
}
