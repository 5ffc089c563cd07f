/** Where a cell takes up its training: after a restart at most the entry that was under way is trained again. Pure. */
import { bytesEqual, fromHex } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { type Schedule, windowSteps } from '#proto/windows.ts'

/** A state from which a cell can go on. */
export interface StartingPoint {
  /** The start of a slot. */
  readonly step: number
  /** State root before `step`; null for the init state where the chain does not know its root. */
  readonly root: Uint8Array | null
}

/** States that the chain agreed on: before the plan's next window, and before each window that leads to it. */
export interface AgreedStates {
  /** The next window to commit. */
  readonly nextWindow: number
  /** State root before window `w` of those up to `nextWindow`; null where it is not known. */
  rootBefore(window: number): Uint8Array | null
}

/** First step of a window; behind the last one, the end. */
function stepOf(job: Schedule, window: number): number {
  return window === 0 ? 0 : windowSteps(job, window - 1).to
}

/**
 * Starting points that cost nothing but the entry under way, best first: behind this cell's own signed entries (all of this
 * plan epoch and replica), then the state before the next window. Own entries count only as an unbroken chain from that
 * state: what they do not cover must still be signed.
 */
export function startingPoints(job: Schedule, agreed: AgreedStates, signed: readonly Entry[]): StartingPoint[] {
  const committed: StartingPoint = {
    step: stepOf(job, agreed.nextWindow),
    root: agreed.rootBefore(agreed.nextWindow),
  }
  const points = [committed]
  let last = committed
  for (const entry of [...signed].sort((a, b) => a.stepFrom - b.stepFrom)) {
    if (entry.stepFrom !== last.step || (last.root && !bytesEqual(entry.rootBefore, last.root))) continue
    last = { step: entry.stepTo, root: entry.rootAfter }
    points.unshift(last)
  }
  return points
}

/**
 * Earlier agreed states, latest first: the last resort when nobody serves any of `startingPoints`. The steps up to the next
 * window are trained again, by this cell alone if need be; the init state at the end of the list is always to be had.
 */
export function earlierPoints(job: Schedule, agreed: AgreedStates): StartingPoint[] {
  const points: StartingPoint[] = []
  for (let window = agreed.nextWindow - 1; window >= 0; window--) {
    const root = agreed.rootBefore(window)
    if (root || window === 0) points.push({ step: stepOf(job, window), root: window === 0 ? null : root })
  }
  return points
}

/** The agreed states of a job as the chain knows it. */
export function agreedStates(job: JobView): AgreedStates {
  return {
    nextWindow: job.nextWindow,
    rootBefore: (window) => {
      if (window === job.epochWindow) return job.epochRoot === null ? null : fromHex(job.epochRoot, 32)
      const view = job.windows.get(window - 1)
      return view ? fromHex(view.rootAfter, 32) : null
    },
  }
}
