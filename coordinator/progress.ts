/** Losses that solvers report with their entries: for people who watch, never for decisions. */
import type { Entry } from '#proto/entry.ts'
import type { Hex } from '#proto/terms.ts'
import type { Evidence } from '#runtime/judge.ts'

/** Mean loss of every step that some entry covered. */
export class Progress {
  readonly #losses = new Map<Hex, number[]>()

  /** Takes in the metrics of an entry: `loss` and `count` are their first two. Steps of an earlier epoch are overwritten. */
  add(jobId: Hex, entry: Entry, evidence: Evidence): void {
    const losses = this.#losses.get(jobId) ?? []
    this.#losses.set(jobId, losses)
    for (const [i, row] of evidence.metrics.entries()) {
      const view = new DataView(row.buffer, row.byteOffset, row.byteLength)
      if (row.byteLength >= 8) losses[entry.stepFrom + i] = view.getFloat32(0, true) / view.getFloat32(4, true)
    }
  }

  /** Whether the metrics of an entry's steps are here, of whatever epoch. */
  has(jobId: Hex, { stepFrom, stepTo }: Entry): boolean {
    const losses = this.#losses.get(jobId)
    for (let step = stepFrom; step < stepTo; step++) if (losses?.[step] === undefined) return false
    return true
  }

  /** Losses by step; null where no entry was heard of. */
  of(jobId: Hex): (number | null)[] {
    return Array.from(this.#losses.get(jobId) ?? [], (loss) => loss ?? null)
  }
}
