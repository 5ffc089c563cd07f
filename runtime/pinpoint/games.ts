/**
 * Plays all games of this process: as the solver or an acceptor of a disputed entry, or as one of its challengers. What is to be
 * done follows from the chain, so a restart, a chain that takes back blocks and a lost worker change nothing but the time it takes.
 */
import { PinpointReader, PinpointSender } from '#contracts/pinpoint.ts'
import { longestGame } from '#pinpoint/game.ts'
import { to0x } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { type DisputeView, type EntryView, type JobView, openDisputes } from '#proto/machines/job-view.ts'
import {
  decodeStatementRequest,
  encodeStatementRequest,
  MAX_PREIMAGE_BYTES,
  MAX_STATEMENT_BYTES,
} from '#proto/messages.ts'
import type { Hex } from '#proto/terms.ts'
import { PROTOCOLS } from '#proto/topics.ts'
import type { ClaimLie, NodeName } from '#runtime/compute/dispute.ts'
import type { RoleNode } from '#runtime/node.ts'
import { Sessions, type Workers } from '#runtime/session.ts'
import { endStalled } from './bystander.ts'
import { Contest, type ContestPorts } from './contest.ts'
import { Desk } from './desk.ts'
import { nodeIn, requestFor } from './statements.ts'

/** Longest that a challenger waits for what an asserter shows of its statement before one move, ms. */
const PATIENCE_MS = 4_000
/** Of the blocks that its clock has left, it waits for one in so many at most. */
const PATIENCE_SHARE = 4
/** Blocks between two looks at a dispute of others that lasts too long. */
const STAND_BY_BLOCKS = 16
/** Requests for statements served at once: own moves wait behind them in the worker. */
const MAX_REQUESTS = 4

export interface GamesOptions {
  /** For liars: what they defend in the place of the truth. Undefined: the truth. */
  readonly lieOf?: ((entry: EntryView) => ClaimLie | undefined) | undefined
}

/** What games need of a node. */
type GamesNode = Pick<RoleNode, 'me' | 'log' | 'signal' | 'reader' | 'sender' | 'store' | 'announcer' | 'peer' | 'book'>

export class Games {
  readonly #node: GamesNode
  /** Of their own: an audit, or the training, may take longer than a clock runs. */
  readonly #sessions: Sessions
  readonly #options: GamesOptions
  readonly #arbiter: Pick<ContestPorts, 'reader' | 'sender'>
  readonly #contests = new Map<Hex, { readonly jobId: Hex; readonly contest: Contest }>()
  /** Where it began to look at blocks. */
  #began: { readonly block: number; readonly at: number } | undefined
  #block = 0
  #closed = false
  /** Disputes of others whose games it is about to end. */
  readonly #ending = new Set<Hex>()

  constructor(node: GamesNode, workers: Workers, options: GamesOptions = {}) {
    this.#node = node
    this.#options = options
    this.#sessions = new Sessions((job) => workers.open(job))
    const { provider, deployment } = node.reader
    this.#arbiter = {
      reader: new PinpointReader(provider, deployment.arbiter),
      sender: new PinpointSender(node.sender.transactor, deployment.arbiter),
    }
    node.book.onBlock((job, block) => this.#update(job, block))
    node.book.onRollback(() => this.#forget())
    this.#serve()
  }

  /** Ends all of it; what was sent may still land. */
  async close(): Promise<void> {
    this.#closed = true
    this.#forget()
    await this.#sessions.closeAll()
  }

  #update(job: JobView, block: number): void {
    if (this.#closed || this.#node.signal.aborted) return
    this.#began ??= { block, at: performance.now() }
    this.#block = block
    const disputes = openDisputes(job)
    const open = disputes.filter((dispute) => takesPart(job, dispute, this.#node.me))
    for (const dispute of disputes) this.#standBy(job, dispute, block)
    for (const dispute of open) {
      const contest = this.#contests.get(dispute.entryHash)?.contest ?? this.#begin(job, dispute)
      contest.look(block)
    }
    this.#endOthers(
      job.jobId,
      open.map(({ entryHash }) => entryHash),
    )
  }

  /** By now honest players have come to an end, and nobody else may be there to say that the others are out of time. */
  #standBy({ terms }: JobView, { entryHash, openedAt }: DisputeView, block: number): void {
    const { me, log, reader } = this.#node
    const due = block > openedAt + longestGame(terms.responsePeriod)
    // Not all bystanders at once.
    const mine = (block + Number(BigInt(me) % BigInt(STAND_BY_BLOCKS))) % STAND_BY_BLOCKS === 0
    if (!due || !mine || this.#ending.has(entryHash)) return
    this.#ending.add(entryHash)
    endStalled({ ...this.#arbiter, court: reader.deployment.assay }, entryHash, block)
      .then((ended) => ended > 0 && log.info({ entry: entryHash, ended }, 'ended games that had stalled'))
      .catch((error) => log.debug({ entry: entryHash, error: String(error) }, 'could not end games'))
      .finally(() => this.#ending.delete(entryHash))
  }

  #begin(job: JobView, dispute: DisputeView): Contest {
    const { entryHash, openedAt, slot } = dispute
    const { me, log, reader, sender } = this.#node
    const view =
      slot.find((one) => one.entryHash === entryHash) ?? fail('internal', `no entry ${entryHash} in its slot`)
    const session = () => this.#sessions.of(this.#node.book.views.get(job.jobId) ?? job)
    const own = dispute.solver === me
    const desk = new Desk({ entry: view.entry, slot, own, lie: this.#options.lieOf?.(view) }, this.#node, session)
    const contest = new Contest(entryHash, openedAt, {
      ...{ ...this.#arbiter, desk, log, me, court: reader.deployment.assay },
      head: () => reader.blockNumber(),
      resolve: () => sender.resolve(entryHash),
      ask: (asserter, node, timeoutMs) => this.#ask(asserter, desk, node, timeoutMs),
      patience: (blocks) => this.#patience(blocks),
    })
    this.#contests.set(entryHash, { jobId: job.jobId, contest })
    return contest
  }

  /** Lets go of what is decided, and of the worker when nothing is left that needs it. */
  #endOthers(jobId: Hex, open: readonly Hex[]): void {
    const mine = [...this.#contests].filter(([, one]) => one.jobId === jobId)
    const over = mine.filter(([entryHash]) => !open.includes(entryHash))
    for (const [entryHash, { contest }] of over) {
      contest.stop()
      this.#contests.delete(entryHash)
    }
    if (over.length > 0 && over.length === mine.length) void this.#sessions.close(jobId)
  }

  /** The chain has taken back blocks: what is left of the disputes is told anew. */
  #forget(): void {
    for (const { contest } of this.#contests.values()) contest.stop()
    this.#contests.clear()
  }

  #patience(blocks: number): number {
    const { block, at } = this.#began ?? { block: this.#block, at: 0 }
    const each = (performance.now() - at) / Math.max(1, this.#block - block)
    return Math.min(PATIENCE_MS, (blocks / PATIENCE_SHARE) * each)
  }

  async #ask(asserter: Hex, { digest }: Desk, node: NodeName, timeoutMs: number): Promise<Uint8Array> {
    const { announcer, peer, signal } = this.#node
    const from = announcer.peerOf(asserter) ?? fail('unavailable', `${asserter} has not announced itself`)
    const request = encodeStatementRequest(requestFor(digest, node))
    return await peer.request(from, PROTOCOLS.statement, request, {
      maxResponse: MAX_PREIMAGE_BYTES,
      timeoutMs,
      signal,
    })
  }

  #serve(): void {
    const { announcer, peer } = this.#node
    peer.handle(
      PROTOCOLS.statement,
      async (body, from) => {
        const request = decodeStatementRequest(body)
        const open = this.#contests.get(to0x(request.entry) as Hex)
        if (open === undefined) return fail('unavailable', 'this process defends no such entry')
        return await open.contest.preimage(nodeIn(request), (account) => announcer.peerOf(account) === from)
      },
      { maxRequest: MAX_STATEMENT_BYTES, maxConcurrent: MAX_REQUESTS },
    )
  }
}

/** Whether an account has signed the entry, accused it, or accepted it, before it was accused or since. */
function takesPart(job: JobView, { entryHash, window, slot, solver, accusers }: DisputeView, me: Hex): boolean {
  if (solver === me || accusers.includes(me)) return true
  const views = [...slot, ...(job.windows.get(window)?.entries ?? [])].filter((view) => view.entryHash === entryHash)
  return views.some(({ verdicts }) => verdicts.some(({ status, verifier }) => status === 'accepted' && verifier === me))
}
