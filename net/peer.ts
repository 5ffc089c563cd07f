/**
 * The one libp2p peer of a process: TCP, noise, yamux, identify, ping and gossipsub behind a small interface of
 * announcements and requests, every part with explicit limits (docs/spec/network.md).
 */

import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Libp2p, PeerId } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { AssayError, check } from '#proto/errors.ts'
import { Bootstrap } from './bootstrap.ts'
import { Client, type RequestOptions } from './client.ts'
import { networkError } from './errors.ts'
import { Gossip, gossipService, type Listener, type Validator } from './gossip.ts'
import { DEFAULT_LIMITS, type NetLimits, READ_BUFFER_BYTES, STREAM_WINDOW_BYTES } from './limits.ts'
import { Reputation } from './reputation.ts'
import { type Handler, type HandlerLimits, Server } from './server.ts'
import { Traffic } from './traffic.ts'

export interface PeerOptions {
  /** secp256k1 secret, 32 bytes: the peer id follows from it. */
  readonly privateKey: Uint8Array
  /** Multiaddrs to listen on. Default a free port of 127.0.0.1; an empty list only dials. */
  readonly listen?: readonly string[]
  /** Multiaddrs told to others in place of the ones listened on, for a peer behind a forwarded port. */
  readonly announce?: readonly string[]
  /** Full multiaddrs (with /p2p/) that the peer stays connected to. */
  readonly bootstrap?: readonly string[]
  readonly limits?: Partial<NetLimits>
  /** Told of every error that has no caller: of handlers, validators and listeners. */
  readonly onError?: (error: AssayError, where: string, from: string) => void
}

export interface PeerStats {
  /** Bytes on the wire, handshakes and framing included. */
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly peers: number
  readonly requests: { readonly asked: number; readonly failed: number }
  readonly answers: { readonly served: number; readonly refused: number; readonly failed: number }
  readonly gossip: {
    readonly published: number
    readonly delivered: number
    readonly ignored: number
    readonly rejected: number
  }
}

export interface Peer {
  readonly id: string
  /** Full multiaddrs others can dial, with /p2p/. */
  addresses(): string[]
  /**
   * Connects to the one peer that `addresses` lead to, and returns its id. A peer already connected is not dialled.
   * Throws `bad-input` for a malformed address, `network` or `timeout` when none of them answers.
   */
  connect(addresses: readonly string[]): Promise<string>
  /** Ids of the connected peers. */
  peers(): string[]
  /** Subscribers of `topic` among the connected peers. */
  subscribers(topic: string): string[]
  /** Subscribes once to `topic`; `validate` decides before a message is delivered or forwarded, and must be quick. */
  subscribe(topic: string, validate: Validator, handler: Listener): void
  /**
   * Announces `data` to all subscribers. The same bytes by the same peer within two minutes are one message: let an
   * announcement that is repeated differ. Nobody listening is not an error. Throws `over-limit` above 256 KiB.
   */
  publish(topic: string, data: Uint8Array): Promise<void>
  /** Answers requests of `protocol`. Throws `bad-input` for a second handler of one protocol. */
  handle(protocol: string, handler: Handler, limits?: HandlerLimits): void
  /**
   * Asks `peer`, dialling it when an address is known. Throws `RemoteError` with the code the peer sent, `over-limit`
   * for a response above `maxResponse`, `timeout`, `cancelled`, `unsupported` when the peer does not speak the protocol,
   * `network` otherwise. `request` must not change until the promise settles.
   */
  request(peer: string, protocol: string, request: Uint8Array, options: RequestOptions): Promise<Uint8Array>
  /** Counts a fault of `peer`: after three within a short time it is disconnected, and let in again as they fade. */
  penalise(peer: string): void
  stats(): PeerStats
  /** Calls `listener` when a peer connects or leaves; returns the function that stops it. */
  onPeer(listener: (peer: string, connected: boolean) => void): () => void
  /** Aborts what is in progress and closes everything. */
  stop(): Promise<void>
}

type Node = Libp2p<{ pubsub: GossipSub }>

/** Starts a peer. Throws `bad-input` for a malformed key or address, `network` when an address cannot be listened on. */
export async function createPeer(options: PeerOptions): Promise<Peer> {
  const limits: NetLimits = { ...DEFAULT_LIMITS, ...options.limits }
  check(options.privateKey.length === 32, 'bad-input', `a peer key has 32 bytes, not ${options.privateKey.length}`)
  for (const address of [...(options.listen ?? []), ...(options.announce ?? []), ...(options.bootstrap ?? [])]) {
    parse(address)
  }
  const traffic = new Traffic()
  let node: Node | undefined
  const reputation = new Reputation((peer) => {
    node?.hangUp(peerIdFromString(peer), { signal: AbortSignal.timeout(limits.stopMs) }).catch(() => {})
  })
  const shunned = (peer: PeerId): boolean => reputation.shunned(peer.toString())
  try {
    node = await createLibp2p({
      privateKey: privateKeyFromRaw(options.privateKey),
      nodeInfo: { name: 'assay', version: '0.1.0' },
      addresses: {
        listen: [...(options.listen ?? ['/ip4/127.0.0.1/tcp/0'])],
        announce: [...(options.announce ?? [])],
      },
      transports: [tcp({ backlog: 128 })],
      connectionEncrypters: [noise()],
      streamMuxers: [
        yamux({
          maxInboundStreams: 1_024,
          maxOutboundStreams: 1_024,
          // A peer may ask as soon as its side of the handshake is done, while this side still is at it.
          maxEarlyStreams: 1_024,
          streamOptions: {
            maxStreamWindowSize: STREAM_WINDOW_BYTES,
            maxReadBufferLength: READ_BUFFER_BYTES,
            maxWriteBufferLength: limits.maxGossipBacklog,
          },
        }),
      ],
      connectionManager: {
        maxConnections: limits.maxConnections,
        maxIncomingPendingConnections: limits.inboundPerSecond,
        inboundConnectionThreshold: limits.inboundPerSecond,
        maxParallelDials: limits.maxDials,
        dialTimeout: limits.dialMs,
        addressDialTimeout: limits.dialMs,
        inboundUpgradeTimeout: limits.dialMs,
        outboundStreamProtocolNegotiationTimeout: limits.negotiateMs,
        inboundStreamProtocolNegotiationTimeout: limits.negotiateMs,
        connectionCloseTimeout: limits.stopMs,
      },
      connectionGater: { denyDialPeer: shunned, denyInboundEncryptedConnection: shunned },
      // A peer that computes may be deaf for seconds; only a dead one is for longer than this.
      connectionMonitor: { pingInterval: 15_000, pingTimeout: { minTimeout: 45_000 } },
      services: {
        identify: identify({ timeout: limits.negotiateMs }),
        ping: ping({ timeout: limits.negotiateMs }),
        pubsub: gossipService(limits, reputation),
      },
      metrics: () => traffic.metrics(),
    })
  } catch (error) {
    throw networkError(error, 'the peer did not start')
  }
  return new Libp2pPeer(node, limits, traffic, reputation, options)
}

class Libp2pPeer implements Peer {
  readonly id: string
  private readonly node: Node
  private readonly limits: NetLimits
  private readonly traffic: Traffic
  private readonly reputation: Reputation
  private readonly gossip: Gossip
  private readonly server: Server
  private readonly client: Client
  private readonly bootstrap: Bootstrap
  private readonly dials = new Map<string, Promise<string>>()
  private readonly stopping = new AbortController()
  private stopped: Promise<void> | undefined

  constructor(node: Node, limits: NetLimits, traffic: Traffic, reputation: Reputation, options: PeerOptions) {
    this.node = node
    this.limits = limits
    this.traffic = traffic
    this.reputation = reputation
    this.id = node.peerId.toString()
    const onError = options.onError ?? (() => {})
    this.gossip = new Gossip(node.services.pubsub, limits, reputation, onError)
    this.server = new Server(node, limits, onError)
    this.client = new Client(node, limits)
    this.bootstrap = new Bootstrap(
      (address) => this.connect([address]),
      (peer) => this.connected(peer),
      limits.redialMs,
    )
    for (const address of options.bootstrap ?? []) this.bootstrap.keep(address)
  }

  addresses(): string[] {
    return this.node.getMultiaddrs().map(String)
  }

  peers(): string[] {
    return this.node.getPeers().map(String)
  }

  subscribers(topic: string): string[] {
    return this.node.services.pubsub.getSubscribers(topic).map(String)
  }

  async connect(addresses: readonly string[]): Promise<string> {
    check(addresses.length > 0, 'bad-input', 'no address to connect to')
    const targets = addresses.map(parse)
    const ids = new Set(targets.map(peerOf))
    check(ids.size === 1, 'bad-input', 'the addresses belong to different peers')
    const id = peerOf(targets[0] as Multiaddr)
    if (id !== undefined && this.connected(id)) return id
    const key = id ?? addresses.join(' ')
    let dial = this.dials.get(key)
    if (dial === undefined) {
      dial = this.dial(targets, addresses).finally(() => this.dials.delete(key))
      this.dials.set(key, dial)
    }
    return await dial
  }

  private connected(peer: string): boolean {
    return this.node.getConnections(peerIdFromString(peer)).some(({ status }) => status === 'open')
  }

  private async dial(targets: Multiaddr[], addresses: readonly string[]): Promise<string> {
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(this.limits.dialMs), this.stopping.signal])
      const connection = await this.node.dial(targets, { signal })
      return connection.remotePeer.toString()
    } catch (error) {
      throw networkError(error, `cannot connect to ${addresses.join(', ')}`)
    }
  }

  subscribe(topic: string, validate: Validator, handler: Listener): void {
    this.gossip.subscribe(topic, validate, handler)
  }

  publish(topic: string, data: Uint8Array): Promise<void> {
    return this.gossip.publish(topic, data)
  }

  handle(protocol: string, handler: Handler, limits: HandlerLimits = {}): void {
    this.server.handle(protocol, handler, limits)
  }

  request(peer: string, protocol: string, request: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    return this.client.request(peer, protocol, request, options)
  }

  penalise(peer: string): void {
    this.reputation.fault(peer)
  }

  stats(): PeerStats {
    const { sent, received } = this.traffic.bytes()
    return {
      bytesSent: sent,
      bytesReceived: received,
      peers: this.node.getPeers().length,
      requests: { ...this.client.counts },
      answers: { ...this.server.counts },
      gossip: { ...this.gossip.counts },
    }
  }

  onPeer(listener: (peer: string, connected: boolean) => void): () => void {
    const joined = (event: CustomEvent<PeerId>): void => listener(event.detail.toString(), true)
    const left = (event: CustomEvent<PeerId>): void => listener(event.detail.toString(), false)
    this.node.addEventListener('peer:connect', joined)
    this.node.addEventListener('peer:disconnect', left)
    return () => {
      this.node.removeEventListener('peer:connect', joined)
      this.node.removeEventListener('peer:disconnect', left)
    }
  }

  stop(): Promise<void> {
    this.stopped ??= this.shutdown()
    return this.stopped
  }

  private async shutdown(): Promise<void> {
    this.stopping.abort(new AssayError('cancelled', 'this peer is stopping'))
    this.client.stop()
    this.server.stop()
    await this.bootstrap.stop()
    await this.node.stop()
  }
}

function parse(address: string): Multiaddr {
  try {
    return multiaddr(address)
  } catch (cause) {
    throw new AssayError('bad-input', `${JSON.stringify(address.slice(0, 200))} is not a multiaddr`, { cause })
  }
}

function peerOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast((component) => component.name === 'p2p')?.value
}
