/** States outlive those who trained them: kept by whoever audits, served, and let go of when nobody can ask for them. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createPeer, type Peer } from '#net/peer.ts'
import { fromHex, to0x, toHex } from '#proto/bytes.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { Database } from '#runtime/database.ts'
import type { HashingMethods } from '#runtime/hashing/worker.ts'
import { StateKeeper } from '#runtime/keeper.ts'
import { Calls, sharedBytes } from '#runtime/rpc.ts'
import type { JobSession } from '#runtime/session.ts'
import type { Logger } from '#runtime/shell.ts'
import { ContentStore } from '#runtime/store.ts'
import { listRoot } from '#runtime/tensors.ts'

const PORTS = [
  { name: 'weights', type: { dtype: 'f32', shape: [300, 7] } },
  { name: 'steps', type: { dtype: 'u32', shape: [] } },
] as const
const jobId = `0x${'07'.repeat(32)}` as Hex
const session = { jobId, stateBytes: 8404, program: { state: PORTS } } as unknown as JobSession
const log = { warn: () => {}, debug: () => {} } as unknown as Logger
const signal = new AbortController().signal

/** The state after `step` steps, and its name. */
function stateAt(step: number) {
  const bytes = sharedBytes(session.stateBytes).fill(step)
  return { bytes, name: { epoch: 1, step, root: listRoot(PORTS, bytes) } }
}

/** Windows of 2 steps each. */
function jobOf(committed: number, finalWindows: number): JobView {
  const terms = { steps: 100, entrySteps: 1, entriesPerWindow: 2 }
  const windows = Array.from({ length: committed }, (_, window) => {
    const rootAfter = to0x(stateAt(2 * window + 2).name.root)
    return [window, { window, epoch: 1, rootAfter }] as const
  })
  const disputes = new Map()
  return {
    jobId,
    terms,
    windows: new Map(windows),
    disputes,
    nextWindow: committed,
    finalWindows,
  } as unknown as JobView
}

interface Process {
  readonly folder: string
  readonly peer: Peer
  readonly store: ContentStore
  readonly database: Database
  readonly keeper: StateKeeper
}

const processes: Process[] = []
async function start(): Promise<Process> {
  const folder = await mkdtemp(join(tmpdir(), 'assay-keeper-'))
  const peer = await createPeer({ privateKey: new Uint8Array(32).fill(1 + processes.length) })
  const database = new Database(join(folder, 'state.sqlite'))
  const store = await ContentStore.open(folder, peer, database)
  const hashing = new Calls<HashingMethods>(new URL('./hashing/worker.ts', import.meta.url))
  const process = { folder, peer, store, database, keeper: new StateKeeper(store, hashing, log, signal) }
  processes.push(process)
  return process
}

let a: Process
let b: Process
beforeAll(async () => {
  a = await start()
  b = await start()
  await b.peer.connect(a.peer.addresses())
})
afterAll(() =>
  Promise.all(
    processes.map(async ({ folder, peer, database, keeper }) => {
      await Promise.all([peer.stop(), keeper.close()])
      database.close()
      await rm(folder, { recursive: true })
    }),
  ),
)

test('a state that one keeps another one can fetch, keep and serve', async () => {
  const { bytes, name } = stateAt(4)
  a.keeper.keep(session, name, bytes)
  await vi.waitFor(() => expect(a.keeper.has(name.root)).toBe(true), 20_000)
  b.keeper.update(jobOf(2, 0), 10, () => Promise.resolve(session))
  await vi.waitFor(() => expect(b.keeper.has(name.root)).toBe(true), 20_000)
  expect(toHex(await b.store.state(PORTS, name.root, [], signal))).toBe(toHex(bytes))
})

test('bytes that are not the state they are said to be are not kept', async () => {
  const { name } = stateAt(6)
  a.keeper.keep(session, name, stateAt(7).bytes)
  const { bytes, name: other } = stateAt(8)
  a.keeper.keep(session, other, bytes)
  await vi.waitFor(() => expect(a.keeper.has(other.root)).toBe(true), 20_000)
  expect(a.keeper.has(name.root)).toBe(false)
})

test('the last final state and later ones stay, earlier ones go, from the disk too', async () => {
  const folder = join(a.folder, 'checkpoints', toHex(fromHex(jobId, 32)))
  expect((await readdir(folder)).sort()).toEqual(['1-4.state', '1-8.state'])
  a.keeper.update(jobOf(4, 3), 20)
  await vi.waitFor(async () => expect((await readdir(folder)).sort()).toEqual(['1-8.state']), 20_000)
  expect(a.keeper.has(stateAt(4).name.root)).toBe(false)
  const peer = await createPeer({ privateKey: new Uint8Array(32).fill(9) })
  const again = await ContentStore.open(a.folder, peer, a.database)
  await peer.stop()
  expect(again.holds(stateAt(8).name.root)).toBe(true)
  expect(again.holds(stateAt(4).name.root)).toBe(false)
})
