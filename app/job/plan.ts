/** Defaults of how a job is cut: replicas, entries and windows, scaled to its steps. */
import type { JobFile } from '#app/job/schema.ts'
import type { JobSpec } from '#proto/job.ts'
import { defaultLanes } from '#proto/lanes.ts'

/** Entries that a job has at least, if its steps allow. */
const ENTRIES = 24
/** Windows that a job has at least, if its entries allow: each settles by itself. */
const WINDOWS = 4
/** Most steps of an entry by default: what a replay costs. */
const MAX_ENTRY_STEPS = 64
/** Most slots of a window by default: what a rollback costs. */
const MAX_SLOTS = 8
const DEFAULT_REPLICAS = 2

export type Plan = Pick<JobSpec, 'replicas' | 'entrySteps' | 'entriesPerWindow' | 'depth'> & {
  /** Undefined: the default of proto/lanes.ts. */
  readonly lanes: number | undefined
}

/** The plan of a job file; what it states stays as it is. */
export function planDefaults({ steps, microBatches, lanes, replicas, policy }: JobFile): Plan {
  const cells = replicas ?? Math.min(DEFAULT_REPLICAS, lanes ?? defaultLanes(microBatches))
  const entrySteps = policy.entrySteps ?? clamp(Math.floor((steps * cells) / ENTRIES), 1, MAX_ENTRY_STEPS)
  const slots = Math.ceil(steps / entrySteps)
  return {
    lanes,
    replicas: cells,
    entrySteps,
    entriesPerWindow:
      policy.entriesPerWindow ??
      clamp(Math.floor(slots / WINDOWS), 1, Math.min(MAX_SLOTS, Math.floor(64 / cells) || 1)),
    depth: policy.depth,
  }
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max)
}
