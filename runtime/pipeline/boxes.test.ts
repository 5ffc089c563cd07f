/** Both ends of a border hold no more than their windows, whatever the other end does. */
import { expect, test } from 'vitest'
import { SharedPool } from '#runtime/shared-pool.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'

const pool = (): SharedPool => new SharedPool(8)
const never = new AbortController().signal

test('a receiver asks for a window in advance, for one more when one is used up, and for none behind the end', async () => {
  const asked: number[] = []
  const box = new Inbox(pool(), 2, [5, 9], async (at, into) => {
    asked.push(at)
    into[0] = at
  })
  expect(asked).toEqual([5, 6])
  for (let at = 5; at < 9; at++) {
    const bundle = await box.take(at)
    expect(bundle.bytes[0]).toBe(at)
    box.used(at, bundle)
    expect(asked.at(-1)).toBe(Math.min(at + 2, 8))
  }
  expect(asked).toEqual([5, 6, 7, 8])
})

test('what cannot be brought is told to whoever takes it', async () => {
  const box = new Inbox(pool(), 1, [0, 2], () => Promise.reject(new Error('out of reach')))
  await expect(box.take(0)).rejects.toThrow('out of reach')
  expect(() => box.take(1)).toThrow('not asked for')
})

test('a sender makes what a receiver may hold and as much again, and lets go of what is used up', async () => {
  const leases = pool()
  const box = new Outbox(2, 0)
  let made = 0
  const making = (async () => {
    for (let at = 0; at < 6; at++) {
      await box.room(at)
      box.put(at, leases.take())
      made++
    }
  })()
  await new Promise(setImmediate)
  // None is used up until the third is asked for.
  expect(made).toBe(4)
  for (const at of [0, 1, 2]) (await box.offered(at, never)).release()
  await new Promise(setImmediate)
  expect(made).toBe(5)
  await expect(box.offered(0, never)).rejects.toMatchObject({ code: 'stale', consequence: 'ignore' })
  // A request that was answered may come again.
  ;(await box.offered(1, never)).release()
  await expect(box.offered(5, never)).rejects.toMatchObject({ code: 'over-limit', consequence: 'penalise' })
  ;(await box.offered(3, never)).release()
  await making
})

test('who asks before a bundle is made waits for it, or until it gives up', async () => {
  const box = new Outbox(2, 0)
  const controller = new AbortController()
  const [first, given] = [box.offered(0, never), box.offered(1, controller.signal)]
  controller.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  const lease = pool().take()
  lease.bytes[0] = 3
  box.put(0, lease)
  expect((await first).bytes[0]).toBe(3)
})
