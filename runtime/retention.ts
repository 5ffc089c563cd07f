/**
 * What a process keeps and what it may drop. Pure. Whatever a live job may still be asked for is pinned: its data set,
 * its states, its evidence and signatures. The rest goes when its time is over, or earlier when space is short.
 */

/** A job, as far as its content is concerned. */
export interface JobStanding {
  /** Hex, without 0x, as the roots below. */
  readonly job: string
  readonly dataRoot: string
  readonly specHash: string
  /** Seconds since its end; undefined: it is live. */
  readonly endedFor: number | undefined
}

/** Something on disk: a data set by its root, or all states of a job by its id. */
export interface Holding {
  readonly kind: 'data' | 'states'
  readonly key: string
  readonly bytes: number
  /** Seconds since it was written last. */
  readonly age: number
}

export interface Drop extends Holding {
  readonly reason: string
}

export interface RetentionLimits {
  /** Seconds that an ended job's content is kept for whoever still pulls it. */
  readonly ended: number
  /** Seconds that a data set is kept which no job names. */
  readonly unnamed: number
  /** Seconds for which a fresh data set is safe in any case: its job is about to be registered. */
  readonly fresh: number
}

export const LIMITS: RetentionLimits = { ended: 7 * 86_400, unnamed: 3_600, fresh: 120 }

/** Why something must stay; undefined: it may go. */
export function pinned(holding: Holding, jobs: readonly JobStanding[]): string | undefined {
  const live = jobs.find((job) => job.endedFor === undefined && concerns(holding, job))
  if (live === undefined) return undefined
  return holding.kind === 'data' ? `job ${live.job} trains on it` : `job ${live.job} is live`
}

function concerns({ kind, key }: Holding, job: JobStanding): boolean {
  return key === (kind === 'data' ? job.dataRoot : job.job)
}

/** What has outlived its time: content of ended jobs, and data sets that no job names. */
export function expired(
  holdings: readonly Holding[],
  jobs: readonly JobStanding[],
  limits: RetentionLimits = LIMITS,
): Drop[] {
  return holdings.flatMap((holding) => {
    if (pinned(holding, jobs) !== undefined) return []
    const since = sinceEnd(holding, jobs)
    if (since !== undefined) return since > limits.ended ? [{ ...holding, reason: 'its job ended long ago' }] : []
    const unnamed = holding.kind === 'data' && holding.age > limits.unnamed
    return unnamed ? [{ ...holding, reason: 'no job names it' }] : []
  })
}

/** Seconds since the last of the jobs it belongs to ended; undefined: no job is known for it. */
function sinceEnd(holding: Holding, jobs: readonly JobStanding[]): number | undefined {
  const ends = jobs.flatMap((job) => (concerns(holding, job) && job.endedFor !== undefined ? [job.endedFor] : []))
  return ends.length === 0 ? undefined : Math.min(...ends)
}

/**
 * What to drop so that `bytes` become free, in this order: data sets that no job names, the oldest first; then, unless only
 * those may go, content of ended jobs, the one that ended first before the others. May free less than was asked for.
 */
export function makingRoom(
  holdings: readonly Holding[],
  jobs: readonly JobStanding[],
  bytes: number,
  onlyUnnamed: boolean,
  limits: RetentionLimits = LIMITS,
): Drop[] {
  const free = holdings.filter((holding) => pinned(holding, jobs) === undefined && holding.age > limits.fresh)
  const unnamed = free.filter((holding) => sinceEnd(holding, jobs) === undefined)
  const ended = free.filter((holding) => sinceEnd(holding, jobs) !== undefined)
  const order = [
    ...unnamed.sort((a, b) => b.age - a.age),
    ...(onlyUnnamed ? [] : ended.sort((a, b) => (sinceEnd(b, jobs) ?? 0) - (sinceEnd(a, jobs) ?? 0))),
  ]
  const drops: Drop[] = []
  let freed = 0
  for (const holding of order) {
    if (freed >= bytes) break
    drops.push({ ...holding, reason: 'space is short' })
    freed += holding.bytes
  }
  return drops
}
