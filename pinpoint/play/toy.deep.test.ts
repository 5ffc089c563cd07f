/** A hundred thousand games about toys. */
import { expect, test } from 'vitest'
import { seeds } from '#graph/testing.ts'
import { playToys } from './testing-toy.ts'

test('an honest player never loses', async () => {
  const { refuted, honest } = await playToys(seeds(100_000))
  expect(honest).toBeGreaterThan(35_000)
  for (const games of Object.values(refuted)) expect(games).toBeGreaterThan(100)
})
