/** What a target adds to the emitters of kernel/ to become an engine. */

import type { KernelModule } from '../kernel/module.ts'
import type { Target } from '../kernel/target.ts'
import type { SharedMemory } from '../wasm/host.ts'

/**
 * Runs a kernel as one of its threads; arguments as for `KernelModule.run`. It throws once a thread has failed.
 */
export type Run = (thread: number, scratch: number, arena: number, table: number) => void

export interface Code {
  readonly run: Run
  readonly tasks: readonly Run[]
  /** What another thread needs to run it, for structured cloning. */
  readonly portable: unknown
}

export interface Backend {
  readonly name: string
  /** The instructions it uses; never changes a bit. */
  readonly variant: string
  readonly target: Target
  /** Main program of a thread: see serve.ts. */
  readonly worker: URL
  /** @param threads how many run the kernel together */
  load(module: KernelModule, threads: number): Code
  /** Frees all code; nothing runs any more. */
  close(): void
}

/** Prepares a worker thread: the result turns a `Code.portable` into a function of this thread. */
export type Reviver = (memory: SharedMemory) => Promise<(portable: unknown) => Run>
