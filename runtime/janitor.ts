/** Keeps a process's content within its quota: drops what is over, makes room for what comes. Decisions: retention.ts. */
import { statfs } from 'node:fs/promises'
import { fromHex } from '#proto/bytes.ts'
import { AssayError } from '#proto/errors.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { hasEnded } from '#runtime/book.ts'
import { type Drop, expired, type Holding, type JobStanding, LIMITS, makingRoom } from '#runtime/retention.ts'
import type { Logger } from '#runtime/shell.ts'
import type { ContentStore } from '#runtime/store.ts'

/** Time between two sweeps, and age at which an interrupted download is given up, milliseconds. */
const SWEEP_MS = 60_000
const PARTIAL_MS = 86_400_000
/** Seconds of a block where the network does not say. */
const BLOCK_SECONDS = 12
/** Share of the free disk that content may take unless told otherwise. */
const FREE_SHARE = 0.5

/** The jobs as the chain has them; undefined while they are not all known: then nothing is dropped. */
export type Jobs = () => { readonly views: Iterable<JobView>; readonly block: number } | undefined

export class Janitor {
  /** Bytes that blobs and checkpoints may take. */
  readonly maxBytes: number
  readonly #store: ContentStore
  readonly #jobs: Jobs
  readonly #blockSeconds: number
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout
  #work: Promise<unknown> = Promise.resolve()

  constructor(store: ContentStore, jobs: Jobs, maxBytes: number, log: Logger, blockSeconds = BLOCK_SECONDS) {
    this.#store = store
    this.#jobs = jobs
    this.maxBytes = maxBytes
    this.#log = log
    this.#blockSeconds = blockSeconds
    this.#timer = setInterval(() => {
      this.sweep().catch((error) => log.warn({ error: String(error) }, 'could not clean up'))
    }, SWEEP_MS).unref()
    store.makeRoom = (bytes, onlyUnnamed) => this.makeRoom(bytes, onlyUnnamed)
  }

  /** Drops what has outlived its time, and what is over the quota. */
  sweep(): Promise<void> {
    return this.#queue(async () => {
      await this.#store.blobs.expirePartials(PARTIAL_MS)
      const jobs = this.#standings()
      if (jobs === undefined) return
      await this.#drop(expired(await this.#store.holdings(), jobs, LIMITS), jobs)
      const holdings = await this.#store.holdings()
      await this.#drop(makingRoom(holdings, jobs, total(holdings) - this.maxBytes, false), jobs)
    })
  }

  /**
   * Makes room for `bytes` more.
   * @param onlyUnnamed whether nothing but data sets that no job names may go for it
   * @throws AssayError `storage` where what must stay leaves too little
   */
  makeRoom(bytes: number, onlyUnnamed: boolean): Promise<void> {
    return this.#queue(async () => {
      let holdings = await this.#store.holdings()
      const missing = (): number => total(holdings) + bytes - this.maxBytes
      if (missing() <= 0) return
      const jobs = this.#standings()
      if (jobs) await this.#drop(makingRoom(holdings, jobs, missing(), onlyUnnamed), jobs)
      holdings = await this.#store.holdings()
      if (missing() <= 0) return
      throw new AssayError('storage', `${bytes} bytes more would exceed the storage quota of ${this.maxBytes}`, {
        next: 'Raise --max-storage, or wait until a job has ended: what live jobs need is never dropped.',
      })
    })
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** One after the other, so that two do not count on the same room. */
  #queue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#work.then(work)
    this.#work = result.catch(() => {})
    return result
  }

  #standings(): JobStanding[] | undefined {
    const known = this.#jobs()
    if (known === undefined) return undefined
    return [...known.views].map((view) => ({
      job: view.jobId.slice(2),
      dataRoot: view.terms.dataRoot.slice(2),
      specHash: view.terms.specHash.slice(2),
      endedFor: hasEnded(view) ? (known.block - view.place.blockNumber) * this.#blockSeconds : undefined,
    }))
  }

  async #drop(drops: readonly Drop[], jobs: readonly JobStanding[]): Promise<void> {
    for (const { kind, key, bytes, reason } of drops) {
      if (kind === 'data') await this.#store.blobs.delete(fromHex(key))
      else await this.#store.dropStates(fromHex(key))
      this.#log.info({ kind, key, bytes, reason }, 'dropped content')
    }
    for (const job of jobs) {
      if ((job.endedFor ?? 0) <= LIMITS.ended) continue
      const shared = jobs.some((other) => other.specHash === job.specHash && (other.endedFor ?? 0) <= LIMITS.ended)
      this.#store.forget(fromHex(job.job), shared ? undefined : fromHex(job.specHash))
    }
  }
}

function total(holdings: readonly Holding[]): number {
  return holdings.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** The quota of a folder where none is given: what is there, and half of what is free on its disk. */
export async function defaultQuota(folder: string, store: ContentStore): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return total(await store.holdings()) + Math.floor(bavail * bsize * FREE_SHARE)
}
