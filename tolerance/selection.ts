/**
 * Which entries of an epoch are replayed: random ones, which no solver foresees, and those with the largest updates, where
 * a lie pays most. The largest alone (Jia et al. 2021, "top-Q") are what a solver prepares for: Fang et al. 2023 make
 * exactly those honestly and invent the rest.
 */
import { isSampled } from '#proto/draw.ts'
import { check } from '#proto/errors.ts'
import type { Hash } from '#proto/ids.ts'

export interface Choosable {
  /** The entry's name: the hash that its solver signed. */
  readonly hash: Hash
  /** The l2 norm of the committed after-state minus the committed before-state. Not finite counts as the largest. */
  readonly update: number
}

export interface Selection {
  /** Chance of each entry to be sampled, as in the job's policy: `sampleRate(probability)`. */
  readonly rate: bigint
  /** How many of the largest updates of an epoch are taken beside them. */
  readonly largest: number
}

/** The larger update first; equal ones in the order of the run. */
function byUpdate(updates: readonly number[]): (a: number, b: number) => number {
  const size = (i: number): number => (Number.isFinite(updates[i]) ? updates[i]! : Number.POSITIVE_INFINITY)
  return (a, b) => {
    const [x, y] = [size(a), size(b)]
    return x === y ? a - b : x > y ? -1 : 1
  }
}

/**
 * Indices of the entries to replay, ascending, each once.
 * @param seed the audit seed, drawn after the entries were committed
 * @param entries of one epoch, in the order of the run
 * @throws bad-input for a rate or number that is none
 */
export function selectEntries(seed: Hash, entries: readonly Choosable[], { rate, largest }: Selection): number[] {
  check(Number.isInteger(largest) && largest >= 0, 'bad-input', `${largest} is not a number of entries`)
  const indices = entries.map((_, index) => index)
  const order = [...indices].sort(byUpdate(entries.map(({ update }) => update)))
  const top = new Set(order.slice(0, largest))
  return indices.filter((index) => top.has(index) || isSampled(seed, entries[index]!.hash, rate))
}
