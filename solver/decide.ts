/** What a solver answers on the chain: a summons that it is there for. Pure. */
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'

export interface SolverAction {
  readonly key: string
  readonly job: JobView
  readonly replica: number
}

export function decide(job: JobView, me: Hex, block: number): SolverAction[] {
  return [...job.summons].flatMap(([replica, until]) => {
    if (job.cells[replica] !== me || block >= until) return []
    return [{ key: `${job.jobId}:present:${replica}:${until}`, job, replica }]
  })
}
