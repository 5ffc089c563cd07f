/** The receiving end of a border: bundles are asked for in advance, but never more than may wait. */
import { fail } from '#proto/errors.ts'
import type { Lease, SharedPool } from '#runtime/shared-pool.ts'

export class Inbox {
  readonly #pool: SharedPool
  readonly #window: number
  readonly #end: number
  readonly #fetch: (at: number, into: Uint8Array) => Promise<void>
  readonly #coming = new Map<number, Promise<Lease>>()
  #asked: number

  /**
   * Asks for the first bundles at once.
   * @param window how many are asked for and not used up, at most: memory for so many is taken
   * @param first number of the first bundle that will be taken
   * @param end behind the last one
   * @param fetch brings a bundle; a rejection is that of the `take` that waits for it
   */
  constructor(
    pool: SharedPool,
    window: number,
    [first, end]: readonly [number, number],
    fetch: (at: number, into: Uint8Array) => Promise<void>,
  ) {
    this.#pool = pool
    this.#window = window
    this.#end = end
    this.#fetch = fetch
    this.#asked = first
    this.#ask(first)
  }

  /** The bundle numbered `at`, as soon as it is there. */
  take(at: number): Promise<Lease> {
    return this.#coming.get(at) ?? fail('internal', `bundle ${at} was not asked for`)
  }

  /** The bundle is used up: its memory is let go, and another one may come. */
  used(at: number, lease: Lease): void {
    this.#coming.delete(at)
    lease.release()
    this.#ask(at + 1)
  }

  #ask(used: number): void {
    for (; this.#asked < Math.min(this.#end, used + this.#window); this.#asked++) {
      const lease = this.#pool.take()
      const coming = this.#fetch(this.#asked, lease.bytes).then(() => lease)
      // Whoever takes it is told.
      coming.catch(() => {})
      this.#coming.set(this.#asked, coming)
    }
  }
}
