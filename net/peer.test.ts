/** The peer on real connections over loopback. */
import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { createPeer, type Peer, type PeerOptions } from '#net/peer.ts'

const peers: Peer[] = []
const start = async (options: Partial<PeerOptions> = {}): Promise<Peer> => {
  const peer = await createPeer({ privateKey: randomBytes(32), ...options })
  peers.push(peer)
  return peer
}
afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.stop()))
})

test('a request and its response', async () => {
  const server = await start()
  const client = await start()
  server.handle('/test/echo/1', async (request, from) => [Uint8Array.of(from === client.id ? 1 : 0), request])
  expect(await client.connect(server.addresses())).toBe(server.id)
  const answer = await client.request(server.id, '/test/echo/1', Uint8Array.of(5, 6), {
    maxResponse: 3,
    timeoutMs: 5_000,
  })
  expect(answer).toEqual(Uint8Array.of(1, 5, 6))
})
