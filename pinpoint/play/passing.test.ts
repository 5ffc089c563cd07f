/** A challenger against replicas in league: it wins, or learns whose sum is the first that is wrong, whatever else is. */
import { expect, test } from 'vitest'
import type { Hash } from '#proto/ids.ts'
import { joinerOf } from '#proto/lanes.ts'
import { sumItem } from '../schedule.ts'
import { type Lies, smallJob, World, type WorldOptions } from '../testing.ts'
import { stubborn } from './sides.ts'
import { match } from './testing.ts'

const four = smallJob({ batch: 8, microBatches: 4, lanes: 4, replicas: 4 })
const OPTIONS: WorldOptions = { stepTo: 2, replica: 1, replicas: 4 }
const truth = new World(four, OPTIONS)
const { schedule } = truth
const LIE = new Uint8Array(32).fill(7)

// Replica 1 receives sum 3, of replica 3, joins it into 5, and receives 4, of replicas 0 and 2, whose own are 0 and 2.
const item = (sum: number, step = 0): number => sumItem(schedule, step * schedule.sums + sum) as number

/** Replica 1 holds `items` to be something else, and all claim that `sums` are; other items and sums are true. */
function lying(items: readonly number[], sums: readonly number[]): Lies {
  return {
    leaves: (i, hashes) => void (items.includes(i) && hashes.splice(0, 1, LIE)),
    sums: (hashes: Hash[]) => {
      const told = [...hashes]
      hashes.splice(0, hashes.length, ...truth.sumRoots())
      for (const sum of sums) {
        const own = sumItem(schedule, sum)
        hashes[sum] = own !== undefined && items.includes(own) ? (told[sum] as Hash) : LIE
      }
    },
  }
}

/** Who has won, at which end, and over which sum. */
async function outcomeOf(lies: Lies) {
  const liar = new World(four, { ...OPTIONS, lies })
  const found = []
  for (const served of [true, false]) {
    const { winner, end, game } = await match(liar, truth, served, truth, ({ asserter }) => ({
      asserter: stubborn(asserter),
    }))
    found.push({ winner, end, sum: game.position.index })
  }
  expect(found[1]).toEqual(found[0])
  return found[0]
}

test('what it has received, and all claim, is of who has sent it', async () => {
  expect(await outcomeOf(lying([item(3)], [3]))).toEqual({ winner: 'asserter', end: 'inbound', sum: 3 })
  expect(joinerOf(3, 1, 4)).toBe(3)
})

test('behind a false sum that it has received lies an earlier one of others', async () => {
  const passed = await outcomeOf(lying([item(4)], [2, 4]))
  expect(passed).toEqual({ winner: 'asserter', end: 'sum', sum: 2 })
  expect(joinerOf(2, 1, 4)).toBe(2)
  const later = await outcomeOf(lying([item(3, 1)], [0, 9]))
  expect(later).toEqual({ winner: 'asserter', end: 'sum', sum: 0 })
})

test('what it has received, but nobody claims, is its own lie', async () => {
  expect(await outcomeOf(lying([item(3)], []))).toMatchObject({ winner: 'challenger', end: 'inbound', sum: 3 })
  // All claim what it has joined from that.
  expect(await outcomeOf(lying([item(3), item(5)], [5]))).toMatchObject({
    winner: 'challenger',
    end: 'inbound',
    sum: 3,
  })
})

test('two that each hold their own sum to be true, but claim that it is not, cannot point at each other', async () => {
  expect(await outcomeOf(lying([item(3)], [1, 3]))).toMatchObject({ winner: 'challenger', end: 'sum', sum: 1 })
  expect(await outcomeOf(lying([item(3, 1)], [1, 9]))).toMatchObject({ winner: 'challenger', end: 'sum', sum: 1 })
})
