/** Asks a peer: one stream a request, one deadline over all of it, a bounded response. */
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { AssayError, check, fail } from '#proto/errors.ts'
import { aborted, checkTimeout } from './abort.ts'
import { networkError } from './errors.ts'
import { StreamReader, send } from './framing.ts'
import { MAX_BODY_BYTES, type NetLimits } from './limits.ts'
import {
  decodeError,
  MAX_ERROR_BODY,
  RESPONSE_HEAD_BYTES,
  readResponseHead,
  requestHead,
  STATUS_ERROR,
  STATUS_OK,
} from './message.ts'

export interface RequestOptions {
  /** A longer response is refused before memory is taken for it, bytes. */
  readonly maxResponse: number
  /** Over everything: dialling, sending, waiting and receiving, milliseconds. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Where the response goes; it must not be longer than this. */
  readonly into?: Uint8Array
}

/** Connects to a peer whose address is known, hello included. */
type Dial = (peer: PeerId, signal: AbortSignal) => Promise<unknown>

export class Client {
  private readonly node: Libp2p
  private readonly limits: NetLimits
  private readonly running = new Set<AbortController>()
  private stopped = false
  readonly counts = { asked: 0, failed: 0 }

  constructor(node: Libp2p, limits: NetLimits) {
    this.node = node
    this.limits = limits
  }

  /** How peers that are not connected are reached; until this is set they are not. */
  dial: Dial = (peer) => fail('network', `${peer} is not connected`)

  /** Aborts every request in progress and takes no more. */
  stop(): void {
    this.stopped = true
    for (const controller of this.running) controller.abort(new AssayError('cancelled', 'this peer is stopping'))
  }

  async request(peer: string, protocol: string, body: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    const { timeoutMs, signal: outer } = options
    const id = parsePeer(peer)
    check(!this.stopped, 'wrong-state', 'the peer is stopped')
    check(body.length <= MAX_BODY_BYTES, 'over-limit', `a request of ${body.length} bytes is above ${MAX_BODY_BYTES}`)
    checkTimeout(timeoutMs)
    const controller = new AbortController()
    const { signal } = controller
    const onOuter = (): void =>
      controller.abort(new AssayError('cancelled', `${protocol}: stopped by the caller`, { cause: outer?.reason }))
    const timer = setTimeout(
      () => controller.abort(new AssayError('timeout', `${protocol}: no full answer within ${timeoutMs} ms`)),
      timeoutMs,
    )
    this.running.add(controller)
    this.counts.asked++
    if (outer?.aborted) onOuter()
    outer?.addEventListener('abort', onOuter, { once: true })
    try {
      return await aborted(signal, this.exchange(id, protocol, body, options, signal))
    } catch (error) {
      this.counts.failed++
      throw networkError(error, protocol)
    } finally {
      clearTimeout(timer)
      outer?.removeEventListener('abort', onOuter)
      this.running.delete(controller)
    }
  }

  private async exchange(
    peer: PeerId,
    protocol: string,
    body: Uint8Array,
    { maxResponse, into, timeoutMs }: RequestOptions,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    signal.throwIfAborted()
    if (this.open(peer) === undefined) await this.dial(peer, signal)
    const connection = this.open(peer) ?? fail('network', `${peer} is not connected`)
    const stream = await connection.newStream(protocol, {
      signal,
      maxOutboundStreams: Number.MAX_SAFE_INTEGER,
    })
    const onAbort = (): void => stream.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      // A refusal may come before the request is taken: it is read while sending.
      this.post(stream, body).catch(() => {})
      const reader = new StreamReader(stream, this.limits.stallMs)
      const head = new Uint8Array(RESPONSE_HEAD_BYTES)
      await reader.read(head, timeoutMs)
      const { status, size } = readResponseHead(head)
      if (status === STATUS_ERROR) {
        check(size <= MAX_ERROR_BODY, 'over-limit', `an error frame of ${size} bytes is above ${MAX_ERROR_BODY}`)
        throw decodeError(peer.toString(), await reader.body(size))
      }
      if (status !== STATUS_OK) fail('bad-encoding', `${status} is not a response status`)
      check(size <= maxResponse, 'over-limit', `a response of ${size} bytes is above ${maxResponse}`)
      const response = await reader.body(size, into)
      await reader.end()
      return response
    } catch (error) {
      // After a complete exchange this does nothing: the stream is already closed on both sides.
      stream.abort(networkError(error, protocol))
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  private open(peer: PeerId): Connection | undefined {
    return this.node.getConnections(peer).find((connection) => connection.status === 'open')
  }

  private async post(stream: Stream, body: Uint8Array): Promise<void> {
    await send(stream, requestHead(body.length), [body], this.limits.stallMs)
    await stream.close({ signal: AbortSignal.timeout(this.limits.stallMs) })
  }
}

/** Throws `bad-input` for a malformed peer id. */
function parsePeer(peer: string): PeerId {
  try {
    return peerIdFromString(peer)
  } catch (cause) {
    throw new AssayError('bad-input', `${JSON.stringify(peer.slice(0, 100))} is not a peer id`, { cause })
  }
}
