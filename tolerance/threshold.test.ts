/** Thresholds hold what they state: by hand, against sums of binomials, and over many simulated profiles. */
import { describe, expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import { type Deviation, deviation } from './distance.ts'
import { allowedAbove, exceeded, levelOfEach, samplesNeeded, thresholdOf, thresholdsOf } from './threshold.ts'

/** Chance of at most m successes in n tries, in logarithms: another way than the one under test. */
function atMost(m: number, n: number, p: number): number {
  let [logTerm, sum] = [n * Math.log1p(-p), 0]
  for (let i = 0; i <= m; i++) {
    sum += Math.exp(logTerm)
    logTerm += Math.log((n - i) / (i + 1)) + Math.log(p) - Math.log1p(-p)
  }
  return sum
}

describe('which order statistic', () => {
  test('the known cases: 59 samples for 95% at 5%, 459 for 99% at 1%', () => {
    expect(samplesNeeded({ rate: 0.05, confidence: 0.95 })).toBe(59)
    expect(samplesNeeded({ rate: 0.01, confidence: 0.99 })).toBe(459)
    expect(allowedAbove(58, { rate: 0.05, confidence: 0.95 })).toBe(-1)
    expect(allowedAbove(59, { rate: 0.05, confidence: 0.95 })).toBe(0)
    expect(allowedAbove(93, { rate: 0.05, confidence: 0.95 })).toBe(1)
  })

  test.each([
    [1000, 0.01, 0.95],
    [2000, 0.0025, 0.99],
    [50_000, 0.01, 0.9],
    [300, 0.7, 0.5],
  ])('%i samples, rate %f, confidence %f: the most that the binomial allows', (samples, rate, confidence) => {
    const above = allowedAbove(samples, { rate, confidence })
    expect(atMost(above, samples, rate)).toBeLessThanOrEqual(1 - confidence)
    expect(atMost(above + 1, samples, rate)).toBeGreaterThan(1 - confidence)
  })

  test('levels and counts that say nothing are refused', () => {
    for (const level of [
      { rate: 0, confidence: 0.5 },
      { rate: 0.5, confidence: 1 },
      { rate: Number.NaN, confidence: 0.5 },
    ]) {
      expect(() => allowedAbove(10, level)).toThrow(expect.objectContaining({ code: 'bad-input' }))
    }
    expect(() => allowedAbove(1.5, { rate: 0.1, confidence: 0.5 })).toThrow(/not a number of samples/)
    expect(() => allowedAbove(10_000, { rate: 0.1, confidence: 0.5 })).toThrow(/more than are needed/)
    expect(() => allowedAbove(2 ** 21, { rate: 0.1, confidence: 0.5 })).toThrow(/over the limit/)
    expect(() => samplesNeeded({ rate: 1e-9, confidence: 0.5 })).toThrow(/to state/)
  })
})

test('a threshold is a sample: the largest of few, a lower one of many', () => {
  const samples = Array.from({ length: 93 }, (_, i) => ((i * 37) % 93) + 1)
  expect(thresholdOf(samples, { rate: 0.05, confidence: 0.95 })).toEqual({ value: 92, samples: 93, above: 1 })
  expect(thresholdOf(samples.slice(0, 59), { rate: 0.05, confidence: 0.95 }).value).toBe(
    Math.max(...samples.slice(0, 59)),
  )
  expect(() => thresholdOf(samples.slice(0, 58), { rate: 0.05, confidence: 0.95 })).toThrow(
    expect.objectContaining({ code: 'bad-input', next: expect.stringMatching(/at least 59/) }),
  )
  expect(() => thresholdOf([1, Number.NaN], { rate: 0.5, confidence: 0.5 })).toThrow(/not a number/)
})

test('over 2,000 profiles the true rate exceeds the stated one as rarely as the confidence says', () => {
  const random = seededRandom(11)
  const level = { rate: 0.05, confidence: 0.9 }
  let broken = 0
  for (let profile = 0; profile < 2000; profile++) {
    // Of a uniform distribution the rate above a threshold is known.
    const samples = Array.from({ length: 100 }, () => random.u32() / 2 ** 32)
    if (1 - thresholdOf(samples, level).value > level.rate) broken++
  }
  const expected = atMost(allowedAbove(100, level), 100, level.rate)
  expect(expected).toBeLessThanOrEqual(0.1)
  expect(Math.abs(broken / 2000 - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / 2000))
})

test('all distances together keep the rate, and an entry that exceeds one is named with it', () => {
  const random = seededRandom(12)
  const honest = (noise = 1e-6): Deviation => {
    const draw = (size: number): number => size * (random.u32() / 2 ** 31 - 1)
    const before = Float32Array.from({ length: 50 }, () => draw(1))
    const exact = before.map((x) => x + draw(0.01))
    return deviation(
      before,
      exact,
      exact.map((x) => x + draw(noise)),
    )
  }
  const level = { rate: 0.2, confidence: 0.9 }
  expect(levelOfEach(level).rate).toBe(0.025)
  const enough = samplesNeeded(levelOfEach(level))
  const thresholds = thresholdsOf(
    Array.from({ length: enough + 50 }, () => honest()),
    level,
  )
  const positives = Array.from({ length: 500 }, () => exceeded(honest(), thresholds)).filter(({ length }) => length > 0)
  expect(positives.length / 500).toBeLessThan(level.rate)
  expect(exceeded(honest(1e-5), thresholds)).toContainEqual({ scale: 'absolute', measure: 'l2' })
  expect(exceeded(honest(1e-5), thresholds, 100)).toEqual([])
  const lost = deviation(new Float32Array(1), new Float32Array([1]), new Float32Array([Number.NaN]))
  expect(exceeded(lost, thresholds, 10)).toHaveLength(8)
})
