/**
 * Keeps and serves states for the case that those who trained them are gone. Whoever audits a job holds its last final
 * state, the last committed one, and those that it replayed since: no job ends because all of its solvers died.
 */
import { rm } from 'node:fs/promises'
import { bytesEqual, fromHex } from '#proto/bytes.ts'
import { firstNeededStep, type JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { windowSteps } from '#proto/windows.ts'
import { sharedBytes } from '#runtime/rpc.ts'
import type { JobSession, Workers } from '#runtime/session.ts'
import type { Logger } from '#runtime/shell.ts'
import type { ContentStore } from '#runtime/store.ts'

/** Names a state of a job. */
export interface StateName {
  /** Plan epoch in which it was claimed. */
  readonly epoch: number
  /** Steps that led to it. */
  readonly step: number
  readonly root: Uint8Array
}

/** Blocks between two attempts to fetch the last committed state. */
const RETRY_BLOCKS = 25

export class StateKeeper {
  readonly #store: ContentStore
  readonly #hashing: ReturnType<Workers['hashing']>
  readonly #log: Logger
  readonly #signal: AbortSignal
  /** First step that is kept, by job. */
  readonly #kept = new Map<Hex, number>()
  readonly #fetching = new Set<Hex>()
  readonly #retryAt = new Map<Hex, number>()

  constructor(store: ContentStore, hashing: ReturnType<Workers['hashing']>, log: Logger, signal: AbortSignal) {
    this.#store = store
    this.#hashing = hashing
    this.#log = log
    this.#signal = signal
  }

  /** Whether a state is here already. */
  has(root: Uint8Array): boolean {
    return this.#store.holds(root)
  }

  /** Writes a state down in the background, if its bytes (in shared memory, not to be changed) have the root. */
  keep(session: JobSession, name: StateName, bytes: Uint8Array): void {
    if (this.has(name.root)) return
    this.#write(session, name, bytes).catch((error) => {
      this.#log.warn({ job: session.jobId, step: name.step, error: String(error) }, 'could not keep a state')
    })
  }

  async #write(session: JobSession, { epoch, step, root }: StateName, bytes: Uint8Array): Promise<void> {
    const ports = session.program.state
    const file = this.#store.checkpoints.file(fromHex(session.jobId, 32), epoch, step)
    const written = await this.#hashing.call('checkpoint', { ports, bytes, file })
    if (bytesEqual(written.root, root)) this.#store.keepCheckpoint(root, ports, written.trees, file)
    else await rm(file, { force: true })
  }

  /**
   * Takes in a job after a block: drops what nobody can ask for any more - states before the last final one - and, with
   * `open`, brings the last committed one.
   * @param open the job's session, opened if need be
   */
  update(job: JobView, block: number, open?: () => Promise<JobSession>): void {
    const first = firstNeededStep(job)
    if (first > (this.#kept.get(job.jobId) ?? 0)) {
      this.#kept.set(job.jobId, first)
      this.#store.dropStatesBefore(fromHex(job.jobId, 32), first).catch((error) => {
        this.#log.warn({ job: job.jobId, error: String(error) }, 'could not drop old states')
      })
    }
    const last = job.windows.get(job.nextWindow - 1)
    if (!open || !last || this.#fetching.has(job.jobId) || block < (this.#retryAt.get(job.jobId) ?? 0)) return
    const root = fromHex(last.rootAfter, 32)
    if (this.has(root)) return
    this.#fetching.add(job.jobId)
    const { epoch, window } = last
    this.#bring(open, { epoch, step: windowSteps(job.terms, window).to, root })
      .catch((error) => {
        this.#retryAt.set(job.jobId, block + RETRY_BLOCKS)
        this.#log.debug({ job: job.jobId, window, error: String(error) }, 'the last committed state is not to be had')
      })
      .finally(() => this.#fetching.delete(job.jobId))
  }

  async #bring(open: () => Promise<JobSession>, name: StateName): Promise<void> {
    const session = await open()
    const bytes = sharedBytes(session.stateBytes)
    bytes.set(await this.#store.state(session.program.state, name.root, [], this.#signal))
    await this.#write(session, name, bytes)
  }

  async close(): Promise<void> {
    await this.#hashing.close()
  }
}
