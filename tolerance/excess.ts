/**
 * Excess: tau lets pass what honest hardware does once in a thousand entries, and a solver could do it in each: leave out
 * records until every distance is just below. Its errors need no direction of their own, so they are no drift. But far too
 * many of them lie above what is usual.
 */
import { check } from '#proto/errors.ts'
import type { Deviation } from './distance.ts'
import { type Threshold, thresholdOf } from './threshold.ts'

/** A relative l2 distance that honest entries exceed with a chance of at most `rate`, on average over a run. */
export interface Usual extends Threshold {
  readonly rate: number
}

/** Samples above a quantile that state it well. */
const ENOUGH = 500

/**
 * What is usual, from the distances of honest entries.
 * @param confidence chance over profiles that the rate holds
 * @throws bad-input where the samples are too few
 */
export function usualOf(samples: readonly Deviation[], rate: number, confidence: number): Usual {
  // Evenly spread ones, where there are more than the order statistic takes or needs.
  const step = Math.max(1, Math.ceil((samples.length * rate) / ENOUGH))
  const distances = samples.filter((_, i) => i % step === 0).map(({ relative }) => relative.l2)
  return { ...thresholdOf(distances, { rate, confidence }), rate }
}

/** ln 2 / 2. */
const HALF_NAT = 0.34657359027997264

/**
 * How many of the replayed entries of a whole run may be unusual: a run of honest ones has more with a chance of at most
 * 2^-bits (Hoeffding 1963, theorem 1: the chances of single entries may differ, as those early and late in training do).
 * @throws bad-input for a number of entries, or bits, that is none
 */
export function excessLimit(entries: number, rate: number, bits: number): number {
  check(Number.isInteger(entries) && entries >= 0, 'bad-input', `${entries} is not a number of entries`)
  check(rate > 0 && rate < 1, 'bad-input', 'a rate lies between 0 and 1')
  check(
    Number.isInteger(bits) && bits >= 1 && bits <= 256,
    'bad-input',
    `${bits} is not a number of bits from 1 to 256`,
  )
  return entries * rate + Math.sqrt(entries * bits * HALF_NAT)
}

/** Whether more of a run's replayed entries are unusual than honest work explains. Asked once, when the run has ended. */
export function isExcess(distances: readonly number[], { value, rate }: Usual, bits: number): boolean {
  const unusual = distances.filter((distance) => !(distance <= value)).length
  return unusual > excessLimit(distances.length, rate, bits)
}
