/** The libp2p node of a peer: which parts, with which limits, and who is let in (docs/spec/network.md, "Peer"). */
import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { toHex } from '#proto/bytes.ts'
import type { Admission } from './admission.ts'
import { gossipService } from './gossip.ts'
import { peerKeyOf } from './identity.ts'
import { type NetLimits, READ_BUFFER_BYTES, STREAM_WINDOW_BYTES } from './limits.ts'
import type { PeerOptions } from './peer.ts'
import type { Reputation } from './reputation.ts'
import type { Traffic } from './traffic.ts'

export type Node = Libp2p<{ pubsub: GossipSub }>

/** Parts of a peer that its node is built around. */
interface NodeParts {
  readonly limits: NetLimits
  readonly network: Uint8Array
  readonly reputation: Reputation
  readonly admission: Admission
  readonly traffic: Traffic
}

/** Milliseconds between two questions for peers of the same site. */
const MDNS_MS = 20_000

export async function createNode(options: PeerOptions, parts: NodeParts): Promise<Node> {
  const { limits, network, reputation, admission, traffic } = parts
  const door = new Door(limits)
  const banned = (peer: PeerId): boolean => reputation.banned(peer.toString()) !== undefined
  const node = await createLibp2p({
    privateKey: await peerKeyOf(options.privateKey),
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
    peerDiscovery: options.mdns
      ? // Peers of another network do not even hear the question.
        [mdns({ serviceTag: `_assay-${toHex(network).slice(0, 16)}._udp.local`, interval: MDNS_MS })]
      : [],
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
    connectionGater: {
      denyDialPeer: banned,
      denyInboundConnection: (connection) => door.closed(connection),
      denyInboundEncryptedConnection: banned,
    },
    // A peer that computes may be deaf for seconds; only a dead one is for longer than this.
    connectionMonitor: { pingInterval: 15_000, pingTimeout: { minTimeout: 45_000 } },
    services: {
      identify: identify({ timeout: limits.negotiateMs }),
      ping: ping({ timeout: limits.negotiateMs }),
      pubsub: gossipService(limits, reputation, admission),
    },
    metrics: () => traffic.metrics(),
  })
  door.watch(node)
  return node
}

/**
 * Who may still connect: inbound connections never fill all places, and one host never fills all of theirs. So whoever
 * wants to be this peer's only company needs many hosts, and still not the places that it fills by its own choice.
 */
class Door {
  private readonly limits: NetLimits
  private connections: () => readonly Connection[] = () => []

  constructor(limits: NetLimits) {
    this.limits = limits
  }

  watch(node: Libp2p): void {
    this.connections = () => node.getConnections()
  }

  closed({ remoteAddr }: MultiaddrConnection): boolean {
    const host = (address: MultiaddrConnection['remoteAddr']): string | undefined => address.getComponents()[0]?.value
    const inbound = this.connections().filter(({ direction }) => direction === 'inbound')
    const same = inbound.filter((connection) => host(connection.remoteAddr) === host(remoteAddr))
    return inbound.length >= this.limits.maxInbound || same.length >= this.limits.inboundPerHost
  }
}
