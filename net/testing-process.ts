/**
 * A process for the tests. `serve`: serves a blob until it is killed. `stop`: two peers talk and stop, and the process
 * must end by itself.
 */
import { randomBytes } from 'node:crypto'
import { serveBlobs } from '#net/bulk.ts'
import { fetchBlob } from '#net/fetch.ts'
import { MemoryStore } from '#net/memory-store.ts'
import { createPeer } from '#net/peer.ts'
import { FRAME_BYTES } from '#proto/merkle.ts'
import { testBytes } from './testing-bytes.ts'

const store = new MemoryStore(2 ** 24)
const { root } = await store.put(testBytes(12 * FRAME_BYTES + 1))
const server = await createPeer({ privateKey: randomBytes(32) })
serveBlobs(server, store)

if (process.argv[2] === 'stop') {
  const client = await createPeer({ privateKey: randomBytes(32), bootstrap: server.addresses() })
  for (const peer of [server, client])
    peer.subscribe(
      'topic',
      () => 'accept',
      () => {},
    )
  await fetchBlob(client, new MemoryStore(2 ** 24), { root, maxSize: 2 ** 24, providers: [server.id] })
  server.handle('/test/mute/1', () => new Promise(() => {}))
  const never = client.request(server.id, '/test/mute/1', root, { maxResponse: 1, timeoutMs: 60_000 }).catch(() => {})
  await client.publish('topic', root)
  await client.stop()
  await server.stop()
  await never
  // Without anything that keeps it alive, the process ends before this; gossip's last heartbeat takes up to a second.
  setTimeout(() => process.exit(9), 5_000).unref()
}
console.log(server.addresses()[0] ?? 'stopped')
