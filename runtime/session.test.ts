/** Sessions whose compute worker is killed. */
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { encodeJob } from '#proto/job.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { ComputeMethods } from '#runtime/compute/worker.ts'
import { Calls, sharedBytes } from '#runtime/rpc.ts'
import { type JobSession, Sessions } from '#runtime/session.ts'
import { tinyJob } from '#runtime/testing.ts'

const { spec, bytes } = tinyJob()

/** What `openSession` does once it has the job and its data. */
async function open({ jobId }: JobView): Promise<JobSession> {
  const data = sharedBytes(bytes.length)
  data.set(bytes)
  const compute = new Calls<ComputeMethods>(new URL('./compute/worker.ts', import.meta.url))
  const opened = await compute.call('open', { job: encodeJob(spec), data, engine: 'wasm', threads: 1 })
  return { jobId, spec, compute, ...opened, lost: compute.lost, close: () => compute.close() }
}

test('a session whose worker is killed is opened anew, and computes the same', async () => {
  const job = { jobId: '0x01' } as unknown as JobView
  const sessions = new Sessions(open)
  const started = once(process, 'worker')
  const first = await sessions.of(job)
  const [thread] = (await started) as [Worker]
  expect(await sessions.of(job)).toBe(first)
  const root = await first.compute.call('init', sharedBytes(first.stateBytes))
  const replay = first.compute.call('replay', { stepFrom: 0, stepTo: 24, replicas: 1 })
  void thread.terminate()
  await expect(replay).rejects.toMatchObject({ code: 'worker-lost' })

  const second = await sessions.of(job)
  expect(second).not.toBe(first)
  expect(await second.compute.call('init', sharedBytes(second.stateBytes))).toEqual(root)
  await sessions.closeAll()
})
