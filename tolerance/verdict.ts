/** What follows from the distance between what a solver committed and the exact replay. */
import { check } from '#proto/errors.ts'
import type { Deviation } from './distance.ts'
import { exceeded, type Level, type Thresholds, thresholdsOf } from './threshold.ts'

/** Ten times further off than anything that honest hardware was seen to do is no rounding. */
const SLASH_FACTOR = 10
/** Who does nothing is at a relative distance of 1, and must not be let off because honest hardware is noisy. */
const MOST_SLASH = 0.5

export interface Limits {
  /** Tau: an honest entry exceeds any of them with a chance of at most the stated rate. */
  readonly tau: Thresholds
  /** Tau_slash, of the relative l2 distance alone, at most 1/2: one number that no single odd word can move far. */
  readonly slash: number
}

/**
 * - `accepted`: paid
 * - `redone`: the entry is computed again, unpaid; chance may do this to honest solvers at the stated rate
 * - `slashed`: the stake is lost
 */
export type Outcome = 'accepted' | 'redone' | 'slashed'

/**
 * Limits from the distances of honest entries.
 * @throws bad-input where the samples are too few for the level, or an honest entry was off by half of its update: such
 *   hardware cannot be told from one that does nothing
 */
export function limitsOf(samples: readonly Deviation[], level: Level): Limits {
  const largest = samples.reduce((most, { relative }) => Math.max(most, relative.l2), 0)
  check(largest < MOST_SLASH, 'bad-input', `an honest entry is off by ${largest} of its update`, {
    next: 'Profile hardware that is nearer to the exact replay, or take shorter entries.',
  })
  return { tau: thresholdsOf(samples, level), slash: Math.min(SLASH_FACTOR * largest, MOST_SLASH) }
}

/** The outcome of an entry at this distance. A distance that is no number is the largest of all. */
export function judge(deviation: Deviation, { tau, slash }: Limits): Outcome {
  if (!(deviation.relative.l2 <= slash)) return 'slashed'
  return exceeded(deviation, tau).length > 0 ? 'redone' : 'accepted'
}
