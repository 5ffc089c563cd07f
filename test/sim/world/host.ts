/**
 * The host that simulated processes run on: timers, clocks and chance come from the schedule and the seed, for real code that
 * knows nothing of it. Each life sees its own clock, too fast or too slow.
 */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers/promises'
import type { Chance } from '#test/sim/chance.ts'
import { type Schedule, Timer } from '#test/sim/world/schedule.ts'

/** When the world begins, by its own clock: ms since 1970. */
const BEGINNING = 1_700_000_000_000

/** Puts the simulated host in the place of Node's; returns the function that puts Node's back. */
export function installHost(schedule: Schedule, random: Chance): () => void {
  /** Since the process began, by its own clock. */
  const uptime = (): number => {
    const { life, now } = schedule
    return life ? (now - life.began) * life.rate : now
  }
  const date = (): number => {
    const { life, now } = schedule
    return BEGINNING + Math.floor(now * (life?.rate ?? 1) + (life?.offset ?? 0))
  }
  /** Local ms to the world's. */
  const span = (ms: number | undefined): number => (ms ?? 0) / (schedule.life?.rate ?? 1)
  const setTimeout = (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): Timer =>
    schedule.after(span(ms), () => run(...args))
  const setInterval = (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): Timer => {
    let next: Timer
    const again = (): void => {
      next = schedule.after(Math.max(1, span(ms)), () => {
        again()
        run(...args)
      })
    }
    again()
    return new Timer(() => next.cancel())
  }
  const clear = (timer: unknown): void => {
    if (timer instanceof Timer) timer.cancel()
  }
  const sleep = (ms?: number, value?: unknown, options?: { readonly signal?: AbortSignal }): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const { signal } = options ?? {}
      const timer = schedule.after(span(ms), () => resolve(value))
      const abort = (): void => {
        timer.cancel()
        reject(signal?.reason)
      }
      if (signal?.aborted) abort()
      else signal?.addEventListener('abort', abort, { once: true })
    })
  const bytes = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => random.below(256)))
  return replace([
    [globalThis, { setTimeout, setInterval, clearTimeout: clear, clearInterval: clear }],
    [Date, { now: date }],
    [performance, { now: uptime }],
    [timers, { setTimeout: sleep }],
    [crypto, { randomBytes: bytes }],
  ])
}

/** Replaces members of objects, those of built-in modules in their importers too. */
function replace(changes: readonly (readonly [object, Readonly<Record<string, unknown>>])[]): () => void {
  const undo = changes.flatMap(([target, members]) =>
    Object.entries(members).map(([name, value]) => {
      const before = Object.getOwnPropertyDescriptor(target, name)
      Object.defineProperty(target, name, { value, configurable: true, writable: true })
      return () => {
        if (before) Object.defineProperty(target, name, before)
        else Reflect.deleteProperty(target, name)
      }
    }),
  )
  syncBuiltinESMExports()
  return () => {
    for (const back of undo) back()
    syncBuiltinESMExports()
  }
}
