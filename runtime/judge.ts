/** Judges the entries of one slot against a replay: accept, or whom to accuse. */
import { bytesEqual } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'
import { hashTree } from '#proto/merkle.ts'
import type { Replayed } from '#runtime/compute/replay.ts'
import { listRoot } from '#runtime/tensors.ts'

/** What a solver keeps of an entry and serves to whoever audits it. */
export interface Evidence {
  /** Root of the replica's own lane subtree, for each step of the entry. */
  readonly sumRoots: readonly Uint8Array[]
  /** Metrics of each step, summed over the global batch: f32 words, little-endian. */
  readonly metrics: readonly Uint8Array[]
}

/** An entry of the slot, with its evidence if its solver serves evidence that matches `lanesRoot`. */
export interface Claim {
  readonly entry: Entry
  readonly evidence: Evidence | undefined
}

export type Judgement = { readonly accept: true } | { readonly accept: false; readonly against: number }

/** Root of the sums of an entry: its `lanesRoot`. */
export function lanesRoot(sumRoots: readonly Uint8Array[]): Uint8Array {
  return hashTree([...sumRoots])
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

/** Whether evidence - sums and reported metrics - belongs to an entry. */
export function evidenceMatches(entry: Entry, evidence: Evidence): boolean {
  const steps = entry.stepTo - entry.stepFrom
  return (
    evidence.sumRoots.length === steps &&
    evidence.metrics.length === steps &&
    bytesEqual(lanesRoot(evidence.sumRoots), entry.lanesRoot) &&
    bytesEqual(reportedRoot(evidence.metrics), entry.metricsRoot)
  )
}

/**
 * The verdict on the entry of `replica`. `claims[r]` is the claim of replica r in the slot.
 *
 * After the first wrong sum every later state differs, so only the first step that differs tells who lied: a replica whose
 * own lanes were right there computed honestly on what it was sent, and is not accused.
 */
export function judge(replayed: Replayed, claims: readonly Claim[], replica: number): Judgement {
  const { entry } = claims[replica] as Claim
  const own = replayed.sumRoots.map((step) => step[replica] as Uint8Array)
  const honest =
    bytesEqual(entry.rootBefore, replayed.rootBefore) &&
    bytesEqual(entry.rootAfter, replayed.rootAfter) &&
    bytesEqual(entry.metricsRoot, hashTree([...replayed.metricRoots])) &&
    bytesEqual(entry.lanesRoot, lanesRoot(own))
  if (honest) return { accept: true }
  // A wrong sum in the very first step is a lie whatever others hide; later ones may follow from what is hidden.
  const against = liarAt(replayed, claims, 0) ?? withholder(replayed, claims) ?? firstLiar(replayed, claims) ?? replica
  return { accept: false, against }
}

/** A replica whose lane sums differ from the replay and who does not show where. */
function withholder(replayed: Replayed, claims: readonly Claim[]): number | undefined {
  const found = claims.findIndex(
    ({ entry, evidence }, replica) =>
      !evidence &&
      !bytesEqual(entry.lanesRoot, lanesRoot(replayed.sumRoots.map((step) => step[replica] as Uint8Array))),
  )
  return found < 0 ? undefined : found
}

/** A replica whose lane sum of one step is shown to be wrong. */
function liarAt(replayed: Replayed, claims: readonly Claim[], step: number): number | undefined {
  const found = claims.findIndex(
    ({ evidence }, replica) =>
      evidence && !bytesEqual(evidence.sumRoots[step] as Uint8Array, replayed.sumRoots[step]?.[replica] as Uint8Array),
  )
  return found < 0 ? undefined : found
}

/** The replica with a wrong lane sum in the first step that has one. */
function firstLiar(replayed: Replayed, claims: readonly Claim[]): number | undefined {
  for (const step of replayed.sumRoots.keys()) {
    const liar = liarAt(replayed, claims, step)
    if (liar !== undefined) return liar
  }
  return undefined
}
