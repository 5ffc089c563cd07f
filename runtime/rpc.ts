/** Typed calls to a worker thread: one request, one answer, errors keep their type. */
import { type MessagePort, parentPort, Worker } from 'node:worker_threads'
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

/** Answers the requests of the parent thread, one after the other, in their order. Called once by a worker's entry file. */
export function serveCalls(methods: Methods, port: MessagePort | null = parentPort): void {
  if (!port) throw new Error('serveCalls runs inside a worker thread')
  let last: Promise<unknown> = Promise.resolve()
  port.on('message', (request: Request) => {
    last = last.then(async () => {
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

/** The parent's side of a worker thread that runs `serveCalls`. */
export class Calls<M extends Methods> {
  readonly #worker: Worker
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  #next = 0
  #closed: Error | undefined

  /** Starts `entry` as a worker thread. The thread does not keep the process alive while no call is under way. */
  constructor(entry: URL, workerData?: unknown) {
    this.#worker = new Worker(entry, { workerData })
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => this.#answer(answer))
    this.#worker.on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))))
    this.#worker.on('exit', () => this.#end(new Error('the worker thread has ended')))
  }

  /** Calls a method; calls are answered in order. Rejects with the worker's own error. */
  call<K extends keyof M & string>(method: K, argument: Parameters<M[K]>[0]): Promise<Awaited<ReturnType<M[K]>>> {
    if (this.#closed) return Promise.reject(this.#closed)
    const id = this.#next++
    this.#worker.ref()
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, method, argument } satisfies Request)
    })
  }

  /** Ends the thread; calls under way are rejected. */
  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #answer(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (this.#waiting.size === 0) this.#worker.unref()
    if (!waiting) return
    if (answer.error) {
      const { code, message, next } = answer.error
      waiting.reject(code ? new AssayError(code, message, next === undefined ? {} : { next }) : new Error(message))
    } else {
      waiting.resolve(answer.result as never)
    }
  }

  #end(error: Error): void {
    this.#closed ??= error
    for (const waiting of this.#waiting.values()) waiting.reject(this.#closed)
    this.#waiting.clear()
  }
}

/** Memory that both threads see: a `Uint8Array` over a `SharedArrayBuffer`. */
export function sharedBytes(size: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(size))
}
