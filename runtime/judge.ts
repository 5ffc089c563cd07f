/** Judges the entries of one slot against a replay: accept, or whom to accuse. */
import { bytesEqual } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'
import { joinerOf, sumsPerStep } from '#proto/lanes.ts'
import { hashTree } from '#proto/merkle.ts'
import type { Replayed } from '#runtime/compute/replay.ts'
import { listRoot } from '#runtime/tensors.ts'

/** What a solver keeps of an entry and serves to whoever audits it: the same for all entries of a slot. */
export interface Evidence {
  /** Roots of the sums of each step, by number, the steps one after the other. */
  readonly sumRoots: readonly Uint8Array[]
  /** Metrics of each step, summed over the global batch: f32 words, little-endian. */
  readonly metrics: readonly Uint8Array[]
}

export type Judgement = { readonly accept: true } | { readonly accept: false; readonly against: number }

/** Root of the sums of a slot: `lanesRoot` of its entries. One replica exchanges none: zero. */
export function lanesRoot(sumRoots: readonly Uint8Array[]): Uint8Array {
  return sumRoots.length === 0 ? new Uint8Array(32) : hashTree([...sumRoots])
}

const SCALAR = { dtype: 'f32', shape: [] } as const

/** Root of reported metrics: each step's are f32 scalars. */
function reportedRoot(metrics: readonly Uint8Array[]): Uint8Array {
  return hashTree(
    metrics.map((row) => {
      const ports = Array.from({ length: row.length / 4 }, () => ({ name: '', type: SCALAR }))
      return listRoot(ports, row)
    }),
  )
}

/** Whether evidence - sums and reported metrics - belongs to an entry, one of `replicas` of its slot. */
function evidenceMatches(entry: Entry, replicas: number, evidence: Evidence): boolean {
  const steps = entry.stepTo - entry.stepFrom
  return (
    // A node is a hash as a leaf is: only the number tells them apart.
    evidence.sumRoots.length === steps * sumsPerStep(replicas) &&
    evidence.metrics.length === steps &&
    bytesEqual(lanesRoot(evidence.sumRoots), entry.lanesRoot) &&
    bytesEqual(reportedRoot(evidence.metrics), entry.metricsRoot)
  )
}

/** Whether anything that somebody has sent, or kept, is evidence that belongs to an entry. */
export function isEvidence(entry: Entry, replicas: number, value: unknown): value is Evidence {
  const { sumRoots, metrics } = (value ?? {}) as { sumRoots?: unknown; metrics?: unknown }
  if (!Array.isArray(sumRoots) || !Array.isArray(metrics)) return false
  if (!sumRoots.every((root) => root instanceof Uint8Array && root.length === 32)) return false
  if (!metrics.every((row) => row instanceof Uint8Array && row.length % 4 === 0)) return false
  return evidenceMatches(entry, replicas, { sumRoots, metrics })
}

/**
 * The verdict on `entry`, one of `replicas` of its slot, which all claim the same.
 *
 * After the first wrong sum every later state differs, so only the first sum that differs tells who lied: whoever has joined it, or
 * summed it up from its own lanes, did not compute what it claims, and the others computed honestly on what they were sent.
 * @param evidence that of any entry of the slot; undefined: nobody shows it, so all of them hide a lie. Whose sum is wrong is then told by
 *   the game about this entry, which passes its accuser on (docs/spec/pinpoint.md, Seats)
 */
export function judge(replayed: Replayed, entry: Entry, replicas: number, evidence: Evidence | undefined): Judgement {
  const honest =
    bytesEqual(entry.rootBefore, replayed.rootBefore) &&
    bytesEqual(entry.rootAfter, replayed.rootAfter) &&
    bytesEqual(entry.metricsRoot, hashTree([...replayed.metricRoots])) &&
    bytesEqual(entry.lanesRoot, lanesRoot(replayed.sumRoots))
  if (honest) return { accept: true }
  const wrong = replayed.sumRoots.findIndex((root, i) => evidence && !bytesEqual(evidence.sumRoots[i] ?? EMPTY, root))
  if (wrong < 0) return { accept: false, against: entry.replica }
  return { accept: false, against: joinerOf(wrong % sumsPerStep(replicas), entry.replica, replicas) }
}

const EMPTY = new Uint8Array(0)
