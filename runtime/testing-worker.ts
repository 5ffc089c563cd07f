/** A worker thread for tests: it answers, or ends in every way in which worker threads end. */
import type { Worker } from 'node:worker_threads'
import { createEngine } from '#engine/index.ts'
import { Builder } from '#graph/builder.ts'
import { beat, serveCalls } from '#runtime/rpc.ts'

const methods = {
  echo: (value: number): number => value,

  /** An exception that nobody catches. */
  crash: (): Promise<never> => {
    setTimeout(() => {
      throw new Error('out of luck')
    }, 0)
    return new Promise(() => {})
  },

  /** Sleeps for ever, as one does who waits for a thread that is no more. */
  sleep: (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),

  /** Takes long, and says so. */
  work: (ms: number): void => {
    const end = performance.now() + ms
    while (performance.now() < end) {
      beat()
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    }
  },

  /** Runs kernels on two threads, one of which is killed: it disappears in the middle of a kernel, or between two. */
  loseHelper: async (): Promise<void> => {
    const helpers: Worker[] = []
    process.on('worker', (worker) => helpers.push(worker))
    const engine = await createEngine('wasm', { threads: 2 })
    const builder = new Builder()
    builder.output('sum', builder.sum(builder.input('x', 'f32', [1 << 16]), [0]))
    const kernel = engine.compile(builder.finish('sum'))
    const x = engine.alloc({ dtype: 'f32', shape: [1 << 16] })
    const sum = engine.alloc({ dtype: 'f32', shape: [] })
    kernel.run([x], [sum])
    void helpers[0]?.terminate()
    for (;;) {
      kernel.run([x], [sum])
      beat()
    }
  },
}

export type TestingMethods = typeof methods

serveCalls(methods)
