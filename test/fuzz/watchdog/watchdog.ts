/** Ends the process when a case does not end: nothing inside the thread that hangs could. */
import { Worker } from 'node:worker_threads'

/** A case takes milliseconds; this is long enough for a machine that is busy with other work. */
const DEADLINE_MS = 60_000

export class Watchdog {
  readonly #beats = new Int32Array(new SharedArrayBuffer(8))
  #worker: Worker | undefined

  /** @param what names the campaign in the message */
  start(what: string): void {
    const workerData = { beats: this.#beats, what, deadlineMs: DEADLINE_MS }
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData })
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
