/** Fetching a blob: resumable, from several providers, once however many callers want it. */
import { AssayError, check, isAssayError } from '#proto/errors.ts'
import { aborted, checkTimeout } from './abort.ts'
import { frameSize } from './blob-index.ts'
import { askFrames, askIndex, type Run } from './bulk.ts'
import { RemoteError } from './errors.ts'
import type { Peer } from './peer.ts'
import { Providers } from './providers.ts'
import { type BlobStore, blobName, type PartialBlob } from './store.ts'

export interface FetchOptions {
  readonly root: Uint8Array
  /** Bytes, when known; another size under this root is `bad-input`, the caller's mistake. */
  readonly size?: number
  /** A larger blob is refused before anything is stored, bytes. */
  readonly maxSize: number
  /** Peer ids to ask. */
  readonly providers: readonly string[]
  readonly signal?: AbortSignal
  /** For the whole fetch, milliseconds. Default none. */
  readonly timeoutMs?: number
  /** For one request of up to 1 MiB, milliseconds. Default 30 s. */
  readonly requestMs?: number
  /** Requests at once. Default 4. */
  readonly inFlight?: number
  readonly onProgress?: (bytes: number, size: number) => void
  /** Told of a provider whose index or frame was false; it is asked no more. */
  readonly onFault?: (provider: string, error: AssayError) => void
}

/** Frames asked for at a time: 1 MiB. */
const RUN = 4
const REQUEST_MS = 30_000
const IN_FLIGHT = 4

const running = new WeakMap<BlobStore, Map<string, BlobFetch>>()

/**
 * Brings the blob `root` into `store`; returns at once when it is there. Fetches of one root share their work. Frames
 * that arrived before an interruption, also of an earlier process, are not fetched again.
 *
 * Throws `unavailable` when no provider is left (its cause is the last error), `over-limit` above `maxSize`, `timeout`,
 * `cancelled`, or `storage`.
 */
export async function fetchBlob(peer: Peer, store: BlobStore, options: FetchOptions): Promise<void> {
  const { root, size, maxSize } = options
  const name = blobName(root)
  check(size === undefined || size <= maxSize, 'over-limit', `a blob of ${size} bytes is above ${maxSize}`)
  if (options.timeoutMs !== undefined) checkTimeout(options.timeoutMs)
  if (await store.has(root)) return
  let map = running.get(store)
  if (map === undefined) {
    map = new Map()
    running.set(store, map)
  }
  let fetch = map.get(name)
  while (fetch?.stopping) {
    await fetch.done.catch(() => {})
    fetch = map.get(name)
  }
  if (fetch === undefined) {
    fetch = new BlobFetch(peer, store, options)
    map.set(name, fetch)
    fetch.done.catch(() => {}).finally(() => map.delete(name))
  }
  await fetch.join(options)
  const got = await store.size(root)
  check(got <= maxSize, 'over-limit', `a blob of ${got} bytes is above ${maxSize}`)
}

class BlobFetch {
  readonly done: Promise<void>
  private readonly peer: Peer
  private readonly store: BlobStore
  private readonly options: FetchOptions
  private readonly providers = new Providers()
  private readonly controller = new AbortController()
  private readonly waiting = new Set<FetchOptions>()
  private received = 0

  constructor(peer: Peer, store: BlobStore, options: FetchOptions) {
    this.peer = peer
    this.store = store
    this.options = options
    this.providers.add(options.providers.filter((id) => id !== peer.id))
    this.done = this.run()
    this.done.catch(() => {})
  }

  /** Waits for the end within the caller's own limits; the last caller to leave stops the fetch. */
  async join(options: FetchOptions): Promise<void> {
    this.providers.add(options.providers.filter((id) => id !== this.peer.id))
    const own = new AbortController()
    const { signal, timeoutMs } = options
    const stop = (): void => own.abort(new AssayError('cancelled', 'the fetch was stopped by its caller'))
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => own.abort(new AssayError('timeout', `no full blob within ${timeoutMs} ms`)), timeoutMs)
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    this.waiting.add(options)
    try {
      await aborted(own.signal, this.done)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      this.waiting.delete(options)
      if (this.waiting.size === 0) this.controller.abort(own.signal.reason)
    }
  }

  /** Every caller has left: it only winds down. */
  get stopping(): boolean {
    return this.controller.signal.aborted
  }

  private get ask(): { timeoutMs: number; signal: AbortSignal } {
    return { timeoutMs: this.options.requestMs ?? REQUEST_MS, signal: this.controller.signal }
  }

  private async run(): Promise<void> {
    const { root } = this.options
    const partial = (await this.store.partial(root)) ?? (await this.begin())
    try {
      await this.fill(partial)
      this.controller.signal.throwIfAborted()
      await partial.commit()
    } finally {
      await partial.close()
    }
  }

  /** Gets a proven index, and with it the first frame to arrive. */
  private async begin(): Promise<PartialBlob> {
    const { root, size, maxSize } = this.options
    const { index, last } = await this.withProvider((provider) =>
      askIndex(this.peer, provider, root, maxSize, this.ask),
    )
    check(size === undefined || index.size === size, 'bad-input', `the blob has ${index.size} bytes, not ${size}`)
    const partial = await this.store.partial(root, index)
    if (partial === undefined) throw new AssayError('internal', 'a store did not begin a partial blob')
    await partial.write(index.frames.length - 1, last)
    return partial
  }

  private async fill(partial: PartialBlob): Promise<void> {
    const missing = partial.missing()
    const runs = runsOf(missing)
    this.received = partial.index.size
    for (const i of missing) this.received -= frameSize(partial.index, i)
    this.progress(partial)
    const work = async (): Promise<void> => {
      try {
        for (let run = runs.shift(); run !== undefined; run = runs.shift()) await this.fetchRun(partial, run)
      } catch (error) {
        this.controller.abort(error)
        throw error
      }
    }
    const workers = Math.min(runs.length, this.options.inFlight ?? IN_FLIGHT)
    const results = await Promise.allSettled(Array.from({ length: workers }, work))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /** Fetches one run of frames, from as many providers as it takes. */
  private async fetchRun(partial: PartialBlob, run: Run): Promise<void> {
    const { root } = this.options
    let done = 0
    await this.withProvider(async (provider) => {
      const rest = { first: run.first + done, count: run.count - done }
      const frames = await askFrames(this.peer, provider, root, partial.index, rest, this.ask)
      for (const [i, frame] of frames.entries()) {
        await partial.write(rest.first + i, frame)
        done++
        this.received += frame.length
      }
      this.progress(partial)
    })
  }

  /** Runs `task` with one provider after the other until one succeeds; each failure is held against its provider. */
  private async withProvider<T>(task: (provider: string) => Promise<T>): Promise<T> {
    const { signal } = this.controller
    for (;;) {
      const provider = await this.providers.take(signal)
      try {
        const result = await task(provider)
        this.providers.succeeded(provider)
        return result
      } catch (error) {
        signal.throwIfAborted()
        if (!isAssayError(error)) throw error
        this.judge(provider, error)
      }
    }
  }

  /** Keeps, leaves or blames the provider for `error`; throws it when it is no provider's. */
  private judge(provider: string, error: AssayError): void {
    const { code } = error
    if (code === 'network' || code === 'timeout' || code === 'rate-limited') this.providers.failed(provider, error)
    else if (error instanceof RemoteError || code === 'over-limit' || code === 'unsupported') {
      this.providers.leave(provider, error)
    } else if (code === 'bad-proof' || code === 'bad-encoding') {
      this.providers.leave(provider, error)
      this.peer.penalise(provider, 'blob', error.message)
      for (const { onFault } of this.waiting) onFault?.(provider, error)
    } else throw error
  }

  private progress(partial: PartialBlob): void {
    for (const { onProgress } of this.waiting) onProgress?.(this.received, partial.index.size)
  }
}

/** Consecutive frames in runs of up to `RUN`. */
function runsOf(frames: readonly number[]): Run[] {
  const runs: { first: number; count: number }[] = []
  for (const frame of frames) {
    const last = runs.at(-1)
    if (last !== undefined && last.count < RUN && last.first + last.count === frame) last.count++
    else runs.push({ first: frame, count: 1 })
  }
  return runs
}
