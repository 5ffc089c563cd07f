import { expect, test } from 'vitest'
import type { WindowView } from '#proto/machines/job-view.ts'
import type { Announcer } from '#runtime/announcer.ts'
import { Auditor } from '#runtime/auditor.ts'
import type { JobSession } from '#runtime/session.ts'
import type { Logger } from '#runtime/shell.ts'
import type { ContentStore } from '#runtime/store.ts'

const log = { info: () => {} } as unknown as Logger
const root = new Uint8Array(32)
const entry = { stepFrom: 0, stepTo: 1, replica: 0, epoch: 1, rootBefore: root, rootAfter: root, metricsRoot: root }
const window = { window: 3, entries: [{ entry: { ...entry, lanesRoot: root } }] } as unknown as WindowView

test('what nobody needs any more when its turn comes is not replayed', async () => {
  const auditor = new Auditor({} as ContentStore, {} as Announcer, new AbortController().signal, log)
  const calls: string[] = []
  const first = Promise.withResolvers<never>()
  const compute = {
    call: (method: string) => {
      calls.push(method)
      return first.promise
    },
  }
  const session = { jobId: '0x', stateBytes: 4, compute } as unknown as JobSession
  let wanted = true
  const slow = auditor.audit(session, window, 0, { wanted: () => true })
  const queued = auditor.audit(session, window, 0, { wanted: () => wanted })
  // The window is voided while another audit is under way.
  wanted = false
  first.reject(new Error('the engine is gone'))
  await expect(slow).rejects.toThrow('the engine is gone')
  await expect(queued).rejects.toMatchObject({ code: 'stale' })
  expect(calls).toEqual(['init'])
})

test('evidence that is not shown yet is waited for as long as there is time: without it the wrong one may be accused', async () => {
  const hidden = {
    evidence: () => Promise.resolve(undefined),
    keptEvidence: () => undefined,
  } as unknown as ContentStore
  const announcer = { peerOf: () => undefined } as unknown as Announcer
  const auditor = new Auditor(hidden, announcer, new AbortController().signal, log)
  const other = new Uint8Array(32).fill(1)
  const replayed = { rootBefore: root, rootAfter: other, sumRoots: [], metricRoots: [root], activations: [] }
  const compute = { call: (method: string) => Promise.resolve(method === 'replay' ? replayed : undefined) }
  const session = { jobId: '0x', stateBytes: 4, compute } as unknown as JobSession
  const solver = new Uint8Array(20)
  const shown = { window: 3, entries: [{ entry: { ...entry, lanesRoot: root, solver } }] } as unknown as WindowView
  const audit = (patient: boolean) => auditor.audit(session, shown, 0, { wanted: () => true, patient: () => patient })
  await expect(audit(true)).rejects.toMatchObject({ code: 'unavailable' })
  expect(await audit(false)).toMatchObject({ judgement: { accept: false, against: 0 } })
})
