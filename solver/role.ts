/** The solver's process: bids, trains its cells, serves sums and evidence, answers the chain. */

import { to0x } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import type { JobView, WindowView } from '#proto/machines/job-view.ts'
import { decodeExchangeRequest, MAX_EXCHANGE_BYTES } from '#proto/messages.ts'
import type { Hex } from '#proto/terms.ts'
import { PROTOCOLS } from '#proto/topics.ts'
import { Auditor } from '#runtime/auditor.ts'
import { hasEnded } from '#runtime/book.ts'
import type { RoleNode } from '#runtime/node.ts'
import { Sessions, type Workers } from '#runtime/session.ts'
import { decide, type SolverAction } from './decide.ts'
import { type Leave, Leaver } from './drain.ts'
import { type LieName, oneUlp } from './lies.ts'
import { Trainings } from './trainings.ts'

/** How long a partner's request waits for a sum that is not ready, in milliseconds. */
const OFFER_MS = 25_000
/** Requests for sums served at once. */
const MAX_EXCHANGES = 32
/** Of these, for peers without a seat: they may ask, and never take a partner's place. */
const MAX_STRANGE_EXCHANGES = 8

export interface SolverOptions {
  readonly workers: Workers
  /** For tests and demonstrations: cheat in this way. */
  readonly lie?: LieName | undefined
  /** How the process is asked to leave; absent: it is not. */
  readonly drain?: Leave | undefined
  /** Called once nothing keeps a solver any more that was asked to leave. */
  readonly left?: (() => void) | undefined
}

/** Runs a solver on `node` until the process stops. */
export async function runSolver(node: RoleNode, options: SolverOptions): Promise<void> {
  const lieOf = ({ terms }: JobView) => (options.lie === 'sum' ? oneUlp(terms.entrySteps) : undefined)
  const trainings = new Trainings(node, options.workers, lieOf)
  const audits = new Sessions((job) => options.workers.open(job))
  const auditor = new Auditor(node.store, node.announcer, node.signal, node.log)
  serveSums(node, trainings)
  const { drain } = options
  node.bidFor('Solver', () => drain?.mode === undefined)
  node.act(
    // Who wants to be replaced answers no summons.
    (job, block) => decide(job, node.me, block).filter(({ type }) => type !== 'present' || drain?.mode !== 'leave'),
    (action) => answer(node, audits, auditor, action),
  )
  node.book.onBlock((job, block) => {
    if (hasEnded(job)) void audits.close(job.jobId)
    trainings.update(job, block)
  })
  node.book.onRollback(() => void trainings.close())
  const leaver = drain && new Leaver(node, trainings, drain, options.left)
  await node.run()
  leaver?.close()
  await Promise.all([trainings.close(), audits.closeAll()])
}

function serveSums(node: RoleNode, trainings: Trainings): void {
  node.peer.handle(
    PROTOCOLS.exchange,
    async (body, from) => {
      const request = decodeExchangeRequest(body)
      const training = await trainings.get(to0x(request.jobId) as Hex)
      if (!training) return fail('unavailable', 'this solver does not train that job')
      return await training.offered(request, from, OFFER_MS)
    },
    { maxRequest: MAX_EXCHANGE_BYTES, maxConcurrent: MAX_EXCHANGES, maxStrangers: MAX_STRANGE_EXCHANGES },
  )
}

async function answer(node: RoleNode, audits: Sessions, auditor: Auditor, action: SolverAction): Promise<void> {
  if (action.type === 'present') {
    await node.sender.present(action.job.jobId, action.replica)
    return
  }
  // Contest only what an own replay confirms: whoever knows that the accusation is right concedes by silence.
  const window = action.job.windows.get(action.window) as WindowView
  const session = await audits.of(action.job)
  const wanted = (): boolean => {
    const now = node.book.views.get(action.job.jobId)
    return now !== undefined && decide(now, node.me, node.book.block).some(({ key }) => key === action.key)
  }
  const { judgement } = await auditor.audit(session, window, action.index, { wanted })
  // In a slot where a partner lied the state is wrong, and yet this solver's own claim is not.
  const innocent = judgement.accept || judgement.against !== action.index
  node.log.info({ entry: action.entryHash, ...judgement }, innocent ? 'contests' : 'concedes')
  if (innocent) await node.sender.contest(action.entryHash)
}
