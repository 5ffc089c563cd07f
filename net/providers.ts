/** Which provider to ask next: the least busy one that is neither faulty nor resting after a failure. */
import { setTimeout as sleep } from 'node:timers/promises'
import { AssayError } from '#proto/errors.ts'

/** Failures in a row after which a provider is left. */
const MAX_FAILURES = 3
/** Refusals for load in a row after which a provider is left; they are no failure, only a reason to wait. */
const MAX_REFUSALS = 20
const FIRST_REST_MS = 100
const LONGEST_REST_MS = 2_000

interface Provider {
  readonly id: string
  busy: number
  failures: number
  refusals: number
  /** Time until which it is left in peace. */
  rest: number
}

export class Providers {
  private readonly active = new Map<string, Provider>()
  private readonly left = new Set<string>()
  private lastError: AssayError | undefined

  /** Takes more providers; one that was left is not taken again. */
  add(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.active.has(id) || this.left.has(id)) continue
      this.active.set(id, { id, busy: 0, failures: 0, refusals: 0, rest: 0 })
    }
  }

  /** The next provider to ask, waiting for one to be rested. Throws `unavailable` when none is left, `over-limit` when the last one was left for that. */
  async take(signal: AbortSignal): Promise<string> {
    for (;;) {
      signal.throwIfAborted()
      const now = Date.now()
      let best: Provider | undefined
      let soonest = Number.POSITIVE_INFINITY
      for (const provider of this.active.values()) {
        if (provider.rest > now) soonest = Math.min(soonest, provider.rest)
        else if (best === undefined || provider.busy < best.busy) best = provider
      }
      if (best !== undefined) {
        best.busy++
        return best.id
      }
      if (soonest === Number.POSITIVE_INFINITY) {
        if (this.lastError?.code === 'over-limit') throw this.lastError
        throw new AssayError('unavailable', `none of ${this.left.size} providers serves it`, {
          cause: this.lastError,
          next: 'Wait for more providers to connect.',
        })
      }
      await sleep(soonest - now, undefined, { signal }).catch(() => {})
    }
  }

  succeeded(id: string): void {
    const provider = this.active.get(id)
    if (provider === undefined) return
    provider.busy--
    provider.failures = 0
    provider.refusals = 0
  }

  failed(id: string, error: AssayError): void {
    this.lastError = error
    const provider = this.active.get(id)
    if (provider === undefined) return
    provider.busy--
    const again = error.code === 'rate-limited' ? ++provider.refusals : ++provider.failures
    if (provider.failures >= MAX_FAILURES || provider.refusals >= MAX_REFUSALS) this.leave(id)
    else provider.rest = Date.now() + Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (again - 1))
  }

  /** Asks this provider no more. */
  leave(id: string, error?: AssayError): void {
    this.lastError = error ?? this.lastError
    if (this.active.delete(id)) this.left.add(id)
  }
}
