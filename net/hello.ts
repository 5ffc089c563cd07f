/**
 * `/assay/hello/1`: who dials says which protocol version and which network it is of, and hears the same of the other
 * side. Peers that differ are told so and part (docs/spec/network.md, "Hello").
 */
import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import { bytesEqual, Reader, toHex, Writer } from '#proto/bytes.ts'
import { AssayError, check } from '#proto/errors.ts'
import { HASH_BYTES } from '#proto/hash.ts'
import type { Client } from './client.ts'
import { blamed } from './errors.ts'
import type { NetLimits } from './limits.ts'
import type { Server } from './server.ts'

export const HELLO_PROTOCOL = '/assay/hello/1'
/** Version of all that is said between peers; both sides must speak the same. */
export const PROTOCOL_VERSION = 1

const HELLO_BYTES = 4 + HASH_BYTES
const MAX_CONCURRENT = 256
/** Between telling a peer that it is of another network and hanging up, milliseconds. */
const PARTING_MS = 500

/** Error codes by which two peers part, and what to do about each; trying again soon leads nowhere. */
const NEXT = {
  'wrong-network': 'Take the network file of the network you mean.',
  'bad-version': 'Run the same release on both sides.',
} as const

/** Whether the error says that two peers have no business with each other. */
export function isForeign(error: unknown): error is AssayError & { readonly code: keyof typeof NEXT } {
  return error instanceof AssayError && Object.hasOwn(NEXT, error.code)
}

export class Hello {
  private readonly node: Libp2p
  private readonly client: Client
  private readonly limits: NetLimits
  private readonly network: Uint8Array
  private readonly onError: (error: AssayError, where: string, from: string) => void
  private readonly greeted = new Map<string, Promise<void>>()
  private readonly met = new Set<string>()
  private readonly listeners = new Set<(peer: string, connected: boolean) => void>()

  constructor(
    node: Libp2p,
    server: Server,
    client: Client,
    limits: NetLimits,
    network: Uint8Array,
    onError: Hello['onError'],
  ) {
    this.node = node
    this.client = client
    this.limits = limits
    this.network = network
    this.onError = onError
    server.handle(HELLO_PROTOCOL, async (request, from) => this.answer(request, from), {
      maxRequest: HELLO_BYTES,
      maxConcurrent: MAX_CONCURRENT,
      timeoutMs: limits.helloMs,
    })
    node.addEventListener('connection:open', ({ detail }) => this.opened(detail))
    node.addEventListener('peer:disconnect', ({ detail }) => this.left(detail.toString()))
  }

  /** Whether this connected peer is known to be of the same network and version. */
  knows(peer: string): boolean {
    return this.met.has(peer)
  }

  /** Calls `listener` when a peer of this network has said hello, and when it has left; returns what stops it. */
  onPeer(listener: (peer: string, connected: boolean) => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /**
   * Says hello to a connected peer, once a connection. Throws `wrong-network` or `bad-version` for one that differs, what
   * `request` throws for one that does not answer; it is disconnected then.
   */
  greet(peer: PeerId): Promise<void> {
    const id = peer.toString()
    let greeting = this.greeted.get(id)
    if (greeting === undefined) {
      greeting = this.exchange(id).catch((error) => {
        this.greeted.delete(id)
        // Two that dial each other at once may lose one of their connections; the other one is as good.
        if (isForeign(error) || !this.met.has(id)) this.part(id, 0)
        throw error
      })
      greeting.catch(() => {})
      this.greeted.set(id, greeting)
    }
    return greeting
  }

  private opened(connection: Connection): void {
    const peer = connection.remotePeer
    if (connection.direction === 'outbound') {
      // Whoever dialled hears of a failure.
      this.greet(peer).catch(() => {})
      return
    }
    // Who dials speaks first.
    const timer = setTimeout(() => {
      if (this.met.has(peer.toString()) || connection.status !== 'open') return
      this.onError(new AssayError('timeout', 'a peer that connected said no hello'), 'hello', peer.toString())
      connection.abort(new AssayError('timeout', 'no hello'))
    }, this.limits.helloMs)
    timer.unref()
  }

  private async exchange(peer: string): Promise<void> {
    const own = new Writer().u32(PROTOCOL_VERSION).fixed(this.network, HASH_BYTES).finish()
    const options = { maxResponse: HELLO_BYTES, timeoutMs: this.limits.helloMs }
    check(this.connections(peer).length > 0, 'network', `peer ${peer} has left before the hello`)
    try {
      this.compare(await this.client.request(peer, HELLO_PROTOCOL, own, options))
    } catch (error) {
      // What the other side says of it carries no advice of ours.
      if (isForeign(error)) throw new AssayError(error.code, error.message, { next: NEXT[error.code], cause: error })
      if (!(error instanceof AssayError) || error.code !== 'unsupported') throw error
      throw new AssayError('wrong-network', `peer ${peer} does not speak ${HELLO_PROTOCOL}`, { cause: error })
    }
    this.meet(peer)
  }

  private answer(request: Uint8Array, from: string): Uint8Array {
    try {
      blamed(() => this.compare(request))
    } catch (error) {
      if (isForeign(error)) this.part(from, PARTING_MS)
      throw error
    }
    this.meet(from)
    return new Writer().u32(PROTOCOL_VERSION).fixed(this.network, HASH_BYTES).finish()
  }

  /** Throws `bad-version`, `wrong-network`, or `bad-encoding`. */
  private compare(hello: Uint8Array): void {
    const reader = new Reader(hello)
    const version = reader.u32()
    const network = reader.raw(HASH_BYTES)
    reader.end()
    check(version === PROTOCOL_VERSION, 'bad-version', `protocol version ${version} meets ${PROTOCOL_VERSION}`, {
      next: NEXT['bad-version'],
      consequence: 'ignore',
    })
    const short = (id: Uint8Array): string => toHex(id).slice(0, 8)
    check(
      bytesEqual(network, this.network),
      'wrong-network',
      `network ${short(network)} meets ${short(this.network)}: another chain or contract`,
      { next: NEXT['wrong-network'], consequence: 'ignore' },
    )
  }

  private meet(peer: string): void {
    if (this.met.has(peer)) return
    this.met.add(peer)
    for (const listener of this.listeners) listener(peer, true)
  }

  private left(peer: string): void {
    this.greeted.delete(peer)
    if (!this.met.delete(peer)) return
    for (const listener of this.listeners) listener(peer, false)
  }

  /** Closes the connections that there are now, not those that a later dial opens. */
  private part(peer: string, afterMs: number): void {
    const connections = this.connections(peer)
    const close = (): void => {
      const signal = AbortSignal.timeout(this.limits.stopMs)
      for (const connection of connections) connection.close({ signal }).catch((error) => connection.abort(error))
    }
    if (afterMs === 0) close()
    else setTimeout(close, afterMs).unref()
  }

  private connections(peer: string): Connection[] {
    return this.node.getConnections().filter(({ remotePeer }) => remotePeer.toString() === peer)
  }
}
