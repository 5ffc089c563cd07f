/** Honest peers in a crowd of hostile ones: the work goes on, memory stays bounded, and only the hostile are banned. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection, Libp2p } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { BLOB_PROTOCOL, serveBlobs } from '#net/bulk.ts'
import { fetchBlob } from '#net/fetch.ts'
import { HELLO_PROTOCOL } from '#net/hello.ts'
import { MemoryStore } from '#net/memory-store.ts'
import { OBJECT_PROTOCOL, serveObjects } from '#net/objects.ts'
import type { Peer } from '#net/peer.ts'
import { liveBytes, rawNode, startPeer, testBytes, until } from '#net/testing.ts'
import { FRAME_BYTES } from '#proto/merkle.ts'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'

const HOSTILE = 12
const ROUNDS = 40
const MIB = 2 ** 20
const PROTOCOLS = [BLOB_PROTOCOL, OBJECT_PROTOCOL, HELLO_PROTOCOL]

/** One act of a hostile peer on a connection: a request cut short, too long, random, unread, or never sent. */
async function harm(connection: Connection, random: SeededRandom): Promise<void> {
  const stream = await connection.newStream(random.pick(PROTOCOLS), { maxOutboundStreams: 1_000 })
  const body = random.bytes(random.below(80))
  const announced = random.bool(0.3) ? random.u32() : body.length
  const head = Uint8Array.of(announced & 255, (announced >>> 8) & 255, (announced >>> 16) & 255, announced >>> 24)
  if (random.bool(0.2)) stream.pause()
  if (random.bool(0.9)) stream.send(new Uint8Array([...head, ...body]))
  if (random.bool(0.6)) await stream.close()
  else if (random.bool()) stream.abort(new Error('enough'))
}

/** Comes again and again, whatever happens to its connections. */
async function pester(node: Libp2p, target: Peer, seed: number, over: () => boolean): Promise<void> {
  const random = seededRandom(seed)
  while (!over()) {
    try {
      const connection = await node.dial(multiaddr(target.addresses()[0]))
      for (let i = 0; i < 20 && !over(); i++) await harm(connection, random)
    } catch {
      // Refused, or cut off.
    }
    await sleep(20)
  }
}

test.each([1, 2, 3])('seed %i', { timeout: 600_000 }, async (seed) => {
  const hub = await startPeer()
  const [a, b] = (await Promise.all([1, 2].map(() => startPeer({ bootstrap: hub.addresses() })))) as [Peer, Peer]
  const store = new MemoryStore(64 * MIB)
  serveBlobs(hub, store)
  serveObjects(hub, async () => ({ answer: 42 }))
  await until(() => hub.peers().length === 2, 'the honest peers')
  const before = liveBytes()
  let done = false
  const nodes = await Promise.all(Array.from({ length: HOSTILE }, () => rawNode()))
  const pests = nodes.map((node, i) => pester(node, hub, seed * 1_000 + i, () => done))
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = testBytes(8 * FRAME_BYTES + round, round)
    const { root } = await store.put(bytes)
    for (const peer of [a, b]) {
      const into = new MemoryStore(64 * MIB)
      await fetchBlob(peer, into, { root, maxSize: 64 * MIB, providers: [hub.id], timeoutMs: 120_000 })
      expect(Buffer.compare(await into.get(root), bytes)).toBe(0)
    }
    await store.delete(root)
  }
  done = true
  await Promise.all(pests)
  const hostile = new Set(nodes.map(({ peerId }) => peerId.toString()))
  const banned = hub.bans()
  expect(banned.length).toBeGreaterThan(HOSTILE / 2)
  expect(banned.every(({ peer, reason }) => hostile.has(peer) && reason === 'request')).toBe(true)
  expect([a.bans(), b.bans()]).toEqual([[], []])
  expect(hub.peers()).toEqual(expect.arrayContaining([a.id, b.id]))
  expect(liveBytes() - before).toBeLessThan(64 * MIB)
})
