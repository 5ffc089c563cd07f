/** The whistleblower's process: audits entries of its own choice, challenges what verifiers wrongly let pass, and proves it. */
import type { EntryView, WindowView } from '#proto/machines/job-view.ts'
import { Auditor } from '#runtime/auditor.ts'
import { hasEnded } from '#runtime/book.ts'
import { StateKeeper } from '#runtime/keeper.ts'
import type { RoleNode } from '#runtime/node.ts'
import { Games } from '#runtime/pinpoint/games.ts'
import { Sessions, type Workers } from '#runtime/session.ts'
import { decide, isLate, isOpen, type WhistleblowerAction } from './decide.ts'
import { Memory } from './memory.ts'

/** Runs a whistleblower that audits a share `rate` (0 to 1) of all entries until the process stops. */
export async function runWhistleblower(node: RoleNode, workers: Workers, rate: number): Promise<void> {
  const memory = new Memory(node.database)
  const sessions = new Sessions((job) => workers.open(job))
  const keeper = new StateKeeper(node.store, workers.hashing(), node.log, node.signal)
  const auditor = new Auditor(node.store, node.announcer, node.signal, node.log, keeper)
  const games = new Games(node, workers)
  node.act(
    (job, block) => decide(job, node.me, memory.findings, memory.secret, rate, block),
    (action) => (action.type === 'audit' ? audit(node, sessions, auditor, memory, action) : challenge(node, action)),
  )
  node.book.onBlock((job, block) => {
    if (hasEnded(job)) void sessions.close(job.jobId)
    keeper.update(job, block)
  })
  await node.run()
  await Promise.all([sessions.closeAll(), games.close(), keeper.close()])
}

async function audit(
  node: RoleNode,
  sessions: Sessions,
  auditor: Auditor,
  memory: Memory,
  { job, window, index }: WhistleblowerAction,
): Promise<void> {
  const view = job.windows.get(window) as WindowView
  const { entryHash } = view.entries[index] as EntryView
  const session = await sessions.of(job)
  // A window that is final or void takes no challenge any more.
  const wanted = (): boolean => {
    const now = node.book.views.get(job.jobId)?.windows.get(window)
    return now !== undefined && isOpen(now) && now.entries[index]?.entryHash === entryHash
  }
  // Half of the challenge period is for asking again whoever does not show its evidence.
  const patient = (): boolean => {
    const now = node.book.views.get(job.jobId)?.windows.get(window)
    return now?.status !== 'verified' || !isLate(job, now.challengesUntil, node.book.block)
  }
  const { judgement } = await auditor.audit(session, view, index, { wanted, patient })
  node.log.info({ job: job.jobId, window, index, ...judgement }, 'audited')
  memory.found(entryHash, judgement.accept ? null : judgement.against)
}

async function challenge(node: RoleNode, { job, window, index }: WhistleblowerAction): Promise<void> {
  const view = job.windows.get(window) as WindowView
  node.log.info({ job: job.jobId, window, index }, 'challenges')
  await node.fund(job.terms.challengeBond)
  await node.sender.challenge(job.jobId, view.epoch, window, index)
}
