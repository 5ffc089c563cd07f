/** A thread of the pool: sleeps on the command word, runs the kernel it names with its own thread number. */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { SharedMemory } from '../wasm/host.ts'
import type { Reviver, Run } from './backend.ts'
import { ARENA, COMMAND, EXIT, fault, KERNEL, SCRATCH, SCRATCH_PITCH, TABLE } from './control.ts'

/** What the pool gives a thread at its start. */
export interface ThreadStart {
  readonly thread: number
  readonly memory: SharedMemory
  readonly port: MessagePort
}

/** A kernel that every thread revives for itself. */
export interface KernelMessage {
  readonly kernel: number
  readonly portable: unknown
}

/** Looks at the command word this often before it sleeps. */
const SPINS = 20_000

/** The main program of a worker thread; it ends with the pool. */
export async function serve(reviver: Reviver): Promise<void> {
  const { thread, memory, port } = workerData as ThreadStart
  const revive = await reviver(memory)
  const words = new Int32Array(memory.buffer)
  const kernels = new Map<number, Run>()

  const kernelOf = (kernel: number): Run => {
    for (;;) {
      const run = kernels.get(kernel)
      if (run) return run
      const received = receiveMessageOnPort(port)?.message as KernelMessage | undefined
      if (!received) continue
      kernels.set(received.kernel, revive(received.portable))
    }
  }
  const next = (seen: number): number => {
    for (let spin = 0; spin < SPINS; spin++) {
      const command = Atomics.load(words, COMMAND / 4)
      if (command !== seen) return command
    }
    Atomics.wait(words, COMMAND / 4, seen)
    return Atomics.load(words, COMMAND / 4)
  }

  // Commands count from 0, the value of fresh memory; the pool sends none before this thread has said it is ready.
  let seen = 0
  port.postMessage('ready')
  for (;;) {
    const command = next(seen)
    if (command === seen) continue
    seen = command
    const kernel = words[KERNEL / 4]!
    if (kernel === EXIT) return
    const scratch = words[SCRATCH / 4]! + thread * words[SCRATCH_PITCH / 4]!
    try {
      kernelOf(kernel)(thread, scratch, words[ARENA / 4]!, words[TABLE / 4]!)
    } catch {
      fault(words)
      return
    }
  }
}
