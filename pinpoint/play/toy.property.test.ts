/** Thousands of games about toys: an honest player never loses, and no game is longer than its lists. */
import { describe, expect, test } from 'vitest'
import { seeds } from '#graph/testing.ts'
import { seededRandom } from '#proto/testing.ts'
import { inTurn, playToys, roundsOf, toyRounds } from './testing-toy.ts'
import { Toy } from './toy.ts'

test('seeded games, each side lying in turn', async () => {
  const ends = await playToys(seeds(1500))
  expect(ends.honest).toBeGreaterThan(400)
  expect(Object.keys(ends.refuted).sort()).toEqual(
    ['block', 'export', 'input', 'metric', 'rootAfter', 'stored', 'word'].sort(),
  )
})

test('a second challenger needs no post that the first one has got', async () => {
  const toy = new Toy({ items: 6, values: 6, words: 12, trace: 12 })
  const [first, second] = await inTurn(toy, seededRandom(4))
  expect([first, second]).toEqual([roundsOf(toy) - 1, 0])
})

describe('rounds', () => {
  test('at 2^71 micro-steps', async () => {
    const toy = new Toy({ items: 12, values: 12, words: 24, trace: 24 })
    expect(toy.microSteps > 2n ** 71n).toBe(true)
    const random = seededRandom(1)
    for (let i = 0; i < 3; i++) {
      expect(await toyRounds(toy, random, false)).toBeLessThanOrEqual(18)
      expect(await toyRounds(toy, random, true)).toBeLessThanOrEqual(9)
    }
  })

  test('are those that the heights of the lists say', async () => {
    for (const seed of seeds(20)) {
      const random = seededRandom(seed)
      const size = {
        items: 2 + random.below(6),
        values: 4 + random.below(5),
        words: random.below(14),
        trace: random.below(14),
      }
      const toy = new Toy(size)
      expect(await toyRounds(toy, random, false)).toBe(roundsOf(toy))
      expect(await toyRounds(toy, random, true)).toBe(5)
    }
  })
})
