/** Both blob stores against one set of expectations, and the disk store against damage and restarts. */
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { encodeIndex, indexOf } from '#net/blob-index.ts'
import { openDiskStore } from '#net/disk-store.ts'
import { MemoryStore } from '#net/memory-store.ts'
import type { BlobStore } from '#net/store.ts'
import { liveBytes, testBytes } from '#net/testing.ts'
import { toHex } from '#proto/bytes.ts'
import { bytesRoot, FRAME_BYTES, frameHashes } from '#proto/merkle.ts'

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'assay-store-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

const kinds: [string, () => Promise<BlobStore>][] = [
  ['memory', async () => new MemoryStore(2 ** 24)],
  ['disk', async () => openDiskStore(await folder(), { sync: false })],
]

const SIZES = [0, 1, 1023, 1024, 1025, 16 * 1024 + 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3.5 * FRAME_BYTES]

describe.each(kinds)('%s store', (_kind, make) => {
  test('what is put is there, whole and frame by frame', async () => {
    const store = await make()
    for (const size of SIZES) {
      const bytes = testBytes(size, size + 1)
      const root = bytesRoot(bytes)
      expect(await store.has(root)).toBe(false)
      expect(await store.put(bytes)).toEqual({ root, size })
      expect(await store.put(bytes)).toEqual({ root, size })
      expect(await store.has(root)).toBe(true)
      expect(await store.size(root)).toBe(size)
      expect(await store.index(root)).toEqual({ size, frames: frameHashes(bytes) })
      expect(Buffer.compare(await store.get(root), bytes)).toBe(0)
      const count = Math.max(1, Math.ceil(size / FRAME_BYTES))
      for (let i = 0; i < count; i++) {
        const frame = bytes.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES)
        expect(Buffer.compare(await store.readFrame(root, i), frame)).toBe(0)
      }
      for (const i of [-1, count, 0.5]) {
        await expect(store.readFrame(root, i)).rejects.toMatchObject({ code: 'bad-input' })
      }
    }
    const listed = (await store.list()).map(({ root, size }) => `${toHex(root)} ${size}`)
    const expected = SIZES.map((size) => `${toHex(bytesRoot(testBytes(size, size + 1)))} ${size}`)
    expect(listed).toEqual(expected.sort())
  })

  test('a given index saves the hashing and must fit', async () => {
    const store = await make()
    const bytes = testBytes(FRAME_BYTES + 5)
    const { root, index } = await indexOf(bytes)
    await expect(store.put(bytes.subarray(1), index)).rejects.toMatchObject({ code: 'bad-input' })
    expect((await store.put(bytes, index)).root).toEqual(root)
    expect(Buffer.compare(await store.get(root), bytes)).toBe(0)
  })

  test('a stored blob does not change with the buffer it came from', async () => {
    const store = await make()
    const bytes = testBytes(100)
    const { root } = await store.put(bytes)
    bytes.fill(0)
    expect(await store.get(root)).toEqual(testBytes(100))
  })

  test('what is not here, is not a root, or is too large', async () => {
    const store = await make()
    const { root } = await store.put(testBytes(2000))
    await store.delete(root)
    await store.delete(root)
    const reads = ['size', 'index', 'get'] as const
    for (const read of [...reads.map((name) => () => store[name](root)), () => store.readFrame(root, 0)]) {
      await expect(read()).rejects.toMatchObject({ code: 'not-found' })
    }
    await expect(store.has(new Uint8Array(31))).rejects.toMatchObject({ code: 'bad-input' })
    await store.put(testBytes(2000))
    await expect(store.get(root, 1999)).rejects.toMatchObject({ code: 'over-limit' })
  })

  test('a file becomes the same blob as its bytes', async () => {
    const store = await make()
    const path = join(await folder(), 'data')
    for (const size of [0, 5, FRAME_BYTES, 2 * FRAME_BYTES + 7]) {
      const bytes = testBytes(size)
      await writeFile(path, bytes)
      expect(await store.putFile(path)).toEqual({ root: bytesRoot(bytes), size })
      expect(Buffer.compare(await store.get(bytesRoot(bytes)), bytes)).toBe(0)
    }
    await expect(store.putFile(`${path}-none`)).rejects.toMatchObject({ code: 'storage' })
  })

  test('a blob arrives in any order and is here only when all of it is', async () => {
    const store = await make()
    const bytes = testBytes(3.5 * FRAME_BYTES)
    const { root, index } = await indexOf(bytes)
    const frame = (i: number): Uint8Array => bytes.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES)
    expect(await store.partial(root)).toBeUndefined()
    const wrong = { size: index.size, frames: [...index.frames].reverse() }
    await expect(store.partial(root, wrong)).rejects.toMatchObject({ code: 'bad-proof' })
    const partial = await store.partial(root, index)
    if (partial === undefined) throw new Error('no partial blob')
    await partial.write(3, frame(3))
    await expect(partial.write(1, frame(2))).rejects.toMatchObject({ code: 'bad-proof' })
    await expect(partial.write(0, frame(0).subarray(1))).rejects.toMatchObject({ code: 'bad-proof' })
    await partial.write(0, frame(0))
    await expect(partial.commit()).rejects.toMatchObject({ code: 'wrong-state' })
    await partial.close()
    expect(await store.has(root)).toBe(false)
    const again = await store.partial(root)
    if (again === undefined) throw new Error('nothing kept')
    expect(again.missing()).toEqual([1, 2])
    for (const i of again.missing()) await again.write(i, frame(i))
    await again.commit()
    await again.close()
    expect(Buffer.compare(await store.get(root), bytes)).toBe(0)
  })
})

test('the memory store keeps to its bound', async () => {
  const store = new MemoryStore(10_000)
  const { root } = await store.put(testBytes(6_000))
  await expect(store.put(testBytes(5_000, 2))).rejects.toMatchObject({ code: 'over-limit' })
  await store.delete(root)
  await store.put(testBytes(5_000, 2))
  const { root: other, index } = await indexOf(testBytes(6_000, 3))
  await expect(store.partial(other, index)).rejects.toMatchObject({ code: 'over-limit' })
})

test('the disk store survives a restart and leaves nothing half-written', async () => {
  const path = await folder()
  const store = await openDiskStore(path)
  const bytes = testBytes(FRAME_BYTES * 2)
  const { root } = await store.put(bytes)
  await writeFile(join(path, 'tmp', 'left-by-a-crash'), 'x')
  const again = await openDiskStore(path)
  expect(Buffer.compare(await again.get(root), bytes)).toBe(0)
  expect(await readdir(join(path, 'tmp'))).toEqual([])
  const file = join(path, 'blobs', toHex(root).slice(0, 2), toHex(root))
  expect((await stat(file)).size).toBe(bytes.length + encodeIndex(await again.index(root)).length)
})

test.each([
  ['a changed byte', 5],
  ['a changed index', 2 * FRAME_BYTES + 10],
  ['a changed size', 2 * FRAME_BYTES + 70],
  ['a missing tail', -1],
])('%s is found and the blob set aside', async (_what, at) => {
  const path = await folder()
  const { root } = await (await openDiskStore(path)).put(testBytes(FRAME_BYTES * 2 - 6))
  const file = join(path, 'blobs', toHex(root).slice(0, 2), toHex(root))
  const content = await readFile(file)
  if (at < 0) await truncate(file, content.length - 1)
  else {
    content[at - (at > FRAME_BYTES ? 6 : 0)] = (content[at - (at > FRAME_BYTES ? 6 : 0)] as number) ^ 1
    await writeFile(file, content)
  }
  const store = await openDiskStore(path)
  await expect(store.readFrame(root, 0)).rejects.toMatchObject({ code: 'storage' })
  expect(await store.has(root)).toBe(false)
  expect(await store.list()).toEqual([])
  await store.put(testBytes(FRAME_BYTES * 2 - 6))
  expect((await store.readFrame(root, 1)).length).toBe(FRAME_BYTES - 6)
})

test('frames that a crash listed but did not write are wanted again', async () => {
  const path = await folder()
  const bytes = testBytes(FRAME_BYTES * 3)
  const { root, index } = await indexOf(bytes)
  const partial = await (await openDiskStore(path)).partial(root, index)
  if (partial === undefined) throw new Error('no partial blob')
  for (const i of [0, 1]) await partial.write(i, bytes.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES))
  await partial.close()
  const file = join(path, 'partial', toHex(root))
  const content = await readFile(file)
  content.fill(0, FRAME_BYTES, 2 * FRAME_BYTES)
  await writeFile(file, content)
  const resumed = await (await openDiskStore(path)).partial(root)
  expect(resumed?.missing()).toEqual([1, 2])
  await resumed?.close()
  await truncate(file, 100)
  expect(await (await openDiskStore(path)).partial(root)).toBeUndefined()
})

test('a large file is stored in a few frames of memory', async () => {
  const path = await folder()
  const store = await openDiskStore(path, { sync: false })
  const file = join(path, 'large')
  const size = 64 * 2 ** 20
  await writeFile(file, '')
  await truncate(file, size)
  const before = liveBytes()
  let peak = 0
  // Nothing is collected on purpose: garbage counts, and still stays far below the file.
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)
  }, 1)
  const { root } = await store.putFile(file)
  clearInterval(sampler)
  expect(await store.size(root)).toBe(size)
  expect(peak).toBeLessThan(size / 2)
})
