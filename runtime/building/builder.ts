/** Checks the programs of offered jobs in a worker thread, one at a time. */
import { check } from '#proto/errors.ts'
import type { BuildingMethods } from '#runtime/building/worker.ts'
import { Calls } from '#runtime/rpc.ts'

export class ProgramBuilder {
  readonly #maxWaiting: number
  #calls: Calls<BuildingMethods> | undefined
  #waiting = 0

  /** @param maxWaiting jobs under way and waiting at most: the largest takes some seconds */
  constructor(maxWaiting = 16) {
    this.#maxWaiting = maxWaiting
  }

  /**
   * Resolves if the program of `job` (canonical bytes) is the one that the job names.
   * @throws AssayError `bad-job`; `rate-limited` while too many others wait
   */
  async check(job: Uint8Array): Promise<void> {
    check(this.#waiting < this.#maxWaiting, 'rate-limited', `${this.#maxWaiting} jobs are being looked at already`, {
      next: 'Try again in a minute.',
    })
    if (this.#calls === undefined || this.#calls.lost.aborted) {
      this.#calls = new Calls<BuildingMethods>(new URL('./worker.ts', import.meta.url))
    }
    this.#waiting++
    try {
      await this.#calls.call('build', job)
    } finally {
      this.#waiting--
      // Jobs are offered now and then: no thread waits for the next one.
      if (this.#waiting === 0) await this.close()
    }
  }

  async close(): Promise<void> {
    const calls = this.#calls
    this.#calls = undefined
    await calls?.close()
  }
}
