/** Distances against their definitions, and where states are not numbers any more. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import { DeviationSum, deviation, MEASURES } from './distance.ts'

const f32 = (...values: number[]): Float32Array => new Float32Array(values)

test('by hand: the update is (3, 4), the error (0, 0.5)', () => {
  const { absolute, relative } = deviation(f32(1, 1), f32(4, 5), f32(4, 5.5))
  expect(absolute).toMatchObject({ l1: 0.5, l2: 0.5, linf: 0.5 })
  expect(relative).toMatchObject({ l1: 0.5 / 7, l2: 0.1, linf: 0.125 })
  const cosine = (u: number[], v: number[]): number => {
    const dot = (a: number[], b: number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0)
    return 1 - dot(u, v) / Math.sqrt(dot(u, u) * dot(v, v))
  }
  expect(absolute.cosine).toBeCloseTo(cosine([4, 5], [4, 5.5]), 14)
  expect(relative.cosine).toBeCloseTo(cosine([3, 4], [3, 4.5]), 14)
})

test('an angle of 1e-7 is not lost: its cosine differs from 1 by less than binary64 shows', () => {
  const tilted = f32(1, 2 ** -30)
  const { absolute } = deviation(f32(0, 0), f32(1, 0), tilted)
  expect(absolute.cosine).toBeCloseTo(2 ** -61, 25)
  expect(1 - 1 / Math.sqrt(1 + 2 ** -60)).toBe(0)
})

describe('edges', () => {
  test('equal states are at no distance, whatever they hold', () => {
    const state = f32(1, Number.NaN, Number.POSITIVE_INFINITY, 0)
    const { absolute, relative } = deviation(f32(1, 1, 1, 0), state, state)
    for (const measure of MEASURES) expect([absolute[measure], relative[measure]]).toEqual([0, 0])
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('%s on one side alone is infinitely far', (word) => {
    for (const [exact, actual] of [
      [f32(1, 2), f32(1, word)],
      [f32(1, word), f32(1, 2)],
      [f32(1, Number.NEGATIVE_INFINITY), f32(1, Number.POSITIVE_INFINITY)],
    ] as const) {
      const { absolute, relative } = deviation(f32(0, 0), exact, actual)
      for (const measure of MEASURES) {
        expect([absolute[measure], relative[measure]]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
      }
    }
  })

  test('no update and some error is infinitely far by the update', () => {
    const { relative } = deviation(f32(1, 2), f32(1, 2), f32(1, 2.5))
    expect(relative).toEqual({
      l1: Number.POSITIVE_INFINITY,
      l2: Number.POSITIVE_INFINITY,
      linf: Number.POSITIVE_INFINITY,
      cosine: 1,
    })
    expect(deviation(f32(), f32(), f32()).relative).toEqual({ l1: 0, l2: 0, linf: 0, cosine: 0 })
  })

  test('states of different lengths are refused', () => {
    expect(() => deviation(f32(1), f32(1, 2), f32(1, 2))).toThrow(expect.objectContaining({ code: 'bad-input' }))
  })
})

test('tensor by tensor is the same number as all words at once', () => {
  const random = seededRandom(5)
  const draw = (): Float32Array => Float32Array.from({ length: 300 }, () => random.u32() / 2 ** 31 - 1)
  const [before, exact, actual] = [draw(), draw(), draw()]
  const sum = new DeviationSum()
  for (const [from, to] of [
    [0, 7],
    [7, 7],
    [7, 300],
  ] as const) {
    sum.add(before.subarray(from, to), exact.subarray(from, to), actual.subarray(from, to))
  }
  expect(sum.result()).toEqual(deviation(before, exact, actual))
})

test('norms: symmetric, l-infinity <= l2 <= l1, scaled with the error', () => {
  const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 6, maxLength: 6 })
  fc.assert(
    fc.property(values, values, (exact, error) => {
      const zero = f32(0, 0, 0, 0, 0, 0)
      const at = (scale: number): Float32Array => Float32Array.from(exact, (x, i) => x + scale * error[i]!)
      const { absolute } = deviation(zero, at(0), at(1))
      expect(absolute.linf).toBeLessThanOrEqual(absolute.l2)
      expect(absolute.l2).toBeLessThanOrEqual(absolute.l1 * (1 + 1e-12))
      expect(deviation(zero, at(1), at(0)).absolute).toMatchObject({ l1: absolute.l1, l2: absolute.l2 })
      expect(deviation(zero, at(0), at(2)).absolute.l1).toBe(2 * absolute.l1)
    }),
    { seed: 1, numRuns: 200 },
  )
})
