/** What a coordinator does about a job at a block. Pure: it holds no tensor and chooses nothing that bits or pay depend on. */
import { bytesEqual } from '#proto/bytes.ts'
import type { SignedEntry } from '#proto/entry.ts'
import { isCommittable, type JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { entryIndex, windowSlots } from '#proto/windows.ts'

export type CoordinatorAction = { readonly key: string; readonly jobId: Hex } & (
  | { readonly type: 'claimLease' }
  | {
      readonly type: 'commitWindow'
      readonly epoch: number
      readonly window: number
      readonly entries: readonly SignedEntry[]
    }
  | { readonly type: 'summon' | 'replace'; readonly replica: number }
)

/** The entries that a coordinator has heard of: by `slotKey`, per replica. */
export type EntryPool = ReadonlyMap<string, ReadonlyMap<number, SignedEntry>>

/** Names a slot of a plan epoch in an `EntryPool`. */
export function slotKey(jobId: Hex, epoch: number, slot: number): string {
  return `${jobId}:${epoch}:${slot}`
}

/** Answered summonses after which a cell that still delivers nothing is replaced: MAX_STRIKES of Leases.sol. */
const MAX_STRIKES = 2

/**
 * The whole next window, slot by slot and in each slot replica by replica; or the replicas that have not delivered. Where
 * the replicas of a slot disagree about states, sums or metrics, none of them has: the contract takes only what all agree on.
 */
export function nextWindow(job: JobView, pool: EntryPool): { entries: SignedEntry[]; missing: number[] } {
  const entries: SignedEntry[] = []
  const missing = new Set<number>()
  for (const slot of windowSlots(job.terms, job.nextWindow)) {
    const claims = pool.get(slotKey(job.jobId, job.epoch, slot))
    const agreed = agree([...(claims?.values() ?? [])])
    for (const replica of job.cells.keys()) {
      const signed = claims?.get(replica)
      if (signed && agreed) entries[entryIndex(job.terms, slot, replica, job.cells.length)] = signed
      else missing.add(replica)
    }
  }
  return { entries, missing: [...missing].sort((a, b) => a - b) }
}

/** Whether claims on one slot say the same. */
function agree(claims: readonly SignedEntry[]): boolean {
  const [first] = claims
  const roots = ['rootBefore', 'rootAfter', 'lanesRoot', 'metricsRoot'] as const
  return claims.every(({ entry }) => first && roots.every((root) => bytesEqual(entry[root], first.entry[root])))
}

/** The coordinator's own steps; what anyone may do is `upkeep`'s. */
export function decide(job: JobView, pool: EntryPool, me: Hex, block: number): CoordinatorAction[] {
  if (!isCommittable(job)) return []
  const of = (name: string): { key: string; jobId: Hex } => ({
    key: `${job.jobId}:${job.epoch}:${name}`,
    jobId: job.jobId,
  })
  const due = job.clock + job.terms.commitPeriod
  const overdue = block > due
  if (job.lease !== me) {
    const lapsed = block > due + job.terms.responsePeriod && job.summons.size === 0
    const candidate = job.coordinators.includes(me)
    return candidate && lapsed ? [{ ...of(`lease:${job.clock}`), type: 'claimLease' }] : []
  }
  const { entries, missing } = nextWindow(job, pool)
  if (missing.length === 0) {
    const { epoch, nextWindow: window } = job
    return [{ ...of(`commit:${window}`), type: 'commitWindow', epoch, window, entries }]
  }
  if (!overdue) return []
  // Where cells disagree the first one to be replaced may be honest: it is another one each time.
  const first = job.clock % missing.length
  return [...missing.slice(first), ...missing.slice(0, first)]
    .filter((replica) => !job.summons.has(replica))
    .map((replica) => {
      const type = (job.strikes.get(replica) ?? 0) >= MAX_STRIKES ? 'replace' : 'summon'
      return { ...of(`${type}:${replica}:${job.clock}`), type, replica } as const
    })
}
