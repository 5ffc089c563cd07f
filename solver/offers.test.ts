/** Sums for partners, whenever they ask. */
import { expect, test } from 'vitest'
import { SharedPool } from '#runtime/shared-pool.ts'
import { Offers } from './offers.ts'
import { Slots } from './slots.ts'

const at = (step: number, level = 1) => ({ epoch: 1, step, level })
const root = (n: number): Uint8Array => new Uint8Array(32).fill(n)

test('a sum is served before and after it is there, with its roots, also when its slot is signed', async () => {
  const pool = new SharedPool(4)
  const offers = new Offers()
  const slots = new Slots(2)
  const early = offers.get(at(3), 1000)
  slots.put(at(3), 4, 0, root(7))
  slots.put(at(3), 4, 2, Promise.resolve(root(8)))
  const lease = pool.take()
  lease.bytes.fill(9)
  offers.put(at(3), { lease, ready: Promise.resolve(), roots: slots.roots(at(3), 4, [0, 2]) })
  expect(slots.take(at(2))?.sumRoots).toHaveLength(6 + 3)
  for (const found of [await early, await offers.get(at(3), 0)]) {
    expect(found?.roots).toEqual([root(7), root(8)])
    expect(found?.lease.bytes).toEqual(new Uint8Array(4).fill(9))
    found?.lease.release()
  }
  expect(() => slots.roots(at(3), 4, [0])).toThrow('sum 0 of step 3 is not here')
})

test('what does not come in time, fails or is let go of is nothing, and its memory is used again', async () => {
  const pool = new SharedPool(4)
  const offers = new Offers()
  expect(await offers.get(at(0), 1)).toBeUndefined()
  const lease = pool.take()
  offers.put(at(0), { lease, ready: Promise.reject(new Error('the engine is gone')), roots: [] })
  expect(await offers.get(at(0), 0)).toBeUndefined()
  const waiting = offers.get(at(1), 60_000)
  expect(offers.has(at(0))).toBe(true)
  offers.drop()
  expect(await waiting).toBeUndefined()
  expect(offers.has(at(0))).toBe(false)
  expect(pool.take().bytes).toBe(lease.bytes)
})
