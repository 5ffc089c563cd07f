/** The whistleblower's process: audits entries of its own choice, accepted or not, and challenges false ones with a bond. */
import { randomBytes } from 'node:crypto'
import type { EntryView, WindowView } from '#proto/machines/job-view.ts'
import { Auditor } from '#runtime/auditor.ts'
import { hasEnded } from '#runtime/book.ts'
import type { RoleNode } from '#runtime/node.ts'
import { type EngineChoice, openSession, Sessions } from '#runtime/session.ts'
import { type AuditAction, decide } from './decide.ts'

/** Runs a whistleblower that audits a share `rate` (0 to 1) of all entries until the process stops. */
export async function runWhistleblower(node: RoleNode, choice: EngineChoice, rate: number): Promise<void> {
  const secret = randomBytes(32)
  const sessions = new Sessions((job) => openSession(node.store, job, choice, node.signal))
  const auditor = new Auditor(node.store, node.announcer, node.signal)
  node.act(
    (job) => decide(job, secret, rate),
    (action) => audit(node, sessions, auditor, action),
  )
  node.book.onBlock((job) => {
    if (hasEnded(job)) void sessions.close(job.jobId)
  })
  await node.run()
  await sessions.closeAll()
}

async function audit(node: RoleNode, sessions: Sessions, auditor: Auditor, action: AuditAction): Promise<void> {
  const { jobId, terms } = action.job
  const window = action.job.windows.get(action.window) as WindowView
  const session = await sessions.of(action.job)
  const { judgement } = await auditor.audit(session, window, action.index)
  if (judgement.accept) return
  const current = node.book.views.get(jobId)?.windows.get(action.window)
  const accused = window.entries[judgement.against] as EntryView
  const open = current?.epoch === window.epoch && current.status !== 'void' && current.status !== 'final'
  if (!open || node.book.views.get(jobId)?.disputes.has(accused.entryHash)) return
  node.log.info({ job: jobId, window: window.window, index: judgement.against }, 'challenges')
  await node.fund(terms.challengeBond)
  await node.sender.challenge(jobId, window.epoch, window.window, judgement.against)
}
