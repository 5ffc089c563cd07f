/** Worker threads that really die, hang and come to an end. */
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, test } from 'vitest'
import { Calls } from '#runtime/rpc.ts'
import type { TestingMethods } from '#runtime/testing-worker.ts'

const HUNG_MS = 1_500
const opened: Calls<TestingMethods>[] = []
afterAll(() => Promise.all(opened.map((calls) => calls.close())))

function open(): Calls<TestingMethods> {
  const calls = new Calls<TestingMethods>(new URL('./testing-worker.ts', import.meta.url), { hungMs: HUNG_MS })
  opened.push(calls)
  return calls
}

test('calls are answered in order, and one that takes long is no hung one', async () => {
  const calls = open()
  const answers = await Promise.all([calls.call('echo', 1), calls.call('work', 2 * HUNG_MS), calls.call('echo', 2)])
  expect(answers).toEqual([1, undefined, 2])
  expect(calls.lost.aborted).toBe(false)
})

describe('every call under way, and every later one, rejects with `worker-lost`', () => {
  async function expectLost(calls: Calls<TestingMethods>, work: Promise<unknown>): Promise<void> {
    const behind = calls.call('echo', 3)
    await expect(work).rejects.toMatchObject({ code: 'worker-lost' })
    await expect(behind).rejects.toMatchObject({ code: 'worker-lost' })
    expect(calls.lost.aborted).toBe(true)
    await expect(calls.call('echo', 4)).rejects.toMatchObject({ code: 'worker-lost' })
  }

  test('the thread is killed', async () => {
    const started = once(process, 'worker')
    const calls = open()
    const [thread] = (await started) as [Worker]
    await calls.call('echo', 0)
    const work = calls.call('work', 60_000)
    void thread.terminate()
    await expectLost(calls, work)
  })

  test('the thread throws', async () => {
    const calls = open()
    await expectLost(calls, calls.call('crash', undefined))
  })

  test('the thread hangs', async () => {
    const calls = open()
    await expectLost(calls, calls.call('sleep', undefined))
  })

  test('an engine loses a thread in the middle of its work', async () => {
    const calls = open()
    await expectLost(calls, calls.call('loseHelper', undefined))
  })
})

test('what is closed on purpose is cancelled, not lost', async () => {
  const calls = open()
  const work = calls.call('sleep', undefined)
  void calls.close()
  await expect(work).rejects.toMatchObject({ code: 'cancelled' })
})
