/** Peers for tests: on loopback, stopped after each test. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { onTestFinished } from 'vitest'
import { send } from '#net/framing.ts'
import { HELLO_PROTOCOL, PROTOCOL_VERSION } from '#net/hello.ts'
import { responseHead, STATUS_OK } from '#net/message.ts'
import { createPeer, type Peer, type PeerOptions } from '#net/peer.ts'

export { testBytes } from './testing-bytes.ts'

/** A started peer; it stops when the running test ends. */
export async function startPeer(options: Partial<PeerOptions> = {}): Promise<Peer> {
  const peer = await createPeer({ privateKey: randomBytes(32), ...options })
  onTestFinished(() => peer.stop())
  return peer
}

/** Two peers, the second connected to the first. */
export async function startPair(
  options: Partial<PeerOptions> = {},
  second: Partial<PeerOptions> = options,
): Promise<[Peer, Peer]> {
  const [a, b] = await Promise.all([startPeer(options), startPeer(second)])
  await b.connect(a.addresses())
  return [a, b]
}

/** A libp2p node that keeps to no rule of ours but the answer to a hello; it stops when the running test ends. */
export async function rawNode(): Promise<Libp2p> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 2 ** 20 } })],
  })
  onTestFinished(() => node.stop())
  const hello = new Uint8Array(36)
  hello[0] = PROTOCOL_VERSION
  await node.handle(HELLO_PROTOCOL, async (stream) => {
    await send(stream, responseHead(STATUS_OK, hello.length), [hello], 1_000)
    await stream.close()
  })
  return node
}

/** Resolves when `condition` holds; fails after `ms`. */
export async function until(condition: () => boolean, what: string, ms = 20_000): Promise<void> {
  for (const end = Date.now() + ms; !condition(); ) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`)
    await sleep(10)
  }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Live bytes of all array buffers of the process. */
export function liveBytes(): number {
  collect()
  return process.memoryUsage().arrayBuffers
}
