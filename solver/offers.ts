/** Partial sums that partners may fetch: kept until all have them, awaited by who asks before they are there. */
import type { Lease } from '#runtime/shared-pool.ts'

/** Names a partial sum: what a partner asks for. */
export interface SumName {
  readonly epoch: number
  readonly step: number
  readonly level: number
}

/** A partial sum, and when the engine has filled it. */
export interface PartialSum {
  readonly lease: Lease
  readonly ready: Promise<unknown>
}

/** A partial sum for a partner, and the roots of what it was joined from: whatever becomes of its slot. */
export interface Offer extends PartialSum {
  readonly roots: readonly Promise<Uint8Array>[]
}

/** A partial sum that a partner has asked for. */
export interface OfferedSum {
  readonly lease: Lease
  /** Roots of the sums that it was joined from, ascending. */
  readonly roots: readonly Uint8Array[]
}

export class Offers {
  readonly #offers = new Map<string, Offer>()
  readonly #awaited = new Map<string, ((offer: Offer | undefined) => void)[]>()

  has(name: SumName): boolean {
    return this.#offers.has(keyOf(name))
  }

  /** Takes over one reader of the lease. */
  put(name: SumName, offer: Offer): void {
    const key = keyOf(name)
    this.#offers.set(key, offer)
    for (const waiting of this.#awaited.get(key) ?? []) waiting(offer)
    this.#awaited.delete(key)
  }

  /** The sum once it is offered and filled, at most `timeoutMs` from now; undefined if it does not come. The caller releases the lease. */
  async get(name: SumName, timeoutMs: number): Promise<OfferedSum | undefined> {
    const offer = this.#offers.get(keyOf(name)) ?? (await this.#await(keyOf(name), timeoutMs))
    if (!offer) return undefined
    offer.lease.retain()
    try {
      const [, ...roots] = await Promise.all([offer.ready, ...offer.roots])
      return { lease: offer.lease, roots }
    } catch {
      offer.lease.release()
      return undefined
    }
  }

  #await(key: string, timeoutMs: number): Promise<Offer | undefined> {
    return new Promise((resolve) => {
      const waiting = this.#awaited.get(key) ?? []
      this.#awaited.set(key, waiting)
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(done), 1)
        if (waiting.length === 0 && this.#awaited.get(key) === waiting) this.#awaited.delete(key)
        resolve(undefined)
      }, timeoutMs)
      const done = (offer: Offer | undefined): void => {
        clearTimeout(timer)
        resolve(offer)
      }
      waiting.push(done)
    })
  }

  /** Lets go of the sums of all steps up to `step`. */
  releaseTo(step: number): void {
    for (const [key, { lease }] of this.#offers) {
      if (Number(key.split(':')[1]) > step) continue
      this.#offers.delete(key)
      lease.release()
    }
  }

  /** Lets go of all, and of who waits. */
  drop(): void {
    this.releaseTo(Number.POSITIVE_INFINITY)
    for (const waiting of this.#awaited.values()) for (const done of waiting) done(undefined)
    this.#awaited.clear()
  }
}

const keyOf = ({ epoch, step, level }: SumName): string => `${epoch}:${step}:${level}`
