/** Ends the process when a case does not end: nothing inside the thread that hangs could. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Of computing: a case takes milliseconds, a bomb of full size seconds on a slow machine. */
const DEADLINE_MS = 60_000

export class Watchdog {
  readonly #beats = new Int32Array(new SharedArrayBuffer(8))
  #worker: Worker | undefined

  /** Resolves when it watches. @param what names the campaign in the message */
  async start(what: string, deadlineMs = DEADLINE_MS): Promise<void> {
    const workerData = { beats: this.#beats, what, deadlineMs }
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData, execArgv: [] })
    await once(this.#worker, 'message')
    this.#worker.unref()
  }

  /** A case begins. */
  beat(index: number): void {
    Atomics.store(this.#beats, 0, index)
    Atomics.add(this.#beats, 1, 1)
  }

  stop(): void {
    void this.#worker?.terminate()
    this.#worker = undefined
  }
}
