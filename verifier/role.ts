/** The verifier's process: replays the entries it is drawn for, commits to verdicts with proof of replay, reveals them. */
import { randomBytes } from 'node:crypto'
import { commitmentOf, type Verdict } from '#contracts/sender.ts'
import { fromHex, to0x } from '#proto/bytes.ts'
import { drawActivation, replayDigest } from '#proto/draw.ts'
import { fail, isAssayError } from '#proto/errors.ts'
import type { EntryView, WindowView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { Auditor } from '#runtime/auditor.ts'
import { hasEnded } from '#runtime/book.ts'
import type { RoleNode } from '#runtime/node.ts'
import { Sessions, type Workers } from '#runtime/session.ts'
import { decide, type VerifierAction } from './decide.ts'

/** Runs a verifier on `node` until the process stops. */
export async function runVerifier(node: RoleNode, workers: Workers): Promise<void> {
  const sessions = new Sessions((job) => workers.open(job))
  const auditor = new Auditor(node.store, node.announcer, node.signal, node.log)
  node.bidFor('Verifier')
  node.act(
    (job, block) => decide(job, node.me, block),
    (action) => perform(node, sessions, auditor, action),
  )
  node.book.onBlock((job) => {
    if (hasEnded(job)) void sessions.close(job.jobId)
  })
  await node.run()
  await sessions.closeAll()
}

function place({ job, window, index }: VerifierAction): { window: WindowView; entry: EntryView } {
  const view = job.windows.get(window)
  const entry = view?.entries[index]
  if (!view || !entry) return fail('internal', `no entry ${index} of window ${window}`)
  return { window: view, entry }
}

async function perform(node: RoleNode, sessions: Sessions, auditor: Auditor, action: VerifierAction): Promise<void> {
  if (action.type === 'verify') return verify(node, sessions, auditor, action)
  if (action.type === 'reveal') return reveal(node, action)
  await defend(node, sessions, auditor, action)
}

/** Stands for a claim that it accepted, if a second replay confirms that too. */
async function defend(node: RoleNode, sessions: Sessions, auditor: Auditor, action: VerifierAction): Promise<void> {
  const { window, entry } = place(action)
  const { judgement } = await auditor.audit(await sessions.of(action.job), window, action.index)
  const innocent = judgement.accept || judgement.against !== action.index
  node.log.info({ entry: entry.entryHash, ...judgement }, innocent ? 'contests' : 'concedes')
  if (innocent) await node.sender.contest(entry.entryHash)
}

async function verify(node: RoleNode, sessions: Sessions, auditor: Auditor, action: VerifierAction): Promise<void> {
  const { window, entry } = place(action)
  const { jobId, terms } = action.job
  const seed = fromHex(window.seed ?? '', 32)
  const entryHash = fromHex(entry.entryHash, 32)
  try {
    const session = await sessions.of(action.job)
    const drawn = drawActivation(seed, entryHash, session.spec.microBatches, session.program.micro.nodes.length)
    const { judgement, activation } = await auditor.audit(session, window, action.index, drawn)
    const verdict = {
      accept: judgement.accept,
      against: judgement.accept ? action.index : judgement.against,
      digest: to0x(replayDigest(node.identity.address, seed, activation ?? new Uint8Array(0))) as Hex,
      salt: to0x(randomBytes(32)) as Hex,
    }
    // Kept before it is sent: a restarted verifier must reveal what it committed to.
    const kept = node.database.verdictOnce(entryHash, window.round, () => JSON.stringify(verdict))
    const commitment = commitmentOf(entry.entryHash, node.me, JSON.parse(kept) as Verdict)
    await node.sender.commitVerdict(jobId, window.epoch, window.window, action.index, commitment)
    const { stepFrom, stepTo } = entry.entry
    node.log.info({ job: jobId, window: window.window, index: action.index, stepFrom, stepTo, ...judgement }, 'verdict')
  } catch (error) {
    // Whoever has the state may only be slow: half of the period is for asking again.
    const patient = node.book.block < window.seededAt + terms.verdictPeriod / 2
    if (patient || !isAssayError(error, 'unavailable')) throw error
    node.log.warn({ window: window.window, index: action.index, error: error.message }, 'abstains')
    await node.sender.abstain(jobId, window.epoch, window.window, action.index)
  }
}

async function reveal(node: RoleNode, action: VerifierAction): Promise<void> {
  const { window, entry } = place(action)
  const kept = node.database.verdict(fromHex(entry.entryHash, 32), window.round)
  if (kept === undefined) fail('not-found', 'the verdict to reveal is not in this database')
  await node.sender.revealVerdict(
    action.job.jobId,
    window.epoch,
    window.window,
    action.index,
    JSON.parse(kept) as Verdict,
  )
}
