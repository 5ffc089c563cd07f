/** Every bound and time-out of the peer in one place (docs/spec/network.md repeats the table). */

const KIB = 1024
const MIB = 1024 * KIB

export interface NetLimits {
  /** Connections held at most; libp2p prunes the least valued above it. */
  readonly maxConnections: number
  /** Connections accepted from one host in a second: a devnet or a NAT puts many peers behind one address. */
  readonly inboundPerSecond: number
  /** Dials in progress at most. */
  readonly maxDials: number
  /** One dial with all its handshakes, milliseconds. */
  readonly dialMs: number
  /** Protocol negotiation of one stream, milliseconds. */
  readonly negotiateMs: number
  /** A transfer in which not one byte moves for this long is given up, milliseconds. */
  readonly stallMs: number
  /** A response must be taken at this rate on average, or its stream is reset, bytes a second. */
  readonly minRate: number
  /** Wait of a handler for its request, from stream open to last byte, milliseconds. */
  readonly requestReadMs: number
  /** Requests of one peer in progress at most, over all protocols; one more is answered `rate-limited`. */
  readonly requestsPerPeer: number
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
  inboundPerSecond: 200,
  maxDials: 32,
  dialMs: 10_000,
  negotiateMs: 10_000,
  stallMs: 30_000,
  minRate: 64 * KIB,
  requestReadMs: 30_000,
  requestsPerPeer: 64,
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
