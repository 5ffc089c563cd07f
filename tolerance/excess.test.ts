/** How many unusual entries are too many. */
import { expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import { deviation } from './distance.ts'
import { excessLimit, isExcess, usualOf } from './excess.ts'

const USUAL = { value: 1, samples: 100, above: 3, rate: 0.1 }

test('the bound is that of Hoeffding: exp(-2 n t^2) = 2^-bits', () => {
  const t = excessLimit(500, 0.1, 20) / 500 - 0.1
  expect(Math.exp(-2 * 500 * t * t)).toBeCloseTo(2 ** -20, 12)
})

test('honest runs have an excess more seldom than stated, whether or not chances change during the run', () => {
  const { u32 } = seededRandom(5)
  const runs = 4000
  const excesses = (chance: (i: number) => number): number =>
    Array.from({ length: runs }, () =>
      isExcess(
        Array.from({ length: 100 }, (_, i) => (u32() / 2 ** 32 < chance(i) ? 2 : 0)),
        USUAL,
        4,
      ),
    ).filter(Boolean).length
  expect(excesses(() => 0.1)).toBeLessThan(runs / 16)
  expect(excesses((i) => (i < 20 ? 0.5 : 0))).toBeLessThan(runs / 16)
})

test('entries that are all unusual are seen after a few, and what is no number is unusual', () => {
  const after = (distance: number): number => {
    const distances = [distance]
    while (!isExcess(distances, USUAL, 20)) distances.push(distance)
    return distances.length
  }
  expect(after(1.001)).toBe(9)
  expect(after(Number.NaN)).toBe(9)
  expect(
    isExcess(
      Array.from({ length: 1000 }, () => 1),
      USUAL,
      20,
    ),
  ).toBe(false)
  expect(isExcess([], USUAL, 20)).toBe(false)
})

test('usual is a quantile of the relative l2 distance', () => {
  const samples = Array.from({ length: 400 }, (_, i) =>
    deviation(Float32Array.of(0), Float32Array.of(1), Float32Array.of(1 + i / 1024)),
  )
  const { value, rate } = usualOf(samples, 0.1, 0.9)
  expect(rate).toBe(0.1)
  expect(value).toBeGreaterThan(360 / 1024)
  expect(value).toBeLessThan(385 / 1024)
})

test('a large profile states it as well', () => {
  const samples = Array.from({ length: 20_000 }, (_, i) =>
    deviation(Float32Array.of(0), Float32Array.of(1), Float32Array.of(1 + ((i * 7919) % 20_000) / 2 ** 16)),
  )
  const { value } = usualOf(samples, 0.1, 0.9)
  expect(value).toBeGreaterThan(18_000 / 2 ** 16)
  expect(value).toBeLessThan(18_300 / 2 ** 16)
})

test('bad input is refused', () => {
  expect(() => excessLimit(-1, 0.1, 1)).toThrow('number of entries')
  expect(() => excessLimit(1, 1, 1)).toThrow('rate')
  expect(() => excessLimit(1, 0.1, 0)).toThrow('bits')
  expect(() => usualOf([], 0.1, 0.9)).toThrow('too few')
})
