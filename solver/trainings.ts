/** The jobs that a solver trains: each is opened when it is assigned, opened anew when it fails, closed when it ends. */

import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { hasEnded } from '#runtime/book.ts'
import type { RoleNode } from '#runtime/node.ts'
import type { Workers } from '#runtime/session.ts'
import type { Lie } from './lies.ts'
import { Training } from './training.ts'

/** Pauses before a job that failed is opened again, in milliseconds: the next one each time, the last one for ever. */
const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 60_000] as const
/** A job that has worked for so long starts with the first pause again. */
const SOUND_MS = 120_000

interface Attempts {
  failures: number
  /** Clock of the last opening and of the next one, in milliseconds. */
  openedAt: number
  retryAt: number
}

export class Trainings {
  readonly #node: RoleNode
  readonly #workers: Workers
  readonly #lieOf: (job: JobView) => Lie | undefined
  readonly #open = new Map<Hex, Promise<Training>>()
  readonly #attempts = new Map<Hex, Attempts>()
  #leaving = false
  /** The last plan that was seen of each job. */
  readonly #plans = new Map<Hex, { readonly epoch: number; readonly cells: string }>()

  /** @param lieOf how to cheat in a job; undefined: not at all */
  constructor(node: RoleNode, workers: Workers, lieOf: (job: JobView) => Lie | undefined) {
    this.#node = node
    this.#workers = workers
    this.#lieOf = lieOf
  }

  /** The training of a job, if it is open. */
  get(jobId: Hex): Promise<Training> | undefined {
    return this.#open.get(jobId)
  }

  /** Takes in a job as it stands after a block. */
  update(job: JobView, block: number): void {
    if (hasEnded(job)) {
      this.#attempts.delete(job.jobId)
      this.#plans.delete(job.jobId)
      void this.#end(job.jobId)
      return
    }
    const plan = { epoch: job.epoch, cells: job.cells.join() }
    const before = this.#plans.get(job.jobId)
    this.#plans.set(job.jobId, plan)
    // Plans grow. Another one in the place of one that was there: the chain took back blocks, and drew anew.
    if (before && (plan.epoch < before.epoch || (plan.epoch === before.epoch && plan.cells !== before.cells))) {
      void this.#end(job.jobId)
    }
    if (job.cells.includes(this.#node.me) && !this.#open.has(job.jobId)) this.#begin(job)
    const open = this.#open.get(job.jobId)
    open?.then(
      (training) => this.#tell(training, open, job, block),
      () => {},
    )
  }

  /** One job's trouble is not the others'. */
  #tell(training: Training, open: Promise<Training>, job: JobView, block: number): void {
    try {
      training.update(this.#node.book.views.get(job.jobId) ?? job, block)
    } catch (error) {
      this.#failed(job.jobId, open, error)
    }
  }

  /** Ends what is under way with its present entry, and trains nothing any more; what is signed is still announced. */
  leave(): void {
    if (this.#leaving) return
    this.#leaving = true
    for (const training of this.#open.values()) training.then((open) => open.leave()).catch(() => {})
  }

  /** Goes on as if it had never been told to leave. */
  async stay(): Promise<void> {
    if (!this.#leaving) return
    this.#leaving = false
    await this.close()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((jobId) => this.#end(jobId)))
  }

  #begin(job: JobView): void {
    const now = performance.now()
    const attempts = this.#attempts.get(job.jobId) ?? { failures: 0, openedAt: 0, retryAt: 0 }
    if (now < attempts.retryAt) return
    this.#attempts.set(job.jobId, attempts)
    attempts.openedAt = now
    const failed = (error: unknown): void => this.#failed(job.jobId, training, error)
    const training = this.#workers.open(job).then((session) => {
      const options = { tamper: this.#lieOf(job), onFailed: failed }
      const opened = new Training(this.#node, session, this.#workers.hashing(), job, options)
      if (this.#leaving) opened.leave()
      return opened
    })
    this.#open.set(job.jobId, training)
    training.catch(failed)
  }

  /** What failed is closed, and opened anew a little later: it goes on where a restarted process would. */
  #failed(jobId: Hex, training: Promise<Training>, error: unknown): void {
    const attempts = this.#attempts.get(jobId)
    if (this.#open.get(jobId) !== training || !attempts) return
    const now = performance.now()
    if (now - attempts.openedAt > SOUND_MS) attempts.failures = 0
    const pause = RETRY_MS[Math.min(attempts.failures, RETRY_MS.length - 1)] as number
    attempts.failures++
    attempts.retryAt = now + pause
    this.#node.log.warn({ job: jobId, error: String(error), againIn: pause }, 'the job is opened anew')
    void this.#end(jobId)
  }

  async #end(jobId: Hex): Promise<void> {
    const training = this.#open.get(jobId)
    this.#open.delete(jobId)
    await training?.then((open) => open.close()).catch(() => {})
  }
}
