/**
 * The one libp2p peer of a process: TCP, noise, yamux, identify, ping and gossipsub behind a small interface of
 * announcements and requests, every part with explicit limits (docs/spec/network.md).
 */

import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { AssayError, check } from '#proto/errors.ts'
import { HASH_BYTES } from '#proto/hash.ts'
import { aborted } from './abort.ts'
import { parseAddress, peerOf } from './addresses.ts'
import { Admission } from './admission.ts'
import { Bootstrap } from './bootstrap.ts'
import { Client, type RequestOptions } from './client.ts'
import { networkError } from './errors.ts'
import { Gossip, type Listener, type Validator } from './gossip.ts'
import { Hello } from './hello.ts'
import { DEFAULT_LIMITS, type NetLimits } from './limits.ts'
import { createNode, type Node } from './node.ts'
import { Quotas } from './quota.ts'
import { type Ban, type BanStore, type FaultReason, Reputation } from './reputation.ts'
import { type Handler, type HandlerLimits, Server } from './server.ts'
import { Traffic } from './traffic.ts'

export interface PeerOptions {
  /** Seed of the Ed25519 key, 32 bytes: the peer id follows from it. */
  readonly privateKey: Uint8Array
  /** Identifier of the network, 32 bytes; peers of another one are told so and left. Default zeros. */
  readonly network?: Uint8Array
  /** Multiaddrs to listen on. Default a free port of 127.0.0.1; an empty list only dials. */
  readonly listen?: readonly string[]
  /** Multiaddrs told to others in place of the ones listened on, for a peer behind a forwarded port. */
  readonly announce?: readonly string[]
  /** Full multiaddrs (with /p2p/) that the peer stays connected to. */
  readonly bootstrap?: readonly string[]
  /** Looks for peers of the same network on the local site by multicast DNS. Default false. */
  readonly mdns?: boolean
  readonly limits?: Partial<NetLimits>
  /** Where bans outlive this process. */
  readonly bans?: BanStore
  /** Told of each ban when it begins. */
  readonly onBan?: (ban: Ban) => void
  /** Told of every error that has no caller: of handlers, validators, listeners, hellos and bootstrap dials. */
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
    /** Above a peer's share, and not even read. */
    readonly dropped: number
  }
  /** Bans that last. */
  readonly banned: number
}

export interface Peer {
  readonly id: string
  /** Full multiaddrs others can dial, with /p2p/. */
  addresses(): string[]
  /**
   * Connects to the one peer that `addresses` lead to, and returns its id. A peer already connected is not dialled.
   * Throws `bad-input` for a malformed address, `network` or `timeout` when none of them answers, `wrong-network` or
   * `bad-version` when the peer is of another network or speaks another version.
   */
  connect(addresses: readonly string[]): Promise<string>
  /** Ids of the connected peers of this network. */
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
  /** Counts a fault of `peer`: a few within a short time ban it, for minutes first and then for longer. */
  penalise(peer: string, reason: FaultReason, detail?: string): void
  /** The bans that last. */
  bans(): Ban[]
  /**
   * Says whether `peer` has a seat in work that this process shares: its share of bytes and memory is not limited, only
   * the number of its requests at once, and its connection is the last to be given up.
   */
  seat(peer: string, seated: boolean): void
  stats(): PeerStats
  /** Calls `listener` when a peer of this network connects or leaves; returns the function that stops it. */
  onPeer(listener: (peer: string, connected: boolean) => void): () => void
  /** Aborts what is in progress and closes everything. */
  stop(): Promise<void>
}

/** Addresses of a peer found on the site that are tried. */
const MAX_DISCOVERED = 8
/** How many times `stopMs` the end of everything may take. */
const STOP_TIMES = 3
/** Value of a connection by which libp2p decides what to give up above the limit. */
const SEATED_VALUE = 100
const BOOTSTRAP_VALUE = 80

/** Starts a peer. Throws `bad-input` for a malformed key or address, `network` when an address cannot be listened on. */
export async function createPeer(options: PeerOptions): Promise<Peer> {
  const limits: NetLimits = { ...DEFAULT_LIMITS, ...options.limits }
  const network = options.network ?? new Uint8Array(HASH_BYTES)
  check(options.privateKey.length === 32, 'bad-input', `a peer key has 32 bytes, not ${options.privateKey.length}`)
  check(network.length === HASH_BYTES, 'bad-input', `a network identifier has 32 bytes, not ${network.length}`)
  for (const address of [...(options.listen ?? []), ...(options.announce ?? []), ...(options.bootstrap ?? [])]) {
    parseAddress(address)
  }
  const traffic = new Traffic()
  let node: Node | undefined
  const reputation = new Reputation((ban) => {
    node?.hangUp(peerIdFromString(ban.peer), { signal: AbortSignal.timeout(limits.stopMs) }).catch(() => {})
    options.onBan?.(ban)
  }, options.bans)
  const admission = new Admission(limits, reputation)
  try {
    node = await createNode(options, { limits, network, traffic, reputation, admission })
  } catch (error) {
    throw networkError(error, 'the peer did not start')
  }
  return new Libp2pPeer(node, { limits, network, traffic, reputation, admission }, options)
}

interface Parts {
  readonly limits: NetLimits
  readonly network: Uint8Array
  readonly traffic: Traffic
  readonly reputation: Reputation
  readonly admission: Admission
}

class Libp2pPeer implements Peer {
  readonly id: string
  private readonly node: Node
  private readonly parts: Parts
  private readonly gossip: Gossip
  private readonly server: Server
  private readonly client: Client
  private readonly hello: Hello
  private readonly bootstrap: Bootstrap
  private readonly dials = new Map<string, Promise<string>>()
  private readonly seated = new Set<string>()
  private readonly stopping = new AbortController()
  private stopped: Promise<void> | undefined

  constructor(node: Node, parts: Parts, options: PeerOptions) {
    const { limits, network, reputation } = parts
    this.node = node
    this.parts = parts
    this.id = node.peerId.toString()
    const onError = options.onError ?? (() => {})
    this.gossip = new Gossip(node.services.pubsub, limits, reputation, onError)
    const quotas = new Quotas(limits, (peer) => this.seated.has(peer))
    this.server = new Server(node, limits, quotas, (error, protocol, from) => {
      if (error.consequence === 'penalise' || error.consequence === 'slash') {
        reputation.fault(from, 'request', `${error.code} on ${protocol}: ${error.message}`)
      }
      onError(error, protocol, from)
    })
    this.client = new Client(node, limits)
    this.hello = new Hello(node, this.server, this.client, limits, network, onError)
    this.client.dial = async (peer, signal) => {
      await this.node.dial(peer, { signal })
      await this.hello.greet(peer)
    }
    this.bootstrap = new Bootstrap(
      (address) => this.join(address),
      (peer) => this.connected(peer),
      limits.redialMs,
      (error, address) => onError(networkError(error, address), 'bootstrap', address),
    )
    for (const address of options.bootstrap ?? []) this.bootstrap.keep(address)
    node.addEventListener('peer:discovery', ({ detail }) => this.discovered(detail.id, detail.multiaddrs))
  }

  addresses(): string[] {
    return this.node.getMultiaddrs().map(String)
  }

  peers(): string[] {
    return this.node
      .getPeers()
      .map(String)
      .filter((peer) => this.hello.knows(peer))
  }

  subscribers(topic: string): string[] {
    return this.node.services.pubsub.getSubscribers(topic).map(String)
  }

  async connect(addresses: readonly string[]): Promise<string> {
    check(addresses.length > 0, 'bad-input', 'no address to connect to')
    const targets = addresses.map(parseAddress)
    const ids = new Set(targets.map(peerOf))
    check(ids.size === 1, 'bad-input', 'the addresses belong to different peers')
    const id = peerOf(targets[0] as Multiaddr)
    if (id !== undefined && this.connected(id) && this.hello.knows(id)) return id
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
      const signal = AbortSignal.any([AbortSignal.timeout(this.parts.limits.dialMs), this.stopping.signal])
      const { remotePeer } = await this.node.dial(targets, { signal })
      await this.hello.greet(remotePeer)
      return remotePeer.toString()
    } catch (error) {
      throw networkError(error, `cannot connect to ${addresses.join(', ')}`)
    }
  }

  /** Connects to a bootstrap peer; its connection is worth more than those that others opened. */
  private async join(address: string): Promise<string> {
    const peer = await this.connect([address])
    this.value(peer, 'assay-bootstrap', BOOTSTRAP_VALUE)
    return peer
  }

  private discovered(id: PeerId, addresses: Multiaddr[]): void {
    const { limits } = this.parts
    const crowded = this.dials.size >= limits.maxDials || this.node.getPeers().length >= limits.maxInbound
    if (crowded || addresses.length === 0 || this.connected(id.toString())) return
    this.connect(addresses.slice(0, MAX_DISCOVERED).map((address) => `${address}/p2p/${id}`)).catch(() => {})
  }

  /** What a connection with `peer` is worth when there are too many; 0 takes the tag back. */
  private value(peer: string, tag: string, value: number): void {
    const tags = { [tag]: value === 0 ? undefined : { value } }
    // Nothing is lost when this fails: the store holds only hints.
    this.node.peerStore.merge(peerIdFromString(peer), { tags }).catch(() => {})
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

  penalise(peer: string, reason: FaultReason, detail?: string): void {
    this.parts.reputation.fault(peer, reason, detail)
  }

  bans(): Ban[] {
    return this.parts.reputation.list()
  }

  seat(peer: string, seated: boolean): void {
    if (this.seated.has(peer) === seated) return
    if (seated) this.seated.add(peer)
    else this.seated.delete(peer)
    this.value(peer, 'assay-seat', seated ? SEATED_VALUE : 0)
  }

  stats(): PeerStats {
    const { sent, received } = this.parts.traffic.bytes()
    return {
      bytesSent: sent,
      bytesReceived: received,
      peers: this.peers().length,
      requests: { ...this.client.counts },
      answers: { ...this.server.counts },
      gossip: { ...this.gossip.counts, dropped: this.parts.admission.dropped },
      banned: this.bans().length,
    }
  }

  onPeer(listener: (peer: string, connected: boolean) => void): () => void {
    return this.hello.onPeer(listener)
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
    // libp2p closes each of its parts within its own time; the sum of them is bounded here.
    const patience = AbortSignal.timeout(STOP_TIMES * this.parts.limits.stopMs)
    await aborted(patience, Promise.resolve(this.node.stop())).catch(() => {})
  }
}
