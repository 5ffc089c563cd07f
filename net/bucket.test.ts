/** Token buckets give their burst, then their rate, and forget. */
import { expect, test } from 'vitest'
import { Buckets } from '#net/bucket.ts'

test('a burst, then the rate', () => {
  const buckets = new Buckets({ perSecond: 10, burst: 5 })
  const takes = (times: number, now: number): number =>
    Array.from({ length: times }, () => buckets.take('a', 1, now)).filter(Boolean).length
  expect(takes(9, 0)).toBe(5)
  expect(takes(9, 100)).toBe(1)
  expect(takes(9, 400)).toBe(3)
  expect(takes(9, 100_000)).toBe(5)
  expect(buckets.take('b', 5, 100_000)).toBe(true)
})

test('a debt is made up for before anything is given', () => {
  const buckets = new Buckets({ perSecond: 10, burst: 5 })
  expect(buckets.open('a', 0)).toBe(true)
  buckets.charge('a', 25, 0)
  expect(buckets.open('a', 2_000)).toBe(false)
  expect(buckets.open('a', 2_001)).toBe(true)
})

test('the bucket unused longest is forgotten, and full when its key returns', () => {
  const buckets = new Buckets({ perSecond: 1, burst: 1 })
  for (let i = 0; i <= 8_192; i++) buckets.take(`${i}`, 1, 0)
  expect(buckets.take('0', 1, 0)).toBe(true)
  expect(buckets.take('8192', 1, 0)).toBe(false)
})
