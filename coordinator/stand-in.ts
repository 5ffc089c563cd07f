/**
 * A cell that commits its job's windows itself when no coordinator does: work that is delivered must not be withheld. It
 * takes the lease only where it can commit at once, and summons nobody: a coordinator takes the lease back when it lapses.
 */
import { fromHex } from '#proto/bytes.ts'
import { isAssayError } from '#proto/errors.ts'
import { isCommittable, type JobView } from '#proto/machines/job-view.ts'
import { announcedEntry, type EntryAnnouncement } from '#proto/messages.ts'
import type { Hex } from '#proto/terms.ts'
import type { RoleNode } from '#runtime/node.ts'
import { type CoordinatorAction, type EntryPool, nextWindow } from './decide.ts'
import { AnnouncedEntries, jobOf } from './entries.ts'

/** Blocks that coordinators have to themselves once the lease is free. */
const GRACE_BLOCKS = 20
/** Blocks between two clean-ups of the pool. */
const PRUNE_BLOCKS = 100

type StandInAction = CoordinatorAction & { readonly type: 'claimLease' | 'commitWindow' }

/** Whether a cell may take the lease: it has lapsed, or this cell answered a summons and still nothing is committed. */
export function mayStandIn(job: JobView, me: Hex, block: number): boolean {
  const replica = job.cells.indexOf(me)
  if (replica < 0 || !isCommittable(job)) return false
  if (job.lease === me) return true
  const { commitPeriod, responsePeriod } = job.terms
  const answered = (job.strikes.get(replica) ?? 0) > 0
  const free = job.clock + (answered ? 0 : commitPeriod + responsePeriod)
  return job.summons.size === 0 && block > free + GRACE_BLOCKS
}

/** What a cell does for its job's next window, if all of its entries are at hand. Pure. */
export function decideStandIn(job: JobView, pool: EntryPool, me: Hex, block: number): StandInAction[] {
  if (!mayStandIn(job, me, block)) return []
  const { entries, missing } = nextWindow(job, pool)
  if (missing.length > 0) return []
  const { jobId, epoch, nextWindow: window } = job
  if (job.lease !== me) return [{ key: `${jobId}:${epoch}:lease:${job.clock}`, jobId, type: 'claimLease' }]
  return [{ key: `${jobId}:${epoch}:commit:${window}`, jobId, type: 'commitWindow', epoch, window, entries }]
}

/** Makes a solver's node stand in for the coordinators of the jobs that it trains. */
export function standIn(node: RoleNode): void {
  const entries = new AnnouncedEntries()
  node.announcer.subscribe('entry', (message) => hear(node, entries, message))
  node.act(
    (job, block) => {
      // Nobody hears its own announcements.
      if (mayStandIn(job, node.me, block)) addOwn(node, entries, job)
      return decideStandIn(job, entries.pool, node.me, block)
    },
    (action) => perform(node, action),
  )
  let prunedAt = 0
  node.book.onBlock((_job, block) => {
    if (block < prunedAt + PRUNE_BLOCKS) return
    prunedAt = block
    entries.prune(node.book.views)
  })
}

function hear(node: RoleNode, entries: AnnouncedEntries, message: EntryAnnouncement): void {
  try {
    const signed = announcedEntry(message)
    const job = node.book.views.get(jobOf(signed))
    if (job?.cells.includes(node.me)) entries.add(job, signed)
  } catch (error) {
    if (!isAssayError(error)) throw error
    node.log.debug({ error: error.message }, 'entry not taken in')
  }
}

function addOwn({ database, me }: RoleNode, entries: AnnouncedEntries, job: JobView): void {
  const signed = database.signedIn(fromHex(job.jobId, 32), job.epoch, job.cells.indexOf(me))
  for (const one of signed) if (one.entry.window === job.nextWindow) entries.add(job, one)
}

async function perform(node: RoleNode, action: StandInAction): Promise<void> {
  const { jobId } = action
  if (action.type === 'claimLease') {
    node.log.warn({ job: jobId }, 'no coordinator commits: takes the lease')
    await node.sender.claimLease(jobId)
    return
  }
  const { epoch, window } = action
  await node.sender.commitWindow(jobId, epoch, window, action.entries)
  node.log.info({ job: jobId, epoch, window }, 'window committed in place of a coordinator')
}
