/** The verifier's process: replays the entries it is drawn for, commits to verdicts with proof of replay, stands for them. */
import { randomBytes } from 'node:crypto'
import { commitmentOf, type Verdict } from '#contracts/sender.ts'
import { ascii, concatBytes, fromHex, to0x } from '#proto/bytes.ts'
import { drawActivation, replayDigest } from '#proto/draw.ts'
import { fail, isAssayError } from '#proto/errors.ts'
import type { EntryView, WindowView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { Auditor } from '#runtime/auditor.ts'
import { hasEnded } from '#runtime/book.ts'
import { StateKeeper } from '#runtime/keeper.ts'
import type { RoleNode } from '#runtime/node.ts'
import { Games } from '#runtime/pinpoint/games.ts'
import { Sessions, type Workers } from '#runtime/session.ts'
import { decide, type VerifierAction } from './decide.ts'

/** Kind of the database's objects that hold verdicts to reveal, by their commitment. */
const VERDICT = 'verdict'

/** Ways for a verifier to cheat: `accept` accepts anything unseen, and defends it as the solver's `sum` lie does. */
export const VERIFIER_LIES = ['accept'] as const
export type VerifierLie = (typeof VERIFIER_LIES)[number]

export interface VerifierOptions {
  /** For tests and demonstrations: cheat in this way. */
  readonly lie?: VerifierLie | undefined
}

/** Runs a verifier on `node` until the process stops. */
export async function runVerifier(node: RoleNode, workers: Workers, options: VerifierOptions = {}): Promise<void> {
  const sessions = new Sessions((job) => workers.open(job))
  const keeper = new StateKeeper(node.store, workers.hashing(), node.log, node.signal)
  const auditor = new Auditor(node.store, node.announcer, node.signal, node.log, keeper)
  const games = new Games(node, workers, { lieOf: () => (options.lie === 'accept' ? 'ulp' : undefined) })
  node.bidFor('Verifier')
  node.act(
    (job, block) => decide(job, node.me, block),
    (action) => {
      if (action.type === 'reveal') return reveal(node, action)
      return options.lie === 'accept' ? acceptUnseen(node, action) : verify(node, sessions, auditor, action)
    },
  )
  node.book.onBlock((job, block) => {
    if (hasEnded(job)) void sessions.close(job.jobId)
    const seated = !hasEnded(job) && job.pool.some(({ account }) => account === node.me)
    keeper.update(job, block, seated ? () => sessions.of(job) : undefined)
  })
  await node.run()
  await Promise.all([sessions.closeAll(), games.close(), keeper.close()])
}

/** Whether the chain still asks for what an action does. */
function wanted(node: RoleNode, { key, job }: VerifierAction): boolean {
  const now = node.book.views.get(job.jobId)
  return now !== undefined && decide(now, node.me, node.book.block).some((action) => action.key === key)
}

function place({ job, window, index }: VerifierAction): { window: WindowView; entry: EntryView } {
  const view = job.windows.get(window)
  const entry = view?.entries[index]
  if (!view || !entry) return fail('internal', `no entry ${index} of window ${window}`)
  return { window: view, entry }
}

/** A liar's verdict: it has replayed nothing, so its proof of replay is made up. */
async function acceptUnseen(node: RoleNode, action: VerifierAction): Promise<void> {
  const { window, entry } = place(action)
  const drawnEntry = concatBytes(fromHex(entry.entryHash, 32), fromHex(window.seed ?? '', 32))
  const random = (): Hex => to0x(randomBytes(32)) as Hex
  const verdict: Verdict = { accept: true, against: action.index, digest: random(), salt: random() }
  await commit(
    node,
    action,
    node.database.verdictOnce(drawnEntry, window.round, () => JSON.stringify(verdict)),
  )
}

/** Commits to a verdict that is kept. */
async function commit(node: RoleNode, action: VerifierAction, body: string): Promise<void> {
  const { window, entry } = place(action)
  const commitment = commitmentOf(entry.entryHash, node.me, JSON.parse(body) as Verdict)
  // By what the chain will tell: whichever commitment ends up there, the verdict behind it is at hand.
  node.database.putObject(VERDICT, fromHex(commitment, 32), ascii(body))
  await node.sender.commitVerdict(action.job.jobId, window.epoch, window.window, action.index, commitment)
}

/** Whoever has a state, or evidence, may only be slow: half of the period is for asking again. */
function isEarly(node: RoleNode, action: VerifierAction): boolean {
  return node.book.block < place(action).window.seededAt + action.job.terms.verdictPeriod / 2
}

async function verify(node: RoleNode, sessions: Sessions, auditor: Auditor, action: VerifierAction): Promise<void> {
  const { window, entry } = place(action)
  const { jobId } = action.job
  const seed = fromHex(window.seed ?? '', 32)
  const entryHash = fromHex(entry.entryHash, 32)
  // Of this seed: a chain that takes back blocks may draw anew, and a proof of replay is for one seed.
  const drawnEntry = concatBytes(entryHash, seed)
  try {
    const earlier = node.database.verdict(drawnEntry, window.round)
    if (earlier !== undefined) return await commit(node, action, earlier)
    const session = await sessions.of(action.job)
    const drawn = drawActivation(seed, entryHash, session.spec.microBatches, session.program.micro.nodes.length)
    const { judgement, activation } = await auditor.audit(session, window, action.index, {
      wanted: () => wanted(node, action),
      patient: () => isEarly(node, action),
      ...(drawn && { activation: drawn }),
    })
    const verdict = {
      accept: judgement.accept,
      against: judgement.accept ? action.index : judgement.against,
      digest: to0x(replayDigest(node.identity.address, seed, activation ?? new Uint8Array(0))) as Hex,
      salt: to0x(randomBytes(32)) as Hex,
    }
    // Kept before it is sent: a restarted verifier must reveal what it committed to, and commits to nothing else.
    await commit(
      node,
      action,
      node.database.verdictOnce(drawnEntry, window.round, () => JSON.stringify(verdict)),
    )
    const { stepFrom, stepTo } = entry.entry
    node.log.info({ job: jobId, window: window.window, index: action.index, stepFrom, stepTo, ...judgement }, 'verdict')
  } catch (error) {
    if (isEarly(node, action) || !isAssayError(error, 'unavailable')) throw error
    node.log.warn({ window: window.window, index: action.index, error: error.message }, 'abstains')
    await node.sender.abstain(jobId, window.epoch, window.window, action.index)
  }
}

async function reveal(node: RoleNode, action: VerifierAction): Promise<void> {
  const { window, entry } = place(action)
  const said = entry.verdicts.findLast(({ round, verifier }) => round === window.round && verifier === node.me)
  const kept = said?.status === 'committed' ? node.database.object(VERDICT, fromHex(said.commitment, 32)) : undefined
  if (kept === undefined) fail('not-found', 'the verdict to reveal is not in this database')
  const verdict = JSON.parse(Buffer.from(kept).toString()) as Verdict
  await node.sender.revealVerdict(action.job.jobId, window.epoch, window.window, action.index, verdict)
}
