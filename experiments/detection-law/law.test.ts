/** The law holds in few runs, and a rule that samples less would be seen. */
import seedrandom from 'seedrandom'
import { expect, test } from 'vitest'
import { byEntries, bySamples, type Case, samplesFor, sigma } from './law.ts'

const RUNS = 400

function detected(one: Case): number {
  const random = seedrandom(one.name)
  return Array.from({ length: RUNS }, (_, index) => one.run(index, random)).filter(Boolean).length
}

test.each([byEntries(0.1, 1), byEntries(0.05, 20), bySamples(0.5, 0.1, 20)])('$name: within four sigma', (one) => {
  expect(sigma(one.law, detected(one), RUNS)).toBeLessThan(4)
})

test('sampling at half the stated rate is noticed', () => {
  expect(sigma(byEntries(0.1, 10).law, detected(byEntries(0.05, 10)), RUNS)).toBeGreaterThan(4)
})

test('99% takes 44, 459 and 4,603 samples at 10%, 1% and 0.1%', () => {
  expect([0.1, 0.01, 0.001].map((fraction) => samplesFor(fraction, 0.99))).toEqual([44, 459, 4603])
})
