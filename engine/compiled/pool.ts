/** The persistent threads of an engine: they share its memory and run every kernel together with the calling thread. */
import { once } from 'node:events'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { SharedMemory } from '../wasm/host.ts'
import { ARENA, COMMAND, EXIT, FAULT, fault, KERNEL, SCRATCH, SCRATCH_PITCH, TABLE } from './control.ts'
import type { KernelMessage, ThreadStart } from './serve.ts'

export interface Call {
  readonly kernel: number
  readonly scratch: number
  /** Bytes from one thread's scratch memory to the next one's. */
  readonly scratchPitch: number
  readonly arena: number
  readonly table: number
}

interface Helper {
  readonly worker: Worker
  readonly port: MessagePort
}

export class Pool {
  readonly #words: Int32Array
  readonly #helpers: readonly Helper[]
  #command = 0
  #closing = false

  private constructor(memory: SharedMemory, helpers: readonly Helper[]) {
    this.#words = new Int32Array(memory.buffer)
    this.#helpers = helpers
    for (const { worker } of helpers) {
      worker.on('error', () => fault(this.#words))
      worker.on('exit', () => this.#closing || fault(this.#words))
    }
  }

  /**
   * Says that a thread has failed: the pool runs nothing any more, and threads that wait for it trap. A thread that dies in
   * the middle of a kernel, without a word, cannot be heard of by a caller that waits for it: whoever owns the caller's
   * thread has to watch that (runtime/rpc.ts).
   */
  fault(): void {
    fault(this.#words)
  }

  get failed(): boolean {
    return Atomics.load(this.#words, FAULT / 4) !== 0
  }

  /**
   * Starts `threads - 1` workers and waits until they listen. They do not keep the process alive.
   * @param program the backend's main program of a thread
   */
  static async start(memory: SharedMemory, threads: number, program: URL): Promise<Pool> {
    const starting = Array.from({ length: threads - 1 }, async (_, i): Promise<Helper> => {
      const { port1: port, port2 } = new MessageChannel()
      const workerData: ThreadStart = { thread: i + 1, memory, port: port2 }
      // The flags of this process (an `--eval`, a test runner's hooks) are none of a thread's business.
      const options = { workerData, transferList: [port2], execArgv: [] }
      const worker = new Worker(program, options)
      await Promise.race([once(port, 'message'), once(worker, 'error').then(([error]) => Promise.reject(error))])
      port.unref()
      worker.unref()
      return { worker, port }
    })
    return new Pool(memory, await Promise.all(starting))
  }

  /** Gives every thread a kernel's code; it is revived at its first call. */
  install(kernel: number, portable: unknown): void {
    const message: KernelMessage = { kernel, portable }
    for (const { port } of this.#helpers) port.postMessage(message)
  }

  /** Makes every thread run the kernel once; the caller must run it too, as thread 0. */
  call({ kernel, scratch, scratchPitch, arena, table }: Call): void {
    const words = this.#words
    words[SCRATCH / 4] = scratch
    words[SCRATCH_PITCH / 4] = scratchPitch
    words[ARENA / 4] = arena
    words[TABLE / 4] = table
    this.#send(kernel)
  }

  /** Ends the threads; no kernel may be running. */
  async close(): Promise<void> {
    this.#closing = true
    this.#send(EXIT)
    await Promise.all(
      this.#helpers.map(({ worker, port }) => {
        port.close()
        return worker.terminate()
      }),
    )
  }

  #send(kernel: number): void {
    const words = this.#words
    words[KERNEL / 4] = kernel
    this.#command = (this.#command + 1) | 0
    Atomics.store(words, COMMAND / 4, this.#command)
    Atomics.notify(words, COMMAND / 4)
  }
}
