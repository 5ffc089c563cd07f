/** The whistleblower's process: audits entries of its own choice, and challenges what verifiers wrongly let pass. */
import { randomBytes } from 'node:crypto'
import type { EntryView, WindowView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { Auditor } from '#runtime/auditor.ts'
import { hasEnded } from '#runtime/book.ts'
import type { RoleNode } from '#runtime/node.ts'
import { Sessions, type Workers } from '#runtime/session.ts'
import { decide, type WhistleblowerAction } from './decide.ts'

/** Runs a whistleblower that audits a share `rate` (0 to 1) of all entries until the process stops. */
export async function runWhistleblower(node: RoleNode, workers: Workers, rate: number): Promise<void> {
  const secret = randomBytes(32)
  const findings = new Map<Hex, { against: number }>()
  const sessions = new Sessions((job) => workers.open(job))
  const auditor = new Auditor(node.store, node.announcer, node.signal, node.log)
  node.act(
    (job, block) => decide(job, findings, secret, rate, block),
    (action) => (action.type === 'audit' ? audit(node, sessions, auditor, findings, action) : challenge(node, action)),
  )
  node.book.onBlock((job) => {
    if (hasEnded(job)) void sessions.close(job.jobId)
  })
  await node.run()
  await sessions.closeAll()
}

async function audit(
  node: RoleNode,
  sessions: Sessions,
  auditor: Auditor,
  findings: Map<Hex, { against: number }>,
  { job, window, index }: WhistleblowerAction,
): Promise<void> {
  const view = job.windows.get(window) as WindowView
  const { judgement } = await auditor.audit(await sessions.of(job), view, index)
  node.log.info({ job: job.jobId, window, index, ...judgement }, 'audited')
  if (judgement.accept) return
  findings.set((view.entries[index] as EntryView).entryHash, { against: judgement.against })
}

async function challenge(node: RoleNode, { job, window, index }: WhistleblowerAction): Promise<void> {
  const view = job.windows.get(window) as WindowView
  node.log.info({ job: job.jobId, window, index }, 'challenges')
  await node.fund(job.terms.challengeBond)
  await node.sender.challenge(job.jobId, view.epoch, window, index)
}
