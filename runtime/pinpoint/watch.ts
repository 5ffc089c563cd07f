/** Work that is looked at again after every block, one look at a time, and later if it failed. */

/** Blocks to wait after a failure: doubled each time up to the last. */
const RETRY_BLOCKS = [1, 2, 4, 8] as const

export class Watch {
  readonly #work: (head: number) => Promise<void>
  readonly #failed: (error: unknown, failures: number) => void
  #busy = false
  #stopped = false
  #failures = 0
  #retryAt = 0
  /** A block that came while a look was under way. */
  #next: number | undefined

  /** @param failed told of every failure, and how many there were in a row */
  constructor(work: (head: number) => Promise<void>, failed: (error: unknown, failures: number) => void) {
    this.#work = work
    this.#failed = failed
  }

  /** Looks, at once or as soon as the look that is under way has ended. Never throws. */
  look(head: number): void {
    if (this.#stopped || head < this.#retryAt) return
    if (this.#busy) {
      this.#next = head
      return
    }
    this.#busy = true
    this.#work(head).then(
      () => this.#done(undefined, head),
      (error) => this.#done({ error }, head),
    )
  }

  /** No look begins any more. */
  stop(): void {
    this.#stopped = true
  }

  #done(failure: { readonly error: unknown } | undefined, head: number): void {
    const next = this.#next
    this.#busy = false
    this.#next = undefined
    if (failure) {
      this.#retryAt = head + (RETRY_BLOCKS[Math.min(this.#failures, RETRY_BLOCKS.length - 1)] as number)
      this.#failures++
      if (!this.#stopped) this.#failed(failure.error, this.#failures)
    } else this.#failures = 0
    if (next !== undefined) this.look(next)
  }
}
