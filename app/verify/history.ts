/** A job as its events add up to it, with every window that was ever committed: later epochs overwrite voided ones. */
import type { ChainEvent } from '#contracts/codec.ts'
import type { JobEventName, JobEventOf } from '#proto/machines/events.ts'
import { applyEvents } from '#proto/machines/job.ts'
import type { JobView, WindowView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import type { Finding } from './finding.ts'
import { logPlace } from './record.ts'

/** One event of a job, with its place. */
export type PlacedEvent<N extends JobEventName = JobEventName> = { [K in N]: JobEventOf<K> }[N] &
  Pick<ChainEvent, 'blockNumber' | 'logIndex' | 'transactionHash'>

export interface History {
  readonly jobId: Hex
  /** The events of the job alone, in order. */
  readonly events: readonly PlacedEvent[]
  /** As far as the events could be followed; null if not even the registration could. */
  readonly view: JobView | null
  /** Every commitment of a window in order, as it ended. */
  readonly windows: readonly WindowView[]
  /** Cells of each plan epoch. */
  readonly cells: ReadonlyMap<number, readonly Hex[]>
  /** The event that cannot follow those before it, if there is one. */
  readonly broken: Finding | undefined
}

export function historyOf(jobId: Hex, all: readonly ChainEvent[]): History {
  const events = all.filter((event) => 'jobId' in event && event.jobId === jobId) as unknown as PlacedEvent[]
  const kept = new Map<string, WindowView>()
  const cells = new Map<number, readonly Hex[]>()
  let view: JobView | null = null
  let broken: Finding | undefined
  let from = 0
  const keep = (): void => {
    for (const window of view?.windows.values() ?? []) kept.set(`${window.window}:${window.epoch}`, window)
  }
  for (const [i, event] of events.entries()) {
    const starts = event.name === 'Assigned'
    if (starts) cells.set(event.epoch, event.cells)
    if (!starts && i !== events.length - 1) continue
    const batch = events.slice(from, i + 1)
    from = i + 1
    ;[view, broken] = fold(view, jobId, batch)
    keep()
    if (broken) break
  }
  return { jobId, events, view, windows: [...kept.values()], cells, broken }
}

/** Folds a batch; one that breaks off is folded again event by event, to name the one at fault. */
function fold(view: JobView | null, jobId: Hex, batch: readonly PlacedEvent[]): [JobView | null, Finding | undefined] {
  try {
    return [applyEvents(view, jobId, batch), undefined]
  } catch {
    let last = view
    for (const event of batch) {
      try {
        last = applyEvents(last, jobId, [event])
      } catch (error) {
        return [last, { place: `${logPlace(event)} (${event.name})`, message: (error as Error).message }]
      }
    }
    return [last, undefined]
  }
}
