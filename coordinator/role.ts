/** The coordinator's process: takes jobs in, collects announced entries, commits windows, keeps jobs moving. */
import { isAssayError } from '#proto/errors.ts'
import { announcedEntry, type EntryAnnouncement } from '#proto/messages.ts'
import type { Hex } from '#proto/terms.ts'
import type { RoleNode } from '#runtime/node.ts'
import { type ApiOptions, startApi } from './api.ts'
import { type CoordinatorAction, decide } from './decide.ts'
import { AnnouncedEntries, jobOf } from './entries.ts'
import { Progress } from './progress.ts'

/** Blocks between two clean-ups of the pool. */
const PRUNE_BLOCKS = 100

/** Runs a coordinator on `node`; calls `ready` with the URL of its interface. */
export async function runCoordinator(node: RoleNode, api: ApiOptions, ready: (url: string) => void): Promise<void> {
  const progress = coordinate(node)
  const server = await startApi(node, progress, api)
  ready(server.url)
  await node.run()
  await server.close()
}

/** Makes `node` a coordinator but for its interface; returns what it hears of the training's progress. */
export function coordinate(node: RoleNode): Progress {
  const entries = new AnnouncedEntries(node.database)
  const progress = new Progress()
  node.announcer.subscribe('entry', (message) => hear(node, entries, progress, message))
  node.bidFor('Coordinator')
  node.act(
    (job, block) => decide(job, entries.pool, node.me, block),
    (action) => perform(node, action),
  )
  let prunedAt = 0
  const restored = new Set<Hex>()
  node.book.onBlock((job, block) => {
    if (job.phase === 'training' && !restored.has(job.jobId)) {
      restored.add(job.jobId)
      entries.restore(job)
    }
    if (block < prunedAt + PRUNE_BLOCKS) return
    prunedAt = block
    entries.prune(node.book.views)
  })
  return progress
}

function hear(node: RoleNode, entries: AnnouncedEntries, progress: Progress, message: EntryAnnouncement): void {
  try {
    const signed = announcedEntry(message)
    const job = node.book.views.get(jobOf(signed))
    if (!job) return
    const conflict = entries.add(job, signed)
    if (conflict) {
      node.log.warn({ solver: message.providers[0]?.peerId }, 'two signed entries for one range')
      node.sender.equivocation(conflict.kept, conflict.heard).catch((error) => {
        node.log.warn({ error: String(error) }, 'could not report the equivocation')
      })
    } else if (signed.entry.replica === 0 && !progress.has(job.jobId, signed.entry)) {
      const from = message.providers.map(({ peerId }) => peerId)
      const digest = Buffer.from(signed.digest).toString('hex')
      node.store.evidence(digest, signed.entry, job.cells.length, from, node.signal).then(
        (evidence) => evidence && progress.add(job.jobId, signed.entry, evidence),
        () => {},
      )
    }
  } catch (error) {
    const level = isAssayError(error, 'stale') ? 'debug' : 'warn'
    node.log[level]({ error: String(error) }, 'entry not taken in')
  }
}

async function perform(node: RoleNode, action: CoordinatorAction): Promise<void> {
  switch (action.type) {
    case 'claimLease':
      await node.sender.claimLease(action.jobId)
      return
    case 'summon':
      node.log.info({ job: action.jobId, replica: action.replica }, 'summons')
      await node.sender.summon(action.jobId, action.replica)
      return
    case 'replace':
      node.log.info({ job: action.jobId, replica: action.replica }, 'replaces')
      await node.sender.replace(action.jobId, action.replica)
      return
    case 'commitWindow': {
      const { jobId, epoch, window, entries } = action
      const { gasUsed } = await node.sender.commitWindow(jobId, epoch, window, entries)
      node.log.info({ job: jobId, epoch, window, entries: entries.length, gas: gasUsed.toString() }, 'window committed')
      return
    }
  }
}
