/** Random entries and the largest updates, together. */
import { expect, test } from 'vitest'
import { ALWAYS, isSampled, sampleRate } from '#proto/draw.ts'
import { sha256 } from '#proto/hash.ts'
import { type Choosable, selectEntries } from './selection.ts'

const SEED = sha256(Uint8Array.of(9))
const entries = (...updates: number[]): Choosable[] =>
  updates.map((update, i) => ({ hash: sha256(Uint8Array.of(i & 255, i >> 8)), update }))

test('the largest updates, in the order of the run', () => {
  expect(selectEntries(SEED, entries(3, 1, 9, 2, 7), { rate: 0n, largest: 2 })).toEqual([2, 4])
})

test('of equal updates the earlier, and what is no number before all', () => {
  expect(selectEntries(SEED, entries(5, 5, 5), { rate: 0n, largest: 2 })).toEqual([0, 1])
  const odd = entries(5, Number.NaN, 6, Number.POSITIVE_INFINITY)
  expect(selectEntries(SEED, odd, { rate: 0n, largest: 2 })).toEqual([1, 3])
})

test('and the sampled ones, by the rule of the protocol', () => {
  const all = entries(...Array.from({ length: 1000 }, (_, i) => i))
  const rate = sampleRate(0.1)
  const chosen = selectEntries(SEED, all, { rate, largest: 3 })
  const expected = all.flatMap(({ hash }, i) => (i >= 997 || isSampled(SEED, hash, rate) ? [i] : []))
  expect(chosen).toEqual(expected)
  expect(chosen.length).toBeGreaterThan(60)
  expect(chosen.length).toBeLessThan(150)
  expect(selectEntries(sha256(SEED), all, { rate, largest: 3 })).not.toEqual(chosen)
})

test('edges', () => {
  expect(selectEntries(SEED, [], { rate: ALWAYS, largest: 3 })).toEqual([])
  expect(selectEntries(SEED, entries(1, 2), { rate: 0n, largest: 9 })).toEqual([0, 1])
  expect(selectEntries(SEED, entries(1, 2), { rate: ALWAYS, largest: 0 })).toEqual([0, 1])
  expect(() => selectEntries(SEED, [], { rate: 0n, largest: -1 })).toThrow('not a number of entries')
  expect(() => selectEntries(SEED, entries(1), { rate: -1n, largest: 0 })).toThrow('sample rate')
})
