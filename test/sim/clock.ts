/** Virtual time: timers fire one after the other in their order, each when the work of the one before has come to rest. */
import { vi } from 'vitest'
import { fail } from '#proto/errors.ts'

const FAKED = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] as const

/** Runs `run` in virtual time, which starts at 0 ms and knows no other clock. */
export async function inVirtualTime(run: () => Promise<void>): Promise<void> {
  vi.useFakeTimers({ toFake: [...FAKED], now: 0 })
  try {
    await run()
  } finally {
    vi.useRealTimers()
  }
}

/** Milliseconds since the beginning. */
export const now = (): number => Date.now()

/** Resolves that much later. */
export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Everything that needs no timer has happened. */
export const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Lets time pass until `done`. @throws AssayError `timeout` after `limitMs` virtual milliseconds */
export async function until(done: () => boolean, limitMs: number): Promise<void> {
  const deadline = now() + limitMs
  await rest()
  while (!done()) {
    if (now() > deadline) fail('timeout', `the simulation has not ended after ${limitMs} virtual ms`)
    vi.advanceTimersToNextTimer()
    await rest()
  }
}
