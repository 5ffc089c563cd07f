/** Answers requests: admission, bounded reading, the handler under a deadline, a response at the reader's pace. */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { AssayError, check, fail } from '#proto/errors.ts'
import { aborted, checkTimeout } from './abort.ts'
import { networkError } from './errors.ts'
import { StreamReader, send } from './framing.ts'
import {
  DEFAULT_HANDLER_MS,
  DEFAULT_MAX_CONCURRENT,
  DEFAULT_MAX_REQUEST,
  MAX_BODY_BYTES,
  type NetLimits,
} from './limits.ts'
import { encodeError, REQUEST_HEAD_BYTES, readRequestHead, responseHead, STATUS_ERROR, STATUS_OK } from './message.ts'
import type { Lease, Quotas } from './quota.ts'

/**
 * Answers one request. `signal` aborts when the asking peer gives up, the time-out passes or the peer stops. The bytes
 * returned are sent without a copy and must not change before they are gone: hand out a copy of a buffer that is reused.
 */
export type Handler = (
  request: Uint8Array,
  from: string,
  signal: AbortSignal,
) => Promise<Uint8Array | readonly Uint8Array[]>

export interface HandlerLimits {
  /** Request body, bytes. Default 1 MiB. */
  readonly maxRequest?: number
  /** Requests of all peers handled at once; one more is answered `rate-limited`. Default 256. */
  readonly maxConcurrent?: number
  /** Of these, requests of peers without a seat (`Peer.seat`). Default all. */
  readonly maxStrangers?: number
  /** Time of the handler, milliseconds. Default 60 s; a handler that waits for something to be computed sets its own. */
  readonly timeoutMs?: number
}

/** Streams above the admission limit that libp2p still lets in, so that a peer is told why it is refused. */
const REFUSAL_STREAMS = 64
/** How long a refused peer may take to read the refusal, milliseconds. */
const REFUSAL_MS = 5_000

export class Server {
  private readonly node: Libp2p
  private readonly limits: NetLimits
  private readonly quotas: Quotas
  private readonly onError: (error: AssayError, protocol: string, from: string) => void
  private readonly protocols = new Set<string>()
  private readonly running = new Set<AbortController>()
  /** Requests answered, refused and failed since the start. */
  readonly counts = { served: 0, refused: 0, failed: 0 }

  /** @param onError told of every request that failed; the error's consequence says whether the peer is to blame */
  constructor(node: Libp2p, limits: NetLimits, quotas: Quotas, onError: Server['onError']) {
    this.node = node
    this.limits = limits
    this.quotas = quotas
    this.onError = onError
  }

  /** Throws `bad-input` for a second handler of one protocol. */
  handle(protocol: string, handler: Handler, limits: HandlerLimits = {}): void {
    const bounds = {
      maxRequest: limits.maxRequest ?? DEFAULT_MAX_REQUEST,
      maxConcurrent: limits.maxConcurrent ?? DEFAULT_MAX_CONCURRENT,
      maxStrangers: limits.maxStrangers ?? limits.maxConcurrent ?? DEFAULT_MAX_CONCURRENT,
      timeoutMs: limits.timeoutMs ?? DEFAULT_HANDLER_MS,
    }
    checkTimeout(bounds.timeoutMs)
    check(!this.protocols.has(protocol), 'bad-input', `${protocol} has a handler already`)
    this.protocols.add(protocol)
    let active = 0
    let strangers = 0
    // The handler is in place when this returns; what the promise awaits is telling connected peers.
    const told = this.node.handle(
      protocol,
      async (stream, connection) => {
        const from = connection.remotePeer.toString()
        const strange = this.quotas.seated(from) ? 0 : 1
        if (active >= bounds.maxConcurrent || (strange && strangers >= bounds.maxStrangers)) {
          await this.turnAway(stream, new AssayError('rate-limited', `too many requests at once on ${protocol}`))
          return
        }
        let lease: Lease
        try {
          lease = this.quotas.begin(from)
        } catch (error) {
          await this.turnAway(stream, networkError(error, protocol))
          return
        }
        active++
        strangers += strange
        try {
          await this.serve(stream, connection, protocol, handler, bounds, lease)
        } finally {
          active--
          strangers -= strange
          lease.end()
        }
      },
      { maxInboundStreams: this.limits.requestsPerPeer + REFUSAL_STREAMS },
    )
    told.catch((error) => this.onError(networkError(error, 'announcing a protocol'), protocol, ''))
  }

  /** Aborts every request in progress. */
  stop(): void {
    for (const controller of this.running) controller.abort(new AssayError('cancelled', 'this peer is stopping'))
  }

  private async serve(
    stream: Stream,
    connection: Connection,
    protocol: string,
    handler: Handler,
    bounds: Required<HandlerLimits>,
    lease: Lease,
  ): Promise<void> {
    const from = connection.remotePeer.toString()
    const controller = new AbortController()
    const { signal } = controller
    this.running.add(controller)
    // Closed by both sides is the normal end; with an error the asking peer is gone.
    stream.addEventListener('close', (event) => {
      if (event.error !== undefined) controller.abort(networkError(event.error, 'the asking peer gave up'))
    })
    let deadline = this.deadline(controller, this.limits.requestReadMs, 'the request did not arrive in time')
    let work: ReturnType<Handler> | undefined
    let answering = false
    try {
      const request = await aborted(signal, readRequest(stream, this.limits.stallMs, bounds.maxRequest, lease))
      clearTimeout(deadline)
      deadline = this.deadline(controller, bounds.timeoutMs, `no answer within ${bounds.timeoutMs} ms`)
      work = handler(request, from, signal)
      const response = await aborted(signal, work)
      clearTimeout(deadline)
      const parts = response instanceof Uint8Array ? [response] : response
      let size = 0
      for (const part of parts) size += part.length
      check(size <= MAX_BODY_BYTES, 'over-limit', `a response of ${size} bytes is above ${MAX_BODY_BYTES}`)
      lease.hold(size)
      const allowed = this.limits.stallMs + (size / this.limits.minRate) * 1000
      deadline = this.deadline(controller, allowed, `the response was read slower than ${this.limits.minRate} B/s`)
      answering = true
      lease.sent(size)
      await aborted(signal, this.finish(stream, STATUS_OK, size, parts))
      this.counts.served++
    } catch (error) {
      this.counts.failed++
      const known = error instanceof AssayError
      const reason = known ? error : new AssayError('internal', 'the handler failed', { cause: error })
      this.onError(reason, protocol, from)
      // A half-sent response cannot become an error frame: a reset is all the peer can be told.
      if (answering) stream.abort(reason)
      else await this.refuse(stream, reason)
    } finally {
      clearTimeout(deadline)
      this.running.delete(controller)
      controller.abort(new AssayError('cancelled', 'the request is over'))
      // The slot stays taken until the handler really ends: a handler deaf to its signal still holds memory.
      await work?.catch(() => {})
    }
  }

  private async turnAway(stream: Stream, error: AssayError): Promise<void> {
    this.counts.refused++
    await this.refuse(stream, error)
  }

  private deadline(controller: AbortController, ms: number, message: string): NodeJS.Timeout {
    return setTimeout(() => controller.abort(new AssayError('timeout', message)), ms)
  }

  private async finish(stream: Stream, status: number, size: number, parts: readonly Uint8Array[]): Promise<void> {
    await send(stream, responseHead(status, size), parts, this.limits.stallMs)
    await stream.close({ signal: AbortSignal.timeout(this.limits.stallMs) })
  }

  /** Sends an error frame if the stream still takes one, and gets rid of the stream. */
  private async refuse(stream: Stream, error: AssayError): Promise<void> {
    if (stream.status !== 'open') return
    if (stream.readStatus === 'readable') stream.pause()
    const timer = setTimeout(() => stream.abort(error), REFUSAL_MS)
    timer.unref()
    stream.addEventListener('close', () => clearTimeout(timer))
    const body = encodeError(isLocal(error) ? new AssayError(error.code, 'the request failed here') : error)
    await this.finish(stream, STATUS_ERROR, body.length, [body]).catch(() => stream.abort(error))
  }
}

/** Errors whose text speaks of this machine (paths, the program itself); a peer is told the code alone. */
function isLocal({ code }: AssayError): boolean {
  return code === 'storage' || code === 'internal'
}

async function readRequest(stream: Stream, stallMs: number, maxRequest: number, lease: Lease): Promise<Uint8Array> {
  const reader = new StreamReader(stream, stallMs)
  const head = new Uint8Array(REQUEST_HEAD_BYTES)
  await reader.read(head)
  const size = readRequestHead(head)
  if (size > maxRequest) {
    fail('over-limit', `a request of ${size} bytes is above ${maxRequest}`, { consequence: 'penalise' })
  }
  lease.hold(size)
  const request = await reader.body(size)
  await reader.end()
  return request
}
