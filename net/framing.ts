/**
 * Bounded byte frames on one libp2p stream, with back pressure both ways (docs/spec/network.md, "Framing").
 *
 * Written against the events of the stream and not its conveniences: iterating a stream buffers without limit, and
 * `onDrain()` resolves at once after its first use.
 */
import type { Stream } from '@libp2p/interface'
import { concatBytes } from '#proto/bytes.ts'
import { AssayError, check, fail } from '#proto/errors.ts'
import { networkError } from './errors.ts'
import { CHUNK_BYTES } from './limits.ts'

/** First allocation for a body whose announced length is not yet backed by bytes. */
const FIRST_ALLOCATION = 1 << 20

/**
 * Reads exact byte counts from a stream. While no read is pending the stream is paused, so the peer stops at the
 * flow-control window; not one byte beyond that is held.
 */
export class StreamReader {
  private readonly stream: Stream
  private readonly stallMs: number
  /** Bytes that arrived together with the last ones wanted. */
  private surplus: Uint8Array[] = []
  private target: Uint8Array | undefined
  private filled = 0
  private resuming = false
  private failure: AssayError | undefined
  private wake: (() => void) | undefined
  /** Bytes read so far. */
  total = 0

  constructor(stream: Stream, stallMs: number) {
    this.stream = stream
    this.stallMs = stallMs
    if (stream.readStatus === 'readable') stream.pause()
    stream.addEventListener('message', (event) => {
      for (const part of event.data instanceof Uint8Array ? [event.data] : event.data) this.take(part)
      this.wake?.()
    })
    stream.addEventListener('end', () => this.wake?.())
    stream.addEventListener('close', (event) => {
      if (event.error !== undefined) this.failure ??= networkError(event.error, 'the stream was reset')
      this.wake?.()
    })
  }

  private take(part: Uint8Array): void {
    let rest = part
    if (this.target !== undefined && this.filled < this.target.length) {
      const size = Math.min(rest.length, this.target.length - this.filled)
      this.target.set(size === rest.length ? rest : rest.subarray(0, size), this.filled)
      this.filled += size
      this.total += size
      rest = rest.subarray(size)
      if (this.filled === this.target.length) this.pause()
    }
    if (rest.length > 0) this.surplus.push(rest)
  }

  private pause(): void {
    if (!this.resuming && this.stream.readStatus === 'readable') this.stream.pause()
  }

  /**
   * `resume()` hands over what is buffered before it opens the window: a pause from within would be forgotten, and the
   * peer could send until the stream overflows. So the pause comes after.
   */
  private resume(done: () => boolean): void {
    this.resuming = true
    this.stream.resume()
    this.resuming = false
    if (done()) this.pause()
  }

  private get ended(): boolean {
    const { stream } = this
    return (
      stream.readableEnded || (stream.status !== 'open' && stream.status !== 'closing' && stream.readBufferLength === 0)
    )
  }

  /** Lets bytes flow until `done()`; throws when the stream fails, ends or stalls first. */
  private async flow(done: () => boolean, stallMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    try {
      for (;;) {
        if (this.stream.readStatus === 'paused' && !done()) this.resume(done)
        if (done()) return
        if (this.failure !== undefined) throw this.failure
        if (this.ended) fail('network', 'the peer closed the stream in the middle of a message')
        const seen = this.total
        await new Promise<void>((resolve) => {
          this.wake = resolve
          timer ??= setTimeout(() => this.stall(stallMs), stallMs)
        })
        if (this.total > seen) timer?.refresh()
      }
    } finally {
      this.wake = undefined
      clearTimeout(timer)
    }
  }

  private stall(stallMs: number): void {
    this.failure ??= new AssayError('timeout', `no byte arrived for ${stallMs} ms`)
    this.wake?.()
  }

  /**
   * Fills all of `into`.
   * Throws `network` when the stream ends or is reset first, `timeout` when no byte arrives for the stall time.
   */
  async read(into: Uint8Array, stallMs = this.stallMs): Promise<void> {
    this.target = into
    this.filled = 0
    const held = this.surplus
    this.surplus = []
    for (const part of held) this.take(part)
    try {
      await this.flow(() => this.filled === into.length, stallMs)
    } finally {
      this.target = undefined
    }
  }

  /**
   * Reads a body of `size` bytes, into `into` when given. Memory grows with the bytes that arrive (doubling), so a
   * peer that announces much and sends little costs little.
   */
  async body(size: number, into?: Uint8Array): Promise<Uint8Array> {
    if (into !== undefined) {
      check(size <= into.length, 'over-limit', `${size} bytes do not fit the ${into.length} of the given buffer`)
      const target = into.subarray(0, size)
      await this.read(target)
      return target
    }
    let buffer = new Uint8Array(Math.min(size, FIRST_ALLOCATION))
    await this.read(buffer)
    while (buffer.length < size) {
      const larger = new Uint8Array(Math.min(size, buffer.length * 2))
      larger.set(buffer)
      await this.read(larger.subarray(buffer.length))
      buffer = larger
    }
    return buffer
  }

  /** Waits for the peer to close its side. Throws `bad-encoding` for bytes after the message. */
  async end(): Promise<void> {
    await this.flow(() => this.surplus.length > 0 || this.ended, this.stallMs)
    check(this.surplus.length === 0, 'bad-encoding', 'bytes after the end of a message', { consequence: 'penalise' })
  }
}

/**
 * Sends `head` and then `parts`, in chunks, and returns when the stream has taken all of them. At most one chunk waits
 * in the stream's own buffer. The bytes must not change until then.
 *
 * Throws `network` when the stream closes first, `timeout` when the peer takes nothing for `stallMs`.
 */
export async function send(
  stream: Stream,
  head: Uint8Array,
  parts: readonly Uint8Array[],
  stallMs: number,
): Promise<void> {
  // The head travels with the first bytes: a small message is one frame on the wire.
  const first = parts[0]?.subarray(0, CHUNK_BYTES) ?? new Uint8Array(0)
  await sendChunk(stream, concatBytes(head, first), stallMs)
  for (const [i, part] of parts.entries()) {
    for (let at = i === 0 ? first.length : 0; at < part.length; at += CHUNK_BYTES) {
      await sendChunk(stream, part.subarray(at, at + CHUNK_BYTES), stallMs)
    }
  }
}

async function sendChunk(stream: Stream, chunk: Uint8Array, stallMs: number): Promise<void> {
  try {
    stream.send(chunk)
  } catch (error) {
    throw networkError(error, 'the stream is closed')
  }
  while (stream.writableNeedsDrain) await drained(stream, stallMs)
}

function drained(stream: Stream, stallMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: AssayError): void => {
      clearTimeout(timer)
      stream.removeEventListener('drain', onDrain)
      stream.removeEventListener('close', onClose)
      if (error === undefined) resolve()
      else reject(error)
    }
    const onDrain = (): void => finish()
    const onClose = (event: { error?: Error }): void =>
      finish(networkError(event.error ?? new Error('closed by the peer'), 'the stream closed while sending'))
    const timer = setTimeout(
      () => finish(new AssayError('timeout', `the peer took no byte for ${stallMs} ms`)),
      stallMs,
    )
    stream.addEventListener('drain', onDrain)
    stream.addEventListener('close', onClose)
    if (stream.writeStatus === 'closed') finish(new AssayError('network', 'the stream is closed'))
  })
}
