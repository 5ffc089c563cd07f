/** A process's content under a quota, damaged, cut off by a crash, and on a disk that is really full. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import type { Port } from '#graph/types.ts'
import { createPeer } from '#net/peer.ts'
import { fromHex, toHex } from '#proto/bytes.ts'
import { signEntry } from '#proto/entry.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { bytesRoot, FRAME_BYTES } from '#proto/merkle.ts'
import { writeWhole } from '#runtime/atomic.ts'
import { Database } from '#runtime/database.ts'
import { Janitor } from '#runtime/janitor.ts'
import { identityOf } from '#runtime/keys.ts'
import { whileDiskFails } from '#runtime/patience.ts'
import type { Logger } from '#runtime/shell.ts'
import { ContentStore } from '#runtime/store.ts'
import { listRoot, rootsOf, sliceList } from '#runtime/tensors.ts'

const log = { info: () => {}, warn: () => {} } as unknown as Logger
const PORTS: readonly Port[] = [
  { name: 'a', type: { dtype: 'f32', shape: [FRAME_BYTES / 4 + 100] } },
  { name: 'b', type: { dtype: 'f32', shape: [3] } },
]
const JOB = 'ab'.repeat(32)
const HOUR = 3_600_000

let home: string
let database: Database
const closing: (() => void)[] = []

afterEach(() => {
  for (const close of closing.splice(0).reverse()) close()
})

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'assay-content-'))
  closing.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function open(path = folder(), onLost: (reason: string) => void = () => {}): Promise<ContentStore> {
  home = path
  database = new Database(join(path, 'state.sqlite'))
  const opened = database
  closing.push(() => opened.close())
  const peer = await createPeer({ privateKey: randomBytes(32) })
  closing.push(() => void peer.stop())
  return ContentStore.open(path, peer, database, { onLost })
}

function stateOf(seed: number): Uint8Array {
  const bytes = new Uint8Array(4 * (FRAME_BYTES / 4 + 103))
  for (let i = 0; i < bytes.length; i += 4) new DataView(bytes.buffer).setFloat32(i, (i % 97) + seed, true)
  return bytes
}

async function keep(store: ContentStore, step: number, job = JOB): Promise<{ root: Uint8Array; trees: Uint8Array[] }> {
  const bytes = stateOf(step)
  const root = listRoot(PORTS, bytes)
  const trees = sliceList(PORTS, bytes).map((slice) => rootsOf(slice).tree)
  const file = store.checkpoints.file(fromHex(job), 1, step)
  await writeWhole(file, bytes)
  store.keepCheckpoint(root, PORTS, trees, file)
  return { root, trees }
}

async function holdsState4(store: ContentStore, root: Uint8Array): Promise<boolean> {
  const bytes = await store.checkpoints.read(root, PORTS)
  return bytes !== undefined && Buffer.compare(bytes, stateOf(4)) === 0
}

function view(id: string, phase: string, dataRoot: Uint8Array, block = 0): JobView {
  const terms = { dataRoot: `0x${toHex(dataRoot)}`, specHash: `0x${'cd'.repeat(32)}` }
  return { jobId: `0x${id}`, phase, terms, place: { blockNumber: block, logIndex: 0 } } as unknown as JobView
}

function janitor(store: ContentStore, views: JobView[] | undefined, maxBytes: number, block = 0): Janitor {
  const made = new Janitor(store, () => (views ? { views, block } : undefined), maxBytes, log, 1)
  closing.push(() => made.stop())
  return made
}

async function age(store: string, root: Uint8Array, ms: number): Promise<void> {
  const then = new Date(Date.now() - ms)
  await utimes(join(store, 'blobs', 'blobs', toHex(root).slice(0, 2), toHex(root)), then, then)
}

describe('a quota', () => {
  it('lets nothing in that live jobs leave no room for', async () => {
    const store = await open()
    const { root } = await store.blobs.put(new Uint8Array(5_000))
    await age(home, root, 2 * HOUR)
    janitor(store, [view(JOB, 'training', root)], 8_000)
    const file = join(home, 'upload')
    await writeFile(file, new Uint8Array(4_000).fill(1))
    await expect(store.takeFile(file, bytesRoot(new Uint8Array(4_000).fill(1)))).rejects.toMatchObject({
      code: 'storage',
      next: expect.stringContaining('--max-storage'),
    })
    await writeFile(file, new Uint8Array(2_000).fill(1))
    await store.takeFile(file, bytesRoot(new Uint8Array(2_000).fill(1)))
    // Under a false name nothing comes in, and nothing that is here goes.
    await writeFile(file, new Uint8Array(5_000))
    await store.blobs.delete(bytesRoot(new Uint8Array(2_000).fill(1)))
    store.makeRoom = () => Promise.resolve()
    await expect(store.takeFile(file, new Uint8Array(32))).rejects.toMatchObject({ code: 'bad-proof' })
    expect(await store.blobs.has(root)).toBe(true)
  })

  it('drops strays and ended jobs for newcomers, and old ones by itself', async () => {
    const store = await open()
    const [stray, ended] = [await store.blobs.put(Uint8Array.of(1)), await store.blobs.put(new Uint8Array(3_000))]
    for (const { root } of [stray, ended]) await age(home, root, 2 * HOUR)
    const jobs = [view(JOB, 'settled', ended.root, 100)]
    const cleaner = janitor(store, jobs, 4_000, 200)
    await cleaner.sweep()
    expect(await store.blobs.has(stray.root)).toBe(false)
    expect(await store.blobs.has(ended.root)).toBe(true)
    await expect(cleaner.makeRoom(2_000, true)).rejects.toMatchObject({ code: 'storage' })
    await cleaner.makeRoom(2_000, false)
    expect(await store.blobs.has(ended.root)).toBe(false)
  })

  it('drops nothing while the jobs are not all known', async () => {
    const store = await open()
    const { root } = await store.blobs.put(new Uint8Array(5_000))
    await age(home, root, 100 * HOUR)
    await janitor(store, undefined, 10).sweep()
    expect(await store.blobs.has(root)).toBe(true)
  })

  it('forgets a job that ended long ago: states, evidence, signatures', async () => {
    const store = await open()
    const { root } = await keep(store, 4)
    database.putObject('evidence', new Uint8Array(32), Uint8Array.of(1), fromHex(JOB))
    store.keepSpec(Uint8Array.of(9))
    const cleaner = janitor(store, [view(JOB, 'expired', new Uint8Array(32))], 10 ** 9, 8 * 86_400)
    await cleaner.sweep()
    expect(store.holds(root)).toBe(false)
    expect(database.objects('evidence')).toEqual([])
    expect(await readdir(join(home, 'checkpoints'))).toEqual([])
    expect(database.objects('spec')).toHaveLength(1) // another hash than the job's
  })

  it('gives up downloads that nobody goes on with', async () => {
    const store = await open()
    const bytes = new Uint8Array(FRAME_BYTES + 1)
    const { index } = await (await import('#net/blob-index.ts')).indexOf(bytes)
    const partial = await store.blobs.partial(bytesRoot(bytes), index)
    await partial?.close()
    await store.blobs.expirePartials(HOUR)
    expect(await readdir(join(home, 'blobs', 'partial'))).toHaveLength(2)
    for (const name of await readdir(join(home, 'blobs', 'partial'))) {
      await utimes(join(home, 'blobs', 'partial', name), new Date(0), new Date(0))
    }
    await store.blobs.expirePartials(HOUR)
    expect(await readdir(join(home, 'blobs', 'partial'))).toEqual([])
  })
})

describe('checkpoints', () => {
  it.each([['a changed byte'], ['a missing tail'], ['no file']])(
    '%s is noticed, never served, and fetched again',
    async (damage) => {
      const lost: string[] = []
      const store = await open(folder(), (reason) => lost.push(reason))
      const { root, trees } = await keep(store, 4)
      const tree = trees[0] as Uint8Array
      expect((await store.checkpoints.readFrame(tree, 1)).length).toBe(400)
      const file = store.checkpoints.file(fromHex(JOB), 1, 4)
      if (damage === 'no file') await rm(file)
      else if (damage === 'a missing tail') await truncate(file, FRAME_BYTES)
      else {
        const bytes = await readFile(file)
        bytes[FRAME_BYTES + 3] = (bytes[FRAME_BYTES + 3] as number) ^ 1
        await writeFile(file, bytes)
      }
      await expect(store.checkpoints.readFrame(tree, 1)).rejects.toMatchObject({ code: 'storage' })
      expect(await store.checkpoints.has(tree)).toBe(false)
      expect(store.holds(root)).toBe(false)
      expect(lost).toHaveLength(1)
      expect(database.objects('checkpoint')).toEqual([])
      expect(await store.checkpoints.read(root, PORTS)).toBeUndefined()
      await keep(store, 4)
      expect((await store.checkpoints.readFrame(tree, 1)).length).toBe(400)
    },
  )

  it('keep what a crash registered, drop what it left, and move with their folder', async () => {
    const before = folder()
    const store = await open(before)
    const { root } = await keep(store, 4)
    const at = join(before, 'checkpoints', JOB)
    for (const name of ['1-8.state', '1-12.state.0011.draft', '1-4.state.damaged']) await writeFile(join(at, name), 'x')
    const after = join(folder(), 'moved')
    execFileSync('cp', ['-r', before, after])
    const again = await open(after)
    expect(await readdir(join(after, 'checkpoints', JOB))).toEqual(['1-4.state'])
    expect(await holdsState4(again, root)).toBe(true)
  })

  it('of two jobs with the same states go with their own job', async () => {
    const store = await open()
    const { root, trees } = await keep(store, 4)
    const other = 'ee'.repeat(32)
    await keep(store, 4, other)
    await store.dropStates(fromHex(other))
    expect(await holdsState4(store, root)).toBe(true)
    expect((await store.checkpoints.readFrame(trees[0] as Uint8Array, 0)).length).toBe(FRAME_BYTES)
    const again = await open(home)
    expect(await holdsState4(again, root)).toBe(true)
    expect((await again.holdings()).map(({ kind, key }) => `${kind} ${key}`)).toEqual([`states ${JOB}`])
  })
})

/** A disk of 1 MiB, if this system lets us mount one. */
function smallDisk(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'assay-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', path], { stdio: 'ignore' })
  } catch {
    rmSync(path, { recursive: true })
    return undefined
  }
  chmodSync(path, 0o700)
  return path
}

const disk = smallDisk()
afterAll(() => {
  if (disk === undefined) return
  execFileSync('umount', [disk])
  rmSync(disk, { recursive: true })
})

describe.skipIf(disk === undefined)('a full disk (skipped where tmpfs cannot be mounted)', () => {
  it('is a typed error, damages nothing, and the work goes on when there is space', async () => {
    const path = join(disk as string, 'home')
    await mkdir(path)
    const store = await open(path)
    const identity = identityOf(new Uint8Array(32).fill(7))
    const root32 = new Uint8Array(32)
    const entryAt = (step: number) => ({
      ...{ jobId: fromHex(JOB), epoch: 1, replica: 0, window: 0, stepFrom: step, stepTo: step + 1 },
      ...{ rootBefore: root32, rootAfter: root32, lanesRoot: root32, metricsRoot: root32, solver: identity.address },
    })
    const sign = (step: number) => database.signOnce(entryAt(step), (entry) => signEntry(identity.key, entry))
    const small = await store.blobs.put(new Uint8Array(1_000).fill(3))
    sign(0)
    const ballast = join(disk as string, 'ballast')
    await fill(ballast)

    const full = { code: 'storage', next: expect.stringContaining('disk is full') }
    await expect(store.blobs.put(new Uint8Array(200_000))).rejects.toMatchObject(full)
    let signed = 0
    await expect(async () => {
      for (; signed < 10_000; signed++) sign(signed + 1)
    }).rejects.toMatchObject(full)
    expect(await readdir(join(path, 'blobs', 'tmp'))).toEqual([])
    // it still serves what it has
    expect(await store.blobs.get(small.root)).toEqual(new Uint8Array(1_000).fill(3))
    expect(database.signedIn(fromHex(JOB), 1, 0)).toHaveLength(signed + 1)

    const told = vi.fn()
    const waiting = whileDiskFails(() => store.blobs.put(new Uint8Array(200_000)), peerSignal(), told, [5])
    await vi.waitFor(() => expect(told.mock.calls.length).toBeGreaterThan(2))
    await rm(ballast)
    expect((await waiting).size).toBe(200_000)
    expect(sign(signed + 1).entry.stepFrom).toBe(signed + 1)
    const again = await open(path)
    expect(await again.blobs.get(small.root)).toEqual(new Uint8Array(1_000).fill(3))
    expect(database.signedIn(fromHex(JOB), 1, 0)).toHaveLength(signed + 2)
  })

  it('keeps a checkpoint whole or does not keep it', async () => {
    const path = join(disk as string, 'other')
    await mkdir(path)
    const store = await open(path)
    const ballast = join(disk as string, 'ballast')
    await fill(ballast)
    await expect(keep(store, 4)).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(await readdir(join(path, 'checkpoints', JOB))).toEqual([])
    await rm(ballast)
    const { root } = await keep(store, 4)
    expect(await holdsState4(store, root)).toBe(true)
  })
})

/** Takes all the space but for some kilobytes. */
async function fill(ballast: string): Promise<void> {
  await writeFile(ballast, '')
  for (const size of [65_536, 4_096]) {
    for (;;) {
      const ended = await writeFile(ballast, new Uint8Array(size), { flag: 'a' }).then(
        () => false,
        () => true,
      )
      if (ended) break
    }
  }
  const { size } = await stat(ballast)
  await truncate(ballast, Math.max(0, size - 24_576))
}

function peerSignal(): AbortSignal {
  return new AbortController().signal
}
