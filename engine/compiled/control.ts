/** The control words at the start of the engine's memory: byte addresses, a cache line for each that threads contend for. */

/** Threads that have come to the barrier. */
export const BARRIER_COUNT = 64
/** Advances when all threads have come. */
export const BARRIER_TURN = 128
/** Not 0 once a thread has failed: nobody waits for the others any more. */
export const FAULT = 132
/** Threads of native code that sleep at the barrier. */
export const SLEEPERS = 136
/** Advances when there is a new command. */
export const COMMAND = 192
/** The command: a kernel's number followed by the arguments of its `run`, or `EXIT`. */
export const KERNEL = 256
export const SCRATCH = 260
export const SCRATCH_PITCH = 264
export const ARENA = 268
export const TABLE = 272

export const EXIT = -1

/** Says that a thread has failed, and frees those that wait for it in a barrier. */
export function fault(words: Int32Array): void {
  Atomics.store(words, FAULT / 4, 1)
  Atomics.add(words, BARRIER_TURN / 4, 1)
  Atomics.notify(words, BARRIER_TURN / 4)
}
