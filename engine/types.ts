/** What every engine offers: buffers that stay where the engine computes, and kernels compiled from graphs. */
import type { TensorType } from '#arith/types.ts'
import type { Graph } from '#graph/types.ts'

/** Memory of one tensor inside an engine. `words()` is a live view, valid until the next `alloc` or `compile`. */
export interface Buffer {
  readonly type: TensorType
  words(): Uint32Array
}

/** A graph compiled for one engine. */
export interface Kernel {
  readonly graph: Graph
  /**
   * Runs the graph. `inputs` and `outputs` follow the graph's ports and must have their exact types; an output buffer
   * may be the same as an input buffer only if they are the same tensor unchanged in type (in-place update), in which
   * case the engine must behave as if all inputs were read first.
   */
  run(inputs: readonly Buffer[], outputs: readonly Buffer[]): void
  /** The words of the value `id` (an input or node result) after a run on `inputs`: used for proofs of replay and disputes. Slow. */
  tap(inputs: readonly Buffer[], id: number): Uint32Array
}

export interface Engine {
  readonly name: string
  /** Number of threads that take part in `run`. Never changes a bit. */
  readonly threads: number
  alloc(type: TensorType): Buffer
  free(buffer: Buffer): void
  compile(graph: Graph): Kernel
  /** Bytes of memory now held. */
  memory(): number
  /** Most bytes that were held at once since the engine was created. */
  peak(): number
  /** Stops worker threads and drops all memory. */
  close(): Promise<void>
}

export interface EngineOptions {
  /** Default 1. */
  readonly threads?: number
}
