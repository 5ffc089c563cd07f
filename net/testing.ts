/** Peers for tests: on loopback, stopped after each test. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { onTestFinished } from 'vitest'
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

/** Resolves when `condition` holds; fails after `ms`. */
export async function until(condition: () => boolean, what: string, ms = 8_000): Promise<void> {
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
