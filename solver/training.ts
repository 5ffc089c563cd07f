/** One job that this solver trains: its session, its cell, and the entries it has signed. */
import { fromHex } from '#proto/bytes.ts'
import { type Entry, encodeSignedEntry, entryDigest, type SignedEntry, signEntry } from '#proto/entry.ts'
import { fail } from '#proto/errors.ts'
import { type JobView, trainableSteps } from '#proto/machines/job-view.ts'
import { encodeExchangeRequest } from '#proto/messages.ts'
import { PROTOCOLS } from '#proto/topics.ts'
import { windowSteps } from '#proto/windows.ts'
import type { Evidence } from '#runtime/judge.ts'
import type { RoleNode } from '#runtime/node.ts'
import type { JobSession, Workers } from '#runtime/session.ts'
import { CellRunner, type SignAction, type SumName } from './cell.ts'
import type { Lie } from './lies.ts'

/** How long a partner's sum is waited for before the cell computes it itself, in milliseconds. */
const PATIENCE_MS = 20_000
/** The same for a partner that failed before, until it answers again. */
const IMPATIENCE_MS = 250
/** Pause between two attempts to reach a partner. */
const RETRY_MS = 200
/** Pause between two attempts to bring a state. */
const STATE_RETRY_MS = 1_000
/** Blocks between two announcements of an entry that no window holds yet. */
const REPEAT_BLOCKS = 15

/** A job under way in this process. */
export class Training {
  readonly #node: RoleNode
  readonly #session: JobSession
  readonly #hashing: ReturnType<Workers['hashing']>
  readonly #runner: CellRunner
  readonly #signed: SignedEntry[] = []
  readonly #lost = new Set<string>()
  #job: JobView
  #epoch = 0
  #announcedAt = 0

  constructor(
    node: RoleNode,
    session: JobSession,
    hashing: ReturnType<Workers['hashing']>,
    job: JobView,
    tamper: Lie | undefined,
  ) {
    this.#node = node
    this.#session = session
    this.#job = job
    this.#hashing = hashing
    const { program, compute, stateBytes, sumBytes } = session
    this.#runner = new CellRunner(
      {
        job: job.terms,
        statePorts: program.state,
        sumPorts: [...program.gradients, ...program.metrics],
        metricPorts: program.metrics,
        stateBytes,
        sumBytes,
      },
      {
        compute,
        hashing: this.#hashing,
        loadState: (step, root) => this.#loadState(step, root),
        fetchSum: (name, partner, into) => this.#fetchSum(name, partner, into),
        checkpointFile: (epoch, step) => node.store.checkpoints.file(fromHex(job.jobId), epoch, step),
        checkpointed: (root, trees, file) => node.store.keepCheckpoint(root, program.state, trees, file),
        sign: (action, evidence) => this.#sign(action, evidence),
        onStep: (step, metrics) => node.log.debug({ step, metrics: [...metrics] }, 'step'),
        onError: (error) =>
          node.log.error({ job: job.jobId, error: String((error as Error).stack) }, 'training failed'),
        ...(tamper && { tamper }),
      },
    )
  }

  /** Takes in the job as it stands after a block: starts, rolls back, goes on or stops. */
  update(job: JobView, block: number): void {
    this.#job = job
    const replica = job.cells.indexOf(this.#node.me)
    if (job.epoch > this.#epoch) this.#enter(job, replica)
    if (job.phase === 'training' && replica >= 0) this.#runner.open(trainableSteps(job))
    if (block >= this.#announcedAt + REPEAT_BLOCKS) {
      this.#announcedAt = block
      for (const signed of this.#pending()) this.#announce(signed)
    }
  }

  /** A new plan epoch: train this solver's cell from its first window, or stop if it has none. */
  #enter(job: JobView, replica: number): void {
    this.#epoch = job.epoch
    this.#signed.length = 0
    this.#lost.clear()
    if (replica < 0 || job.phase !== 'training') {
      this.#runner.send({ type: 'stop' })
      return
    }
    const { from } = windowSteps(job.terms, job.epochWindow)
    this.#node.log.info({ job: job.jobId, epoch: job.epoch, replica, of: job.cells.length, from }, 'trains')
    this.#runner.start({
      epoch: job.epoch,
      replica,
      replicas: job.cells.length,
      fromStep: from,
      root: job.epochRoot === null ? null : fromHex(job.epochRoot, 32),
      signedTo: 0,
      maxStep: trainableSteps(job),
    })
  }

  /** A partial sum that another replica asks for: its bytes, or undefined if this cell does not offer it in time. */
  async offered(name: SumName, timeoutMs: number): Promise<Uint8Array | undefined> {
    const lease = await this.#runner.offered(name, timeoutMs)
    if (!lease) return undefined
    const bytes = lease.bytes.slice()
    lease.release()
    return bytes
  }

  async close(): Promise<void> {
    this.#epoch = -1
    this.#runner.stop()
    await Promise.all([this.#hashing.close(), this.#session.close()])
  }

  /** Brings the state before a step, however long it takes somebody to serve it, while this epoch lasts. */
  async #loadState(step: number, root: Uint8Array | null): Promise<Uint8Array | null> {
    if (step === 0) return null
    if (!root) fail('internal', `no root of the state before step ${step}`)
    const epoch = this.#epoch
    for (;;) {
      try {
        return await this.#node.store.state(this.#session.program.state, root, [], this.#node.signal)
      } catch (error) {
        if (epoch !== this.#epoch || this.#node.signal.aborted) throw error
        this.#node.log.warn({ step, error: String(error) }, 'nobody serves the state yet')
        await new Promise((resolve) => setTimeout(resolve, STATE_RETRY_MS))
      }
    }
  }

  async #fetchSum(name: SumName, partner: number, into: Uint8Array): Promise<boolean> {
    const account = this.#job.cells[partner] ?? ''
    const patience = this.#lost.has(account) ? IMPATIENCE_MS : PATIENCE_MS
    const deadline = performance.now() + patience
    const request = encodeExchangeRequest({
      jobId: fromHex(this.#job.jobId, 32),
      ...name,
      replica: this.#job.cells.indexOf(this.#node.me),
    })
    while (name.epoch === this.#epoch && !this.#node.signal.aborted) {
      const left = deadline - performance.now()
      if (left <= 0) break
      const peer = this.#node.announcer.peerOf(account)
      try {
        if (!peer) throw new Error('the partner has not announced itself')
        const options = { maxResponse: into.length, timeoutMs: Math.ceil(left), signal: this.#node.signal, into }
        const received = await this.#node.peer.request(peer, PROTOCOLS.exchange, request, options)
        if (received.length !== into.length) throw new Error(`${received.length} bytes of ${into.length}`)
        this.#lost.delete(account)
        return true
      } catch (error) {
        this.#node.log.debug({ ...name, partner, error: String(error) }, 'no sum yet')
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
    if (name.epoch !== this.#epoch) return false
    this.#lost.add(account)
    this.#node.log.warn({ ...name, partner }, 'the partner does not answer: computing its sum')
    return false
  }

  async #sign(action: SignAction, evidence: Evidence): Promise<void> {
    const { type: _, ...claim } = action
    const { identity, database, store } = this.#node
    const entry: Entry = { ...claim, jobId: fromHex(this.#job.jobId, 32), solver: identity.address }
    store.keepEvidence(entryDigest(entry), evidence)
    const signed = database.signOnce(entry, (e) => signEntry(identity.key, e))
    if (entry.epoch !== this.#epoch) return
    this.#signed.push(signed)
    await this.#announce(signed)
  }

  /** Own entries of this epoch that no window holds yet. */
  #pending(): SignedEntry[] {
    if (this.#job.phase !== 'training') return []
    return this.#signed.filter(({ entry }) => entry.window >= this.#job.nextWindow)
  }

  async #announce(signed: SignedEntry): Promise<void> {
    const providers = [this.#node.announcer.self()]
    try {
      await this.#node.announcer.publish('entry', { entry: encodeSignedEntry(signed), providers })
    } catch (error) {
      this.#node.log.debug({ error: String(error) }, 'could not announce an entry')
    }
  }
}
