/**
 * The sending end of a border: bundles wait here until they are asked for, and no more are made than may wait. The bytes of
 * one that was put here do not change until its lease is released.
 */
import { AssayError, check } from '#proto/errors.ts'
import type { Lease } from '#runtime/shared-pool.ts'

export class Outbox {
  readonly #window: number
  readonly #first: number
  readonly #offers = new Map<number, Lease>()
  readonly #waiting = new Map<number, Set<(offer: Lease) => void>>()
  readonly #room = new Set<() => void>()
  /** Behind the last bundle that was asked for. */
  #asked: number

  /**
   * @param window that of the receiver: who asks for a bundle has used up the one that lies a window behind it
   * @param first number of the first bundle that will be put here
   */
  constructor(window: number, first: number) {
    this.#window = window
    this.#first = first
    this.#asked = first
  }

  /** Resolves when bundle `at` may be made: what the receiver may hold, and as much again. */
  async room(at: number): Promise<void> {
    while (at >= this.#used + 2 * this.#window) await new Promise<void>((resolve) => this.#room.add(resolve))
  }

  get #used(): number {
    return Math.max(this.#first, this.#asked - this.#window)
  }

  /** Takes over the lease. */
  put(at: number, offer: Lease): void {
    this.#offers.set(at, offer)
    for (const resolve of this.#waiting.get(at) ?? []) resolve(offer)
    this.#waiting.delete(at)
  }

  /**
   * Bundle `at`, when it is made. The caller releases its lease.
   * @throws stale for a bundle that the receiver has used up, over-limit for one beyond its window, else what aborts `signal`
   */
  async offered(at: number, signal: AbortSignal): Promise<Lease> {
    check(at >= this.#used, 'stale', `bundle ${at} is used up`, { consequence: 'ignore' })
    // Nobody has more room than a window, and this stage has not used up what it does not hold.
    check(at < this.#asked + this.#window, 'over-limit', `bundle ${at} is beyond the window`, {
      consequence: 'penalise',
    })
    this.#advance(at + 1)
    const offer = this.#offers.get(at) ?? (await this.#await(at, signal))
    offer.retain()
    return offer
  }

  #advance(asked: number): void {
    if (asked <= this.#asked) return
    this.#asked = asked
    for (const [at, lease] of this.#offers) {
      if (at >= this.#used) continue
      this.#offers.delete(at)
      lease.release()
    }
    for (const resolve of this.#room) resolve()
    this.#room.clear()
  }

  #await(at: number, signal: AbortSignal): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(at) ?? new Set()
      this.#waiting.set(at, waiting)
      const done = (offer: Lease): void => {
        signal.removeEventListener('abort', onAbort)
        resolve(offer)
      }
      const onAbort = (): void => {
        waiting.delete(done)
        reject(signal.reason instanceof Error ? signal.reason : new AssayError('cancelled', 'nobody waits any more'))
      }
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      waiting.add(done)
    })
  }
}
