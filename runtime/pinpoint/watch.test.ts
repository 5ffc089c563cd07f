import { expect, test } from 'vitest'
import { Watch } from './watch.ts'

/** A watch whose looks end when they are told to. */
function watched() {
  const heads: number[] = []
  const failures: number[] = []
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = []
  const watch = new Watch(
    (head) => {
      heads.push(head)
      return new Promise<void>((resolve, reject) => void ends.push({ resolve, reject }))
    },
    (_, count) => failures.push(count),
  )
  const end = async (error?: Error): Promise<void> => {
    const last = ends.pop()
    if (error) last?.reject(error)
    else last?.resolve()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { watch, heads, failures, end }
}

test('one look at a time; of the blocks that come meanwhile the last one is looked at', async () => {
  const { watch, heads, end } = watched()
  watch.look(1)
  watch.look(2)
  watch.look(3)
  expect(heads).toEqual([1])
  await end()
  expect(heads).toEqual([1, 3])
  await end()
  expect(heads).toEqual([1, 3])
})

test('what fails waits for more and more blocks, until it works', async () => {
  const { watch, heads, failures, end } = watched()
  for (let head = 1; head <= 12; head++) {
    const before = heads.length
    watch.look(head)
    if (heads.length > before) await end(new Error('no luck'))
  }
  expect(heads).toEqual([1, 2, 4, 8])
  expect(failures).toEqual([1, 2, 3, 4])
  watch.look(16)
  await end()
  watch.look(17)
  await end(new Error('again'))
  watch.look(18)
  expect(heads.slice(4)).toEqual([16, 17, 18])
  expect(failures.at(-1)).toBe(1)
})

test('a watch that was stopped looks no more, and says nothing', async () => {
  const { watch, heads, failures, end } = watched()
  watch.look(1)
  watch.look(2)
  watch.stop()
  await end(new Error('too late'))
  watch.look(3)
  expect(heads).toEqual([1])
  expect(failures).toEqual([])
})
