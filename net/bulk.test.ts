/** Blobs between real peers: providers that lie, vanish, refuse; fetches that stop and go on. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type BlobIndex, encodeIndex, indexOf } from '#net/blob-index.ts'
import { BLOB_PROTOCOL, serveBlobs } from '#net/bulk.ts'
import { openDiskStore } from '#net/disk-store.ts'
import { type FetchOptions, fetchBlob } from '#net/fetch.ts'
import { MemoryStore } from '#net/memory-store.ts'
import type { Peer } from '#net/peer.ts'
import { startPeer, testBytes, until } from '#net/testing.ts'
import { Writer } from '#proto/bytes.ts'
import { bytesRoot, FRAME_BYTES } from '#proto/merkle.ts'

const MIB = 2 ** 20

/** A peer that serves `bytes`, counting the frames it is asked for. */
async function provider(bytes: Uint8Array): Promise<{ peer: Peer; served: () => number }> {
  const peer = await startPeer()
  const store = new MemoryStore(64 * MIB)
  await store.put(bytes)
  let frames = 0
  serveBlobs(peer, {
    has: (root) => store.has(root),
    index: (root) => store.index(root),
    readFrame: (root, i) => {
      frames++
      return store.readFrame(root, i)
    },
  })
  return { peer, served: () => frames }
}

async function client(...providers: readonly Peer[]): Promise<Peer> {
  const peer = await startPeer()
  await Promise.all(providers.map((other) => peer.connect(other.addresses())))
  return peer
}

const limits = { maxSize: 64 * MIB, timeoutMs: 20_000 }

test('a blob comes from several providers at once and is fetched once for all who want it', async () => {
  const bytes = testBytes(20 * FRAME_BYTES + 3)
  const root = bytesRoot(bytes)
  const [one, two] = await Promise.all([provider(bytes), provider(bytes)])
  const peer = await client(one.peer, two.peer)
  const store = new MemoryStore(64 * MIB)
  const seen: number[] = []
  const options: FetchOptions = { root, size: bytes.length, providers: [one.peer.id, two.peer.id], ...limits }
  await Promise.all([
    fetchBlob(peer, store, { ...options, onProgress: (got) => seen.push(got) }),
    fetchBlob(peer, store, options),
    fetchBlob(peer, store, options),
  ])
  expect(Buffer.compare(await store.get(root), bytes)).toBe(0)
  expect(one.served() + two.served()).toBe(21)
  expect(Math.min(one.served(), two.served())).toBeGreaterThan(0)
  expect(seen).toEqual([...seen].sort((a, b) => a - b))
  expect(seen.at(-1)).toBe(bytes.length)
  await fetchBlob(peer, store, options)
  expect(one.served() + two.served()).toBe(21)
})

test.each([0, 1, FRAME_BYTES, FRAME_BYTES + 1])('a blob of %i bytes', async (size) => {
  const bytes = testBytes(size)
  const source = await provider(bytes)
  const peer = await client(source.peer)
  const store = new MemoryStore(MIB)
  await fetchBlob(peer, store, { root: bytesRoot(bytes), providers: [source.peer.id], ...limits })
  expect(await store.get(bytesRoot(bytes))).toEqual(bytes)
})

test('an interrupted fetch goes on with the frames on disk, also in a new process', async () => {
  const bytes = testBytes(40 * FRAME_BYTES)
  const root = bytesRoot(bytes)
  const source = await provider(bytes)
  const peer = await client(source.peer)
  const folder = await mkdtemp(join(tmpdir(), 'assay-fetch-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const controller = new AbortController()
  const first = fetchBlob(peer, await openDiskStore(folder), {
    root,
    providers: [source.peer.id],
    ...limits,
    inFlight: 1,
    signal: controller.signal,
    onProgress: (got) => {
      if (got > 12 * FRAME_BYTES) controller.abort()
    },
  })
  await expect(first).rejects.toMatchObject({ code: 'cancelled' })
  const before = source.served()
  expect(before).toBeLessThan(24)
  // A store of its own, as a new process has it.
  const store = await openDiskStore(folder)
  await until(() => peer.stats().requests.asked > 0, 'the requests')
  await fetchBlob(peer, store, { root, providers: [source.peer.id], ...limits })
  expect(Buffer.compare(await store.get(root), bytes)).toBe(0)
  expect(source.served() - before).toBeLessThanOrEqual(40 - 12)
})

test('the fetch goes on for the others when one caller leaves, and stops when all have', async () => {
  const bytes = testBytes(8 * FRAME_BYTES)
  const root = bytesRoot(bytes)
  const source = await provider(bytes)
  const peer = await client(source.peer)
  const store = new MemoryStore(64 * MIB)
  const leaver = new AbortController()
  const options: FetchOptions = { root, providers: [source.peer.id], ...limits }
  const left = fetchBlob(peer, store, { ...options, signal: leaver.signal })
  const stayed = fetchBlob(peer, store, options)
  leaver.abort()
  await expect(left).rejects.toMatchObject({ code: 'cancelled' })
  await stayed
  await store.delete(root)
  const alone = new AbortController()
  const stopped = fetchBlob(peer, store, { ...options, signal: alone.signal })
  alone.abort()
  await expect(stopped).rejects.toMatchObject({ code: 'cancelled' })
  // One that comes while the last one winds down starts afresh.
  await fetchBlob(peer, store, options)
})

test('who sends a wrong frame or index is named and left; the blob comes from the others', async () => {
  const bytes = testBytes(6 * FRAME_BYTES + 9)
  const root = bytesRoot(bytes)
  const { index } = await indexOf(bytes)
  const honest = await provider(bytes)
  const frameOf = (i: number): Uint8Array => bytes.slice(i * FRAME_BYTES, (i + 1) * FRAME_BYTES)
  const flipped = frameOf(3)
  flipped[77] = (flipped[77] as number) ^ 1
  const indexed = (claim: BlobIndex, last: Uint8Array): Uint8Array[] => {
    const encoded = encodeIndex(claim)
    return [new Writer().u32(encoded.length).finish(), encoded, last]
  }
  const truth = indexed(index, frameOf(6))
  const lies: Record<string, (request: Uint8Array) => Uint8Array[]> = {
    'one bit of one frame': (request) => {
      if (request[0] === 0) return truth
      const view = new DataView(request.buffer, request.byteOffset)
      const [first, count] = [view.getUint32(33, true), view.getUint32(37, true)]
      return Array.from({ length: count }, (_, i) => (first + i === 3 ? flipped : frameOf(first + i)))
    },
    'frames cut short': (request) => (request[0] === 0 ? truth : [frameOf(0).subarray(1)]),
    'another index': () => indexed({ size: bytes.length, frames: [...index.frames].reverse() }, frameOf(6)),
    'another size': () => indexed({ ...index, size: bytes.length - 1 }, frameOf(6).subarray(1)),
    'a wrong last frame': () => indexed(index, frameOf(6).fill(1)),
    'no last frame': () => indexed(index, new Uint8Array(0)),
    'half an index': () => [truth[0] as Uint8Array, (truth[1] as Uint8Array).subarray(0, 100)],
    nothing: () => [],
  }
  for (const [name, lie] of Object.entries(lies)) {
    const liar = await startPeer()
    liar.handle(BLOB_PROTOCOL, async (request) => lie(request))
    const peer = await client(liar, honest.peer)
    const store = new MemoryStore(64 * MIB)
    const faults: string[] = []
    // The honest provider joins only after the first fault, so that every lie is met.
    const options = { root, ...limits, onFault: (id: string) => faults.push(id) }
    const alone = fetchBlob(peer, store, { ...options, providers: [liar.id] })
    await expect(alone, name).rejects.toMatchObject({ code: 'unavailable' })
    await fetchBlob(peer, store, { ...options, providers: [liar.id, honest.peer.id] })
    expect(new Set(faults), name).toEqual(new Set([liar.id]))
    expect(Buffer.compare(await store.get(root), bytes), name).toBe(0)
  }
})

test('providers without the blob, gone, or of another protocol are left without blame', async () => {
  const bytes = testBytes(3 * FRAME_BYTES)
  const root = bytesRoot(bytes)
  const source = await provider(bytes)
  const [empty, mute] = await Promise.all([startPeer(), startPeer()])
  serveBlobs(empty, new MemoryStore(1))
  const gone = await startPeer()
  const peer = await client(source.peer, empty, mute, gone)
  await gone.stop()
  const store = new MemoryStore(64 * MIB)
  const faults: string[] = []
  const options = { root, ...limits, onFault: (id: string) => faults.push(id) }
  const useless = [empty.id, mute.id, gone.id, peer.id]
  await expect(fetchBlob(peer, store, { ...options, providers: useless })).rejects.toMatchObject({
    code: 'unavailable',
  })
  await fetchBlob(peer, store, { ...options, providers: [...useless, source.peer.id] })
  expect(faults).toEqual([])
})

test('a size that is not wanted', async () => {
  const bytes = testBytes(3 * FRAME_BYTES)
  const root = bytesRoot(bytes)
  const source = await provider(bytes)
  const peer = await client(source.peer)
  const store = new MemoryStore(64 * MIB)
  const fetch = (options: Partial<FetchOptions>): Promise<void> =>
    fetchBlob(peer, store, { root, providers: [source.peer.id], ...limits, ...options })
  await expect(fetch({ maxSize: bytes.length - 1 })).rejects.toMatchObject({ code: 'over-limit' })
  await expect(fetch({ maxSize: FRAME_BYTES })).rejects.toMatchObject({ code: 'over-limit' })
  await expect(fetch({ size: bytes.length - 1 })).rejects.toMatchObject({ code: 'bad-input' })
  await expect(fetch({ providers: [] })).rejects.toMatchObject({ code: 'unavailable' })
  expect(await store.has(root)).toBe(false)
})

test('a provider that stops answering costs its time-out, not the fetch', async () => {
  const bytes = testBytes(3 * FRAME_BYTES)
  const root = bytesRoot(bytes)
  const source = await provider(bytes)
  const silent = await startPeer()
  silent.handle(BLOB_PROTOCOL, () => new Promise(() => {}))
  const peer = await client(source.peer, silent)
  const store = new MemoryStore(64 * MIB)
  const options = { root, ...limits, requestMs: 200 }
  await fetchBlob(peer, store, { ...options, providers: [silent.id, source.peer.id] })
  await store.delete(root)
  const alone = fetchBlob(peer, store, { ...options, timeoutMs: 150, providers: [silent.id] })
  await expect(alone).rejects.toMatchObject({ code: 'timeout' })
})

test('malformed blob requests are refused', async () => {
  const server = await startPeer()
  const store = new MemoryStore(MIB)
  const { root } = await store.put(testBytes(10))
  serveBlobs(server, store)
  // Each by somebody else: who goes on asking nonsense is banned.
  const ask = async (request: Uint8Array) => {
    const peer = await startPeer()
    await peer.connect(server.addresses())
    return peer.request(server.id, BLOB_PROTOCOL, request, { maxResponse: MIB, timeoutMs: 5_000 })
  }
  const frames = (first: number, count: number): Uint8Array => {
    const request = new Uint8Array(41)
    request[0] = 1
    request.set(root, 1)
    new DataView(request.buffer).setUint32(33, first, true)
    new DataView(request.buffer).setUint32(37, count, true)
    return request
  }
  expect(await ask(frames(0, 1))).toEqual(testBytes(10))
  await expect(ask(frames(0, 0))).rejects.toMatchObject({ code: 'over-limit' })
  await expect(ask(frames(0, 17))).rejects.toMatchObject({ code: 'over-limit' })
  await expect(ask(frames(0, 2))).rejects.toMatchObject({ code: 'bad-input' })
  await expect(ask(frames(0, 1).subarray(0, 40))).rejects.toMatchObject({ code: 'bad-encoding' })
  await expect(ask(Uint8Array.of(7, ...root))).rejects.toMatchObject({ code: 'bad-encoding' })
  await expect(ask(new Uint8Array(42))).rejects.toMatchObject({ code: 'over-limit' })
  await expect(ask(new Uint8Array(33))).rejects.toMatchObject({ code: 'not-found' })
})
