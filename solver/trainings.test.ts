import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AssayError } from '#proto/errors.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { Database } from '#runtime/database.ts'
import type { RoleNode } from '#runtime/node.ts'
import type { JobSession, Workers } from '#runtime/session.ts'
import { Trainings } from './trainings.ts'

const me = `0x${'aa'.repeat(20)}` as Hex
const jobId = `0x${'01'.repeat(32)}` as Hex
const prices = { entryPrice: 1n, verdictFee: 0n, windowFee: 0n }
const terms = { steps: 4, entrySteps: 1, entriesPerWindow: 2, depth: 2, replicas: 1, ...prices }
const job = {
  jobId,
  phase: 'training',
  terms,
  cells: [me],
  epoch: 1,
  epochWindow: 0,
  epochRoot: null,
  nextWindow: 0,
  finalWindows: 0,
  totalWindows: 2,
  escrow: 100n,
  windows: new Map(),
} as unknown as JobView

/** A solver whose worker threads are lost at their first call, and what happened to its sessions. */
function solver() {
  const sessions: { closed: boolean }[] = []
  const database = new Database(':memory:')
  const checkpoints = { file: () => 'unused' }
  const log = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} }
  const signal = new AbortController().signal
  const node = { me, log, signal, database, store: { checkpoints }, book: { views: new Map() } }
  const lost = (): Promise<never> => Promise.reject(new AssayError('worker-lost', 'the worker thread has ended'))
  const workers = {
    open: () => {
      const session = { closed: false }
      sessions.push(session)
      return Promise.resolve({
        jobId,
        program: { state: [], gradients: [], metrics: [] },
        compute: { call: lost },
        stateBytes: 4,
        sumBytes: 4,
        close: () => {
          session.closed = true
          return Promise.resolve()
        },
      } as unknown as JobSession)
    },
    hashing: () => ({ call: lost, close: () => Promise.resolve() }),
  } as unknown as Workers
  return { trainings: new Trainings(node as unknown as RoleNode, workers, () => undefined), sessions }
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearInterval', 'performance'] }))
afterEach(() => void vi.useRealTimers())

test('a job whose worker is lost is closed, and opened anew with growing pauses', async () => {
  const { trainings, sessions } = solver()
  const opened: number[] = []
  for (let ms = 0; ms < 30_000; ms += 200) {
    trainings.update(job, ms / 200)
    await vi.advanceTimersByTimeAsync(200)
    if (sessions.length > opened.length) opened.push(ms)
  }
  expect(opened).toHaveLength(5)
  const pauses = opened.slice(1).map((at, i) => at - (opened[i] as number))
  expect(pauses.map((pause) => Math.round(pause / 1_000))).toEqual([1, 2, 5, 15])
  expect(sessions.map(({ closed }) => closed)).toEqual([true, true, true, true, true])
})

test('a job that has ended is not opened anew', async () => {
  const { trainings, sessions } = solver()
  for (let ms = 0; ms < 10_000; ms += 200) {
    trainings.update({ ...job, phase: ms < 300 ? 'training' : 'settled' } as JobView, ms / 200)
    await vi.advanceTimersByTimeAsync(200)
  }
  expect(sessions).toEqual([{ closed: true }])
})

test('a view that this build cannot make sense of costs its own job, not the process', async () => {
  const { trainings, sessions } = solver()
  const broken = { ...job, escrow: null } as unknown as JobView
  trainings.update(broken, 1)
  await vi.advanceTimersByTimeAsync(200)
  expect(sessions).toEqual([{ closed: true }])
})
