/** The entries that solvers announce: kept by slot and replica until a window holds them, with the losses they report. */
import { bytesEqual, fromHex, to0x } from '#proto/bytes.ts'
import { decodeSignedEntry, encodeSignedEntry, entryDigest, type SignedEntry } from '#proto/entry.ts'
import { check } from '#proto/errors.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { checkEntry, slotOfStep } from '#proto/windows.ts'
import type { Database } from '#runtime/database.ts'
import { type EntryPool, slotKey } from './decide.ts'

/** What was heard twice and differs: evidence of equivocation. */
export interface Conflict {
  readonly kept: SignedEntry
  readonly heard: SignedEntry
}

/** Where a pool is kept through a crash. */
export type EntryStore = Pick<Database, 'putObject' | 'deleteObject' | 'objects'>

const KIND = 'announced entry'

/**
 * Pool of announced entries. Bounded: only entries that have a place in the current plan epoch of a known job enter. It is
 * kept in a database, so that a coordinator that comes back need not wait for solvers that are away by then.
 */
export class AnnouncedEntries {
  readonly #pool = new Map<string, Map<number, SignedEntry>>()
  readonly #store: EntryStore | undefined

  constructor(store?: EntryStore) {
    this.#store = store
  }

  get pool(): EntryPool {
    return this.#pool
  }

  /**
   * Takes in a signed entry whose signature was verified. Returns a conflict if its solver signed another one for the range.
   * @throws AssayError `bad-entry` or `stale` unless it has a place in the job's current plan epoch
   */
  add(job: JobView, signed: SignedEntry): Conflict | undefined {
    const context = {
      jobId: fromHex(job.jobId, 32),
      epoch: job.epoch,
      cells: job.cells.map((cell) => fromHex(cell, 20)),
    }
    checkEntry(job.terms, context, signed.entry)
    const open = signed.entry.window < job.finalWindows + job.terms.depth
    check(open, 'bad-entry', `window ${signed.entry.window} is not open yet`, { consequence: 'ignore' })
    const key = slotKey(job.jobId, job.epoch, slotOfStep(job.terms, signed.entry.stepFrom))
    const slot = this.#pool.get(key) ?? new Map<number, SignedEntry>()
    this.#pool.set(key, slot)
    const kept = slot.get(signed.entry.replica)
    if (kept && !bytesEqual(encodeSignedEntry(kept), encodeSignedEntry(signed))) return { kept, heard: signed }
    if (!kept) this.#store?.putObject(KIND, entryDigest(signed.entry), encodeSignedEntry(signed))
    slot.set(signed.entry.replica, signed)
    return undefined
  }

  /** Takes in what an earlier process kept of a job; what has no place any more is dropped. */
  restore(job: JobView): void {
    for (const bytes of this.#store?.objects(KIND) ?? []) {
      const signed = decodeSignedEntry(bytes)
      if (jobOf(signed) !== job.jobId) continue
      try {
        this.add(job, signed)
      } catch {
        this.#store?.deleteObject(KIND, entryDigest(signed.entry))
      }
    }
  }

  /** Forgets entries of older epochs and of jobs that have ended. */
  prune(views: ReadonlyMap<Hex, JobView>): void {
    for (const key of this.#pool.keys()) {
      const [jobId, epoch] = key.split(':') as [Hex, string]
      const job = views.get(jobId)
      const live = job && (job.phase === 'training' || job.phase === 'assigning')
      if (live && Number(epoch) >= job.epoch) continue
      for (const { entry } of this.#pool.get(key)?.values() ?? []) this.#store?.deleteObject(KIND, entryDigest(entry))
      this.#pool.delete(key)
    }
  }
}

/** Lower-case 0x text of an entry's job. */
export function jobOf(signed: SignedEntry): Hex {
  return to0x(signed.entry.jobId) as Hex
}
