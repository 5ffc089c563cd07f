/** Sequence numbers rise, whatever the clock and the process do. */
import { expect, test } from 'vitest'
import { Database } from '#runtime/database.ts'
import { Sequence } from '#runtime/sequence.ts'

test('numbers follow the clock, and rise when it does not', () => {
  const sequence = new Sequence()
  const numbers = [1_000, 1_000, 5_000, 4_000].map((now) => sequence.next(now))
  expect(numbers).toEqual([1_000, 1_001, 5_000, 5_001])
})

test('a restart with the clock set back goes on above everything that was sent', () => {
  const database = new Database(':memory:')
  const before = new Sequence(database)
  let last = 0
  for (let now = 1_000_000; now < 1_200_000; now += 5_000) last = before.next(now)
  const after = new Sequence(database).next(10)
  expect(after).toBeGreaterThan(last)
  expect(after).toBeLessThan(last + 2 ** 16 + 2)
  database.close()
})
