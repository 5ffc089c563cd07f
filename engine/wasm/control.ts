/** The control words at the start of the engine's memory, a cache line each: byte addresses. */

/** Threads that have come to the barrier. */
export const BARRIER_COUNT = 64
/** Advances when all threads have come. */
export const BARRIER_TURN = 128
/** Advances when the pool has a new command. */
export const COMMAND = 192
