/** Where accepted ends and where the stake is lost. */
import { expect, test } from 'vitest'
import { type Deviation, deviation } from './distance.ts'
import { judge, limitsOf } from './verdict.ts'

const LEVEL = { rate: 0.2, confidence: 0.6 }
const LENGTH = 8

/** An entry whose update is 1 in every word, off by `error` in the first `words` words. */
function off(error: number, words = LENGTH): Deviation {
  const exact = new Float32Array(LENGTH).fill(1)
  return deviation(
    new Float32Array(LENGTH),
    exact,
    exact.map((x, i) => (i < words ? x + error : x)),
  )
}

const samples = Array.from({ length: 200 }, (_, i) => off(i / 2 ** 14))
const limits = limitsOf(samples, LEVEL)
const largest = samples.at(-1)!.relative.l2

test('tau_slash is ten times the largest profiled distance', () => {
  expect(limits.slash).toBe(10 * largest)
  expect(limits.tau.relative.l2.value).toBeLessThan(largest)
})

test('accepted up to tau, redone above it, slashed above tau_slash', () => {
  expect(judge(off(0), limits)).toBe('accepted')
  expect(judge(off(100 / 2 ** 14), limits)).toBe('accepted')
  expect(judge(off(199 / 2 ** 14), limits)).toBe('redone')
  expect(judge(off((9.9 * 199) / 2 ** 14), limits)).toBe('redone')
  expect(judge(off((10.1 * 199) / 2 ** 14), limits)).toBe('slashed')
})

test('where honest hardware is noisy, doing nothing is still slashed', () => {
  const noisy = limitsOf(
    Array.from({ length: 200 }, (_, i) => off(i / 1000)),
    LEVEL,
  )
  expect(noisy.slash).toBe(0.5)
  expect(judge(off(-1), noisy)).toBe('slashed')
  expect(() => limitsOf([...samples, off(0.5)], LEVEL)).toThrow('off by 0.5')
})

test('one odd word is redone, not slashed', () => {
  expect(off(20 / 1024, 1).relative.linf).toBeGreaterThan(largest)
  expect(judge(off(20 / 1024, 1), limits)).toBe('redone')
})

test('no number at all is slashed', () => {
  expect(judge(off(Number.NaN), limits)).toBe('slashed')
  expect(judge(off(Number.POSITIVE_INFINITY), limits)).toBe('slashed')
})

test('no update where one belongs is slashed, and so is one where none belongs', () => {
  const exact = new Float32Array(4).fill(1)
  expect(judge(deviation(new Float32Array(4), exact, new Float32Array(4)), limits)).toBe('slashed')
  expect(judge(deviation(exact, exact, exact.slice().fill(2)), limits)).toBe('slashed')
})

test('a profile that states nothing is refused', () => {
  expect(() => limitsOf(samples.slice(0, 2), LEVEL)).toThrow('too few')
  expect(() => limitsOf([...samples, off(Number.NaN)], LEVEL)).toThrow('off by Infinity')
})
