/** The solver's process: bids, trains its cells, serves sums and evidence, answers the chain, defends what it has signed. */

import { to0x } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { decodeExchangeRequest, MAX_EXCHANGE_BYTES } from '#proto/messages.ts'
import type { Hex } from '#proto/terms.ts'
import { PROTOCOLS } from '#proto/topics.ts'
import type { RoleNode } from '#runtime/node.ts'
import { Games } from '#runtime/pinpoint/games.ts'
import type { Workers } from '#runtime/session.ts'
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
  /** A liar that defends its lie to the end; else it concedes what it cannot stand for. */
  readonly stubborn?: boolean | undefined
  /** How the process is asked to leave; absent: it is not. */
  readonly drain?: Leave | undefined
  /** Called once nothing keeps a solver any more that was asked to leave. */
  readonly left?: (() => void) | undefined
}

/** Runs a solver on `node` until the process stops. */
export async function runSolver(node: RoleNode, options: SolverOptions): Promise<void> {
  const lieOf = ({ terms }: JobView) => (options.lie === 'sum' ? oneUlp(terms.entrySteps) : undefined)
  const trainings = new Trainings(node, options.workers, lieOf)
  const games = new Games(node, options.workers, {
    lieOf: () => (options.lie === 'sum' && options.stubborn ? 'ulp' : undefined),
  })
  serveSums(node, trainings)
  const { drain } = options
  node.bidFor('Solver', () => drain?.mode === undefined)
  node.act(
    // Who wants to be replaced answers no summons.
    (job, block) => (drain?.mode === 'leave' ? [] : decide(job, node.me, block)),
    (action) => answer(node, action),
  )
  node.book.onBlock((job, block) => {
    trainings.update(job, block)
    node.store.received.update(job).catch((error) => node.log.warn({ error: String(error) }, 'cannot drop old sums'))
  })
  node.book.onRollback(() => void trainings.close())
  const leaver = drain && new Leaver(node, trainings, drain, options.left)
  await node.run()
  leaver?.close()
  await Promise.all([trainings.close(), games.close()])
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

async function answer(node: RoleNode, action: SolverAction): Promise<void> {
  await node.sender.present(action.job.jobId, action.replica)
}
