/** Judges the entries of one slot against a replay: accept, or whom to accuse. */
import { bytesEqual } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'
import { hashTree } from '#proto/merkle.ts'
import type { Replayed } from '#runtime/compute/replay.ts'

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

/** Whether evidence belongs to an entry. */
export function evidenceMatches(entry: Entry, evidence: Evidence): boolean {
  return (
    evidence.sumRoots.length === entry.stepTo - entry.stepFrom &&
    bytesEqual(lanesRoot(evidence.sumRoots), entry.lanesRoot)
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
  return { accept: false, against: withholder(replayed, claims) ?? firstLiar(replayed, claims) ?? replica }
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

/** The replica with a wrong lane sum in the first step that has one. */
function firstLiar(replayed: Replayed, claims: readonly Claim[]): number | undefined {
  for (const [step, sums] of replayed.sumRoots.entries()) {
    const found = claims.findIndex(
      ({ evidence }, replica) =>
        evidence && !bytesEqual(evidence.sumRoots[step] as Uint8Array, sums[replica] as Uint8Array),
    )
    if (found >= 0) return found
  }
  return undefined
}
