/** Every bound and time-out of the peer in one place (docs/spec/network.md repeats the table). */

import type { Rate } from './bucket.ts'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

export interface NetLimits {
  /** Connections held at most; libp2p prunes the least valued above it. */
  readonly maxConnections: number
  /** Connections that others may open; the rest is for peers that this one chose itself. */
  readonly maxInbound: number
  /** Connections that one host may have opened: a devnet or a NAT puts many peers behind one address. */
  readonly inboundPerHost: number
  /** Connections accepted from one host in a second. */
  readonly inboundPerSecond: number
  /** Dials in progress at most. */
  readonly maxDials: number
  /** One dial with all its handshakes, milliseconds. */
  readonly dialMs: number
  /** Protocol negotiation of one stream, milliseconds. */
  readonly negotiateMs: number
  /** Wait for the hello of a peer that connected, and for the answer to one's own, milliseconds. */
  readonly helloMs: number
  /** A transfer in which not one byte moves for this long is given up, milliseconds. */
  readonly stallMs: number
  /** A response must be taken at this rate on average, or its stream is reset, bytes a second. */
  readonly minRate: number
  /** Wait of a handler for its request, from stream open to last byte, milliseconds. */
  readonly requestReadMs: number
  /** Requests of one peer in progress at most, over all protocols; one more is answered `rate-limited`. */
  readonly requestsPerPeer: number
  /** Requests of one peer; a seated one has no such limit. */
  readonly requestRate: Rate
  /** Bytes of responses to one peer; a seated one has no such limit. */
  readonly servedBytes: Rate
  /** Memory of requests and responses in progress with one peer, bytes; a seated one has no such limit. */
  readonly memoryPerPeer: number
  /** Announcements of one topic that one peer sends or forwards; what is above is dropped unread. */
  readonly gossipMessages: Rate
  /** Bytes of all announcements of one peer. */
  readonly gossipBytes: Rate
  /** Subscriptions, grafts and message ids of one peer; above, the control part of an RPC is dropped. */
  readonly gossipControl: Rate
  /** Dropped of one peer for one fault: who was held up for a moment loses some and is not blamed. */
  readonly floodDrops: number
  /** Gossip message, bytes. */
  readonly maxGossip: number
  /** Gossip waiting for one slow peer at most, bytes. */
  readonly maxGossipBacklog: number
  /** Longest wait for orderly closing in `stop()`, milliseconds. */
  readonly stopMs: number
  /** First and longest pause between attempts to reach a bootstrap peer, milliseconds. */
  readonly redialMs: readonly [number, number]
}

export const DEFAULT_LIMITS: NetLimits = {
  maxConnections: 256,
  maxInbound: 192,
  inboundPerHost: 128,
  inboundPerSecond: 200,
  maxDials: 32,
  dialMs: 10_000,
  negotiateMs: 10_000,
  helloMs: 30_000,
  stallMs: 30_000,
  minRate: 64 * KIB,
  requestReadMs: 30_000,
  requestsPerPeer: 64,
  requestRate: { perSecond: 500, burst: 2_000 },
  servedBytes: { perSecond: 64 * MIB, burst: GIB },
  memoryPerPeer: 64 * MIB,
  gossipMessages: { perSecond: 200, burst: 2_000 },
  gossipBytes: { perSecond: 4 * MIB, burst: 64 * MIB },
  gossipControl: { perSecond: 5_000, burst: 50_000 },
  floodDrops: 1_000,
  maxGossip: 256 * KIB,
  maxGossipBacklog: 8 * MIB,
  stopMs: 2_000,
  redialMs: [200, 15_000],
}

/** Flow-control window of one stream: what a peer can make us hold for a stream that nobody reads. */
export const STREAM_WINDOW_BYTES = MIB
/** Above the window, so that a paused stream is never reset for what was already on its way. */
export const READ_BUFFER_BYTES = 4 * MIB
/** Bytes handed to a stream at a time: with yamux's 12 of header exactly four full noise messages. */
export const CHUNK_BYTES = 4 * 65_519 - 12
/** Largest body of one request or response that the framing can carry. */
export const MAX_BODY_BYTES = 0xffffffff
/** Default bound of a request body. */
export const DEFAULT_MAX_REQUEST = MIB
/** Default bound of the requests of one protocol that are handled at once. */
export const DEFAULT_MAX_CONCURRENT = 256
/** Default time-out of a handler, milliseconds. */
export const DEFAULT_HANDLER_MS = 60_000
