/** Typed calls to a worker thread: one request, one answer, errors keep their type. */
import { type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads'
import { AssayError, type ErrorCode } from '#proto/errors.ts'

/** What a worker offers: methods of one argument whose result can be cloned or shared. */
// biome-ignore lint/suspicious/noExplicitAny: the argument types of a method table vary by method
export type Methods = Record<string, (argument: any) => unknown>

interface Request {
  readonly id: number
  readonly method: string
  readonly argument: unknown
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly code: ErrorCode | undefined; readonly message: string; readonly next: string | undefined }
}

/** What `Calls` gives its worker. */
interface WorkerStart {
  /** A word in shared memory that advances as long as the worker gets on with its work. */
  readonly pulse: Int32Array
}

/** Tells the parent that this worker gets on with a long call. Without a parent that watches it does nothing. */
export function beat(): void {
  const pulse = (workerData as Partial<WorkerStart> | null)?.pulse
  if (pulse) Atomics.add(pulse, 0, 1)
}

/** Answers the requests of the parent thread, one after the other, in their order. Called once by a worker's entry file. */
export function serveCalls(methods: Methods, port: MessagePort | null = parentPort): void {
  if (!port) throw new Error('serveCalls runs inside a worker thread')
  let last: Promise<unknown> = Promise.resolve()
  port.on('message', (request: Request) => {
    last = last.then(async () => {
      beat()
      try {
        const method = methods[request.method]
        if (!method) throw new Error(`no such method: ${request.method}`)
        port.postMessage({ id: request.id, result: await method(request.argument) } satisfies Answer)
      } catch (error) {
        const known = error instanceof AssayError ? error : undefined
        const message = error instanceof Error ? error.message : String(error)
        port.postMessage({ id: request.id, error: { code: known?.code, message, next: known?.next } } satisfies Answer)
      }
    })
  })
}

export interface CallsOptions {
  /** A worker under a call that neither answers nor beats for so long is hung. Default two minutes. */
  readonly hungMs?: number
}

const HUNG_MS = 120_000
/** Looks at the pulse so many times before it calls a worker hung: a machine that slept is no hung worker. */
const LOOKS = 40

/** The parent's side of a worker thread that runs `serveCalls`. */
export class Calls<M extends Methods> {
  readonly #worker: Worker
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  readonly #pulse = new Int32Array(new SharedArrayBuffer(4))
  readonly #lost = new AbortController()
  readonly #lookMs: number
  #next = 0
  #closed: AssayError | undefined
  #watch: NodeJS.Timeout | undefined

  /** Starts `entry` as a worker thread. The thread does not keep the process alive while no call is under way. */
  constructor(entry: URL, options: CallsOptions = {}) {
    this.#lookMs = (options.hungMs ?? HUNG_MS) / LOOKS
    this.#worker = new Worker(entry, { workerData: { pulse: this.#pulse } satisfies WorkerStart })
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => this.#answer(answer))
    this.#worker.on('error', (cause) => this.#end(lost(`the worker thread has failed: ${textOf(cause)}`, cause)))
    this.#worker.on('exit', () => this.#end(lost('the worker thread has ended')))
  }

  /** Aborted when the worker is gone: it died, it hung, or it was closed. Every call rejects from then on. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /**
   * Calls a method; calls are answered in order. Rejects with the worker's own error, or `worker-lost` if it dies or hangs:
   * neither beats nor answers for a long time.
   */
  call<K extends keyof M & string>(method: K, argument: Parameters<M[K]>[0]): Promise<Awaited<ReturnType<M[K]>>> {
    if (this.#closed) return Promise.reject(this.#closed)
    const id = this.#next++
    this.#worker.ref()
    this.#watch ??= this.#watchPulse()
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, method, argument } satisfies Request)
    })
  }

  /** Ends the thread; calls under way are rejected. */
  async close(): Promise<void> {
    this.#end(new AssayError('cancelled', 'the worker thread was closed'))
    await this.#worker.terminate()
  }

  #answer(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (this.#waiting.size === 0) this.#rest()
    if (!waiting) return
    if (!answer.error) {
      waiting.resolve(answer.result as never)
      return
    }
    const { code, message, next } = answer.error
    const error = code ? new AssayError(code, message, next === undefined ? {} : { next }) : new Error(message)
    waiting.reject(error)
    // Its own threads have failed: nothing that it would still answer is worth more than a fresh one.
    if (error instanceof AssayError && error.code === 'worker-lost') this.#end(error)
  }

  #watchPulse(): NodeJS.Timeout {
    let seen = Atomics.load(this.#pulse, 0)
    let quiet = 0
    const look = (): void => {
      const pulse = Atomics.load(this.#pulse, 0)
      // A worker that is still starting cannot beat; if it cannot start, it ends.
      quiet = pulse === seen && pulse !== 0 ? quiet + 1 : 0
      seen = pulse
      if (quiet >= LOOKS) this.#end(lost('the worker thread hangs'))
    }
    return setInterval(look, this.#lookMs).unref()
  }

  #rest(): void {
    clearInterval(this.#watch)
    this.#watch = undefined
    this.#worker.unref()
  }

  #end(error: AssayError): void {
    if (this.#closed) return
    this.#closed = error
    this.#rest()
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
    this.#lost.abort(error)
    void this.#worker.terminate()
  }
}

function lost(message: string, cause?: unknown): AssayError {
  return new AssayError('worker-lost', message, { cause })
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Memory that both threads see: a `Uint8Array` over a `SharedArrayBuffer`. */
export function sharedBytes(size: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(size))
}
