/** One job that this solver trains: its session, its cell, and the entries it has signed. */
import { concatBytes, fromHex } from '#proto/bytes.ts'
import { type Entry, encodeSignedEntry, entryDigest, type SignedEntry, signEntry } from '#proto/entry.ts'
import { check, fail, isAssayError } from '#proto/errors.ts'
import { HASH_BYTES } from '#proto/hash.ts'
import { exchangesOf } from '#proto/lanes.ts'
import { type JobView, trainableSteps } from '#proto/machines/job-view.ts'
import { type ExchangeRequest, encodeExchangeRequest } from '#proto/messages.ts'
import { PROTOCOLS } from '#proto/topics.ts'
import type { Evidence } from '#runtime/judge.ts'
import type { RoleNode } from '#runtime/node.ts'
import { whileDiskFails } from '#runtime/patience.ts'
import type { JobSession, Workers } from '#runtime/session.ts'
import { CellRunner, type SignAction } from './cell.ts'
import type { Lie } from './lies.ts'
import type { SumName } from './offers.ts'
import { agreedStates, earlierPoints, type StartingPoint, startingPoints } from './resume.ts'

/** How long a partner's sum is waited for before the cell computes it itself, in milliseconds. */
const PATIENCE_MS = 20_000
/** The same for a partner that failed before, until it answers again; more if computing its sum takes longer. */
const IMPATIENCE_MS = 250
/** Pause between two attempts to reach a partner. */
const RETRY_MS = 200
/** Pause between two attempts to bring a state. */
const STATE_RETRY_MS = 1_000
/** When nobody has served the state to start from for so long, an earlier one will do: work is lost then, not the job. */
const RECOMPUTE_MS = 60_000
/** Blocks between two announcements of an entry that no window holds yet. */
const REPEAT_BLOCKS = 15

export interface TrainingOptions {
  readonly tamper?: Lie | undefined
  /** Something this job cannot go on without has failed - a worker thread, the disk: close this, and open it anew. */
  onFailed(error: unknown): void
}

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
  #leaving = false
  /** The state that the cell is about to load; null: the init state. */
  #start: Uint8Array | null = null

  constructor(
    node: RoleNode,
    session: JobSession,
    hashing: ReturnType<Workers['hashing']>,
    job: JobView,
    options: TrainingOptions,
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
        loadState: () => {
          const state = this.#start
          this.#start = null
          return Promise.resolve(state)
        },
        fetchSum: (name, partner, into, roots) => this.#fetchSum(name, partner, into, roots),
        checkpointFile: (epoch, step) => node.store.checkpoints.file(fromHex(job.jobId), epoch, step),
        receivedFile: ({ epoch, step }, sum) => node.store.received.file(fromHex(job.jobId), epoch, step, sum),
        checkpointed: (root, trees, file) => node.store.keepCheckpoint(root, program.state, trees, file),
        patiently: (work) =>
          whileDiskFails(work, node.signal, (error, failures) => {
            const next = isAssayError(error) ? error.next : undefined
            node.log.warn({ job: job.jobId, error: String(error), failures, next }, 'training waits for the disk')
          }),
        sign: (action, evidence) => this.#sign(action, evidence),
        onStep: (step, metrics) => {
          node.log.debug({ step, metrics: [...metrics] }, 'step')
          if (step % job.terms.entrySteps !== 0) return
          node.log.info({ job: job.jobId, epoch: this.#epoch, step }, 'begins an entry')
        },
        onError: (error) => {
          node.log.error({ job: job.jobId, error: String((error as Error).stack) }, 'training failed')
          options.onFailed(error)
        },
        ...(options.tamper && { tamper: options.tamper }),
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

  /** Trains to the end of the entry under way, and no further; from then on partners compute what was this cell's. */
  leave(): void {
    this.#leaving = true
    const { state } = this.#runner
    const under = 'step' in state && state.step > state.slot * this.#job.terms.entrySteps
    if (!under) this.#runner.send({ type: 'stop' })
  }

  /** A new plan epoch, or the first one that this process sees: train this solver's cell, or stop if it has none. */
  #enter(job: JobView, replica: number): void {
    this.#epoch = job.epoch
    this.#signed.length = 0
    this.#lost.clear()
    this.#runner.send({ type: 'stop' })
    if (replica < 0 || job.phase !== 'training') return
    const { log } = this.#node
    this.#begin(job, replica).catch((error) => log.error({ job: job.jobId, error: String(error) }, 'cannot start'))
  }

  /** Starts the cell at the best state that can be had. */
  async #begin(job: JobView, replica: number): Promise<void> {
    const { epoch, jobId, terms } = job
    const signed = this.#node.database.signedIn(fromHex(jobId, 32), epoch, replica)
    this.#signed.push(...signed)
    const agreed = agreedStates(job)
    const points = startingPoints(
      terms,
      agreed,
      signed.map(({ entry }) => entry),
    )
    const found = await this.#findState(points, earlierPoints(terms, agreed))
    if (!found || epoch !== this.#epoch || this.#leaving) return
    const { step: from, root } = found
    const signedTo = signed.at(-1)?.entry.stepTo ?? 0
    this.#node.log.info({ job: jobId, epoch, replica, of: job.cells.length, from, signedTo }, 'trains')
    this.#runner.start({
      epoch,
      replica,
      replicas: job.cells.length,
      fromStep: from,
      root,
      // What is committed needs no entry any more. What was signed since is signed again, and must be the same.
      signedTo: points.at(-1)?.step ?? 0,
      maxStep: trainableSteps(this.#job),
    })
  }

  /**
   * The first of `points` whose state is here or served by anybody, in `#start`; after a while also `earlier` ones. Undefined
   * when another epoch has begun.
   */
  async #findState(
    points: readonly StartingPoint[],
    earlier: readonly StartingPoint[],
  ): Promise<StartingPoint | undefined> {
    const epoch = this.#epoch
    const patience = performance.now() + RECOMPUTE_MS
    for (;;) {
      for (const point of performance.now() < patience ? points : [...points, ...earlier]) {
        const state = await this.#stateAt(point)
        if (epoch !== this.#epoch || this.#node.signal.aborted) return undefined
        if (state === undefined) continue
        this.#start = state
        return point
      }
      await new Promise((resolve) => setTimeout(resolve, STATE_RETRY_MS))
    }
  }

  /** Null for the init state; undefined if nobody serves the state. */
  async #stateAt({ step, root }: StartingPoint): Promise<Uint8Array | null | undefined> {
    if (step === 0) return null
    if (!root) return undefined
    const { store, signal, log } = this.#node
    try {
      return await store.state(this.#session.program.state, root, [], signal)
    } catch (error) {
      log.warn({ job: this.#job.jobId, step, error: String(error) }, 'nobody serves the state yet')
      return undefined
    }
  }

  /**
   * A partial sum that another replica asks for, once this cell offers it.
   * @throws AssayError `bad-input` unless `from` runs the partner of that exchange; `stale` for a sum that is past;
   * `unavailable` if it does not come in time
   */
  async offered(request: ExchangeRequest, from: string, timeoutMs: number): Promise<Uint8Array> {
    const { replica: partner, epoch, step, level } = request
    const { cells } = this.#job
    const exchanges = exchangesOf(cells.indexOf(this.#node.me), cells.length)
    const expected = exchanges.some((exchange) => exchange.level === level && exchange.partner === partner)
    const asker = this.#node.announcer.peerOf(cells[partner] ?? '')
    check(expected && asker === from, 'bad-input', 'sums are for the cells of the job', { consequence: 'ignore' })
    const name = { epoch, step, level }
    check(!this.#runner.isPast(name), 'stale', 'this cell has let go of that sum')
    const offered = await this.#runner.offered(name, timeoutMs)
    if (!offered) return fail('unavailable', 'this cell does not offer that sum')
    const { lease, roots } = offered
    const bytes = concatBytes(lease.bytes, ...roots)
    lease.release()
    return bytes
  }

  async close(): Promise<void> {
    this.#epoch = -1
    this.#runner.stop()
    await Promise.all([this.#hashing.close(), this.#session.close()])
  }

  async #fetchSum(
    name: SumName,
    partner: number,
    into: Uint8Array,
    roots: number,
  ): Promise<readonly Uint8Array[] | undefined> {
    const account = this.#job.cells[partner] ?? ''
    const impatience = Math.max(IMPATIENCE_MS, this.#runner.sumMs)
    const patience = this.#lost.has(account) ? impatience : PATIENCE_MS
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
        const size = into.length + roots * HASH_BYTES
        const options = { maxResponse: size, timeoutMs: Math.ceil(left), signal: this.#node.signal }
        const direct = roots === 0 ? { ...options, into } : options
        const received = await this.#node.peer.request(peer, PROTOCOLS.exchange, request, direct)
        if (received.length !== size) throw new Error(`${received.length} bytes of ${size}`)
        if (roots > 0) into.set(received.subarray(0, into.length))
        this.#lost.delete(account)
        return Array.from({ length: roots }, (_, i) => {
          const at = into.length + i * HASH_BYTES
          return received.slice(at, at + HASH_BYTES)
        })
      } catch (error) {
        // It is ahead, and alive: this cell catches up by computing both.
        if (isAssayError(error, 'stale')) return undefined
        this.#node.log.debug({ ...name, partner, error: String(error) }, 'no sum yet')
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
    if (name.epoch !== this.#epoch) return undefined
    this.#lost.add(account)
    this.#node.log.warn({ ...name, partner }, 'the partner does not answer: computing its sum')
    return undefined
  }

  async #sign(action: SignAction, evidence: Evidence): Promise<void> {
    const { type: _, ...claim } = action
    const { identity, database, store } = this.#node
    const entry: Entry = { ...claim, jobId: fromHex(this.#job.jobId, 32), solver: identity.address }
    store.keepEvidence(entryDigest(entry), evidence, entry.jobId)
    const signed = database.signOnce(entry, (e) => signEntry(identity.key, e))
    if (this.#leaving) this.#runner.send({ type: 'stop' })
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
