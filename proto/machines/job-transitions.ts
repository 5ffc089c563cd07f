/** The transition tables of a job and of its windows, as data: they are checked at every event and printed in the docs. */
import type { JobEventName } from '#proto/machines/events.ts'

/**
 * `bidding` until the first assignment; `training` while cells are assigned; `assigning` when none is left and solvers may
 * bid again. The others are final.
 */
export type JobPhase = 'bidding' | 'assigning' | 'training' | 'settled' | 'cancelled' | 'expired'
const LIVE = ['bidding', 'assigning', 'training'] as const
const ACTIVE = ['assigning', 'training'] as const
const ENDED = ['settled', 'cancelled', 'expired'] as const

/** Which events change the phase of a job. Every other event of `JOB_EVENTS` keeps it. */
export const JOB_TRANSITIONS: readonly {
  readonly from: readonly (JobPhase | 'none')[]
  readonly event: JobEventName
  readonly to: readonly JobPhase[]
}[] = [
  { from: ['none'], event: 'JobRegistered', to: ['bidding'] },
  { from: LIVE, event: 'JobCancelled', to: ['cancelled'] },
  { from: LIVE, event: 'Assigned', to: ACTIVE },
  { from: ACTIVE, event: 'JobSettled', to: ['settled'] },
  { from: LIVE, event: 'JobExpired', to: ['expired'] },
]

/** In which phases the other events may happen; the phase stays. A dispute over a voided window may outlive the job. */
export const JOB_EVENTS: Readonly<Partial<Record<JobEventName, readonly JobPhase[]>>> = {
  JobShortened: ACTIVE,
  JobToppedUp: LIVE,
  BiddingOpened: LIVE,
  Bid: LIVE,
  PoolFixed: ['bidding'],
  LeaseTaken: LIVE,
  SolverLeft: ACTIVE,
  Unbonded: [...ACTIVE, ...ENDED],
  Summoned: ['training'],
  Presented: ['training'],
  WindowCommitted: ['training'],
  SeedFixed: ACTIVE,
  VerdictCommitted: ACTIVE,
  VerdictAbstained: ACTIVE,
  VerdictRevealed: ACTIVE,
  Redrawn: ACTIVE,
  WindowVerified: ACTIVE,
  WindowLapsed: ACTIVE,
  WindowVoided: LIVE,
  WindowFinal: ACTIVE,
  Challenged: ACTIVE,
  DisputeResolved: [...ACTIVE, ...ENDED],
  Equivocated: ACTIVE,
  Ledger: [...LIVE, ...ENDED],
}

export type WindowStatus = 'committed' | 'seeded' | 'verified' | 'final' | 'void'

/** How events move a window; a window that is void may be committed again by a later epoch. */
export const WINDOW_TRANSITIONS: readonly {
  readonly from: readonly (WindowStatus | 'none')[]
  readonly event: JobEventName
  readonly to: WindowStatus
}[] = [
  { from: ['none', 'void'], event: 'WindowCommitted', to: 'committed' },
  { from: ['committed'], event: 'SeedFixed', to: 'seeded' },
  { from: ['seeded'], event: 'VerdictCommitted', to: 'seeded' },
  { from: ['seeded'], event: 'VerdictAbstained', to: 'seeded' },
  { from: ['seeded'], event: 'VerdictRevealed', to: 'seeded' },
  { from: ['seeded'], event: 'Redrawn', to: 'seeded' },
  { from: ['seeded'], event: 'WindowLapsed', to: 'seeded' },
  { from: ['seeded', 'verified'], event: 'WindowVerified', to: 'verified' },
  { from: ['verified'], event: 'WindowFinal', to: 'final' },
  { from: ['committed', 'seeded', 'verified'], event: 'WindowVoided', to: 'void' },
]
