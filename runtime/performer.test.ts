import { expect, test } from 'vitest'
import { Performer } from '#runtime/performer.ts'

const settle = () => new Promise((resolve) => setImmediate(resolve))

test('performs an action once, however often it is decided', async () => {
  const done: string[] = []
  const performer = new Performer<{ key: string }>(
    async ({ key }) => void done.push(key),
    () => {},
  )
  performer.offer([{ key: 'a' }, { key: 'b' }], 1)
  performer.offer([{ key: 'a' }], 1)
  await settle()
  performer.offer([{ key: 'a' }], 2)
  await settle()
  expect(done).toEqual(['a', 'b'])
})

test('tries a failed action again only after its wait', async () => {
  let calls = 0
  const failures: number[] = []
  const performer = new Performer<{ key: string }>(
    () => (++calls < 3 ? Promise.reject(new Error('reverted')) : Promise.resolve()),
    (_action, _error, count) => void failures.push(count),
  )
  for (let block = 1; block <= 12; block++) {
    performer.offer([{ key: 'a' }], block)
    await settle()
  }
  expect(calls).toBe(3)
  expect(failures).toEqual([1, 2])
})

test('performs again what is still decided when the chain has lost it, but nothing twice at a time', async () => {
  const calls: string[] = []
  const ends: (() => void)[] = []
  const performer = new Performer<{ key: string }>(
    ({ key }) => {
      calls.push(key)
      return key === 'slow' ? new Promise((resolve) => void ends.push(resolve)) : Promise.resolve()
    },
    () => {},
  )
  const actions = [{ key: 'quick' }, { key: 'slow' }]
  performer.offer(actions, 1)
  await settle()
  performer.forget()
  performer.offer(actions, 2)
  expect(calls).toEqual(['quick', 'slow', 'quick'])
  ends[0]?.()
  await settle()
  performer.offer(actions, 3)
  expect(calls).toEqual(['quick', 'slow', 'quick'])
})
