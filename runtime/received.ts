/**
 * Sums that partners have sent, on disk until their steps are final: a claim that rests on a false one is true all the same, and
 * cannot be defended without it (docs/spec/pinpoint.md, What the rules rest on).
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fromHex, toHex } from '#proto/bytes.ts'
import { firstNeededStep, type JobView, openDisputes } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { hasEnded } from '#runtime/book.ts'

export class ReceivedSums {
  readonly #folder: string
  /** Steps below which nothing of a job is kept any more. */
  readonly #dropped = new Map<Hex, number>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Where a sum is kept that came in a step of a plan epoch: by its number among the sums of the step. */
  file(job: Uint8Array, epoch: number, step: number, sum: number): string {
    return join(this.#folder, toHex(job), `${epoch}-${step}-${sum}.sum`)
  }

  /** The file of the sum, if it is here with all of its `size` bytes. */
  async find(job: Uint8Array, epoch: number, step: number, sum: number, size: number): Promise<string | undefined> {
    const file = this.file(job, epoch, step, sum)
    const found = await stat(file).catch(() => undefined)
    return found?.size === size ? file : undefined
  }

  /** Lets go of what nobody can accuse any more. */
  async update(job: JobView): Promise<void> {
    const ended = hasEnded(job) && openDisputes(job).length === 0
    const step = ended ? Number.POSITIVE_INFINITY : firstNeededStep(job)
    if (step <= (this.#dropped.get(job.jobId) ?? 0)) return
    this.#dropped.set(job.jobId, step)
    const folder = join(this.#folder, toHex(fromHex(job.jobId, 32)))
    if (ended) return await rm(folder, { recursive: true, force: true })
    const names = await readdir(folder).catch(() => [])
    const old = names.filter((name) => Number(/^\d+-(\d+)-/.exec(name)?.[1]) < step)
    await Promise.all(old.map((name) => rm(join(folder, name), { force: true })))
  }
}
