/**
 * Thresholds from profiled samples, with a stated rate of false positives: an order statistic that lies above the wanted
 * quantile with a stated confidence, whatever the distribution is (Wilks 1941). The largest sample would state nothing.
 */
import { check, fail } from '#proto/errors.ts'
import { type Deviation, MEASURES, type Measure } from './distance.ts'

export interface Level {
  /** Chance that an honest sample lies above the threshold, at most. */
  readonly rate: number
  /** Chance over profiles that this holds. */
  readonly confidence: number
}

export interface Threshold {
  readonly value: number
  readonly samples: number
  /** Samples that lie above the order statistic. */
  readonly above: number
}

/** Most samples of one profile. */
const MAX_SAMPLES = 2 ** 20

/**
 * How many of `samples` may lie above an order statistic that is a threshold of this level: the most m such that at most
 * m of them exceed the quantile with a chance of no more than 1 - confidence; -1 where even the largest says too little.
 * @throws bad-input for a level outside of (0, 1), or more samples than binary64 can sum (about 700 / rate for low rates)
 */
export function allowedAbove(samples: number, { rate, confidence }: Level): number {
  checkLevel({ rate, confidence })
  check(Number.isInteger(samples) && samples >= 0, 'bad-input', `${samples} is not a number of samples`)
  check(samples <= MAX_SAMPLES, 'bad-input', `a profile of ${samples} samples is over the limit of ${MAX_SAMPLES}`)
  // Terms of the binomial distribution over that of 0 exceedances, which the bound is divided by instead.
  let bound = 1 - confidence
  for (let i = 0; i < samples; i++) bound /= 1 - rate
  check(bound < Number.MAX_VALUE, 'bad-input', `${samples} samples at rate ${rate} are more than are needed`)
  let [term, sum, above] = [1, 1, -1]
  while (sum <= bound && above < samples) {
    above++
    term *= ((samples - above) / (above + 1)) * (rate / (1 - rate))
    sum += term
  }
  return above
}

function checkLevel({ rate, confidence }: Level): void {
  const inside = (x: number): boolean => x > 0 && x < 1
  check(inside(rate) && inside(confidence), 'bad-input', 'a rate and a confidence lie between 0 and 1')
}

/** The fewest samples that give a threshold of this level. @throws bad-input where they are over 2^20 */
export function samplesNeeded(level: Level): number {
  checkLevel(level)
  let below = 1
  for (let samples = 1; samples <= MAX_SAMPLES; samples++) {
    below *= 1 - level.rate
    if (below <= 1 - level.confidence) return samples
  }
  return fail('bad-input', `a rate of ${level.rate} takes more than ${MAX_SAMPLES} samples to state`)
}

/**
 * The threshold of one distance.
 * @param samples distances of honest entries, in any order
 * @throws bad-input where they are too few for the level, or one is not a number
 */
export function thresholdOf(samples: readonly number[], level: Level): Threshold {
  check(!samples.some(Number.isNaN), 'bad-input', 'a sample is not a number')
  const above = allowedAbove(samples.length, level)
  if (above < 0) {
    fail('bad-input', `${samples.length} samples are too few for a rate of ${level.rate}`, {
      next: `Profile at least ${samplesNeeded(level)} entries, or state a higher rate.`,
    })
  }
  const ascending = [...samples].sort((a, b) => a - b)
  return { value: ascending[samples.length - 1 - above]!, samples: samples.length, above }
}

export const SCALES = ['absolute', 'relative'] as const
export type Scale = (typeof SCALES)[number]

/** A threshold for each distance. */
export type Thresholds = Readonly<Record<Scale, Readonly<Record<Measure, Threshold>>>>

const COUNT = SCALES.length * MEASURES.length

/** The level of each distance, so that all of them together keep `level` (Bonferroni's inequality). */
export function levelOfEach({ rate, confidence }: Level): Level {
  return { rate: rate / COUNT, confidence: 1 - (1 - confidence) / COUNT }
}

/**
 * Thresholds of which an honest entry exceeds any with a chance of at most `level.rate`.
 * @throws bad-input where the samples are too few: `samplesNeeded(levelOfEach(level))` are enough
 */
export function thresholdsOf(samples: readonly Deviation[], level: Level): Thresholds {
  const each = levelOfEach(level)
  const of = (scale: Scale): Readonly<Record<Measure, Threshold>> => {
    const one = (measure: Measure): Threshold =>
      thresholdOf(
        samples.map((sample) => sample[scale][measure]),
        each,
      )
    return { l1: one('l1'), l2: one('l2'), linf: one('linf'), cosine: one('cosine') }
  }
  return { absolute: of('absolute'), relative: of('relative') }
}

/** The distances of an entry that exceed their thresholds, times `factor`; NaN exceeds everything. */
export function exceeded(
  deviation: Deviation,
  thresholds: Thresholds,
  factor = 1,
): { readonly scale: Scale; readonly measure: Measure }[] {
  return SCALES.flatMap((scale) =>
    MEASURES.filter((measure) => !(deviation[scale][measure] <= factor * thresholds[scale][measure].value)).map(
      (measure) => ({ scale, measure }),
    ),
  )
}
