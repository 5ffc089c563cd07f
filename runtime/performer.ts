/** Carries out decided actions: each once at a time, again later if it failed. */

/** Blocks to wait before an action that failed is tried again: doubled each time up to the last. */
const RETRY_BLOCKS = [2, 4, 8, 16, 32] as const

/** An action that was not decided for so many blocks is forgotten: it is over. */
const MEMORY_BLOCKS = 256

interface Attempt {
  /** Block at which it was decided last. */
  offeredAt: number
  running: boolean
  done: boolean
  failures: number
  retryAt: number
}

/**
 * A role's pure core decides the same action again and again until the chain shows its effect; the performer makes that
 * harmless. `key` names an action: one that succeeded is not performed twice by this process, as long as it is decided and
 * the chain keeps what it did.
 */
export class Performer<A extends { readonly key: string }> {
  readonly #perform: (action: A) => Promise<void>
  readonly #failed: (action: A, error: unknown, failures: number) => void
  readonly #attempts = new Map<string, Attempt>()
  #sweptAt = 0

  constructor(perform: (action: A) => Promise<void>, failed: (action: A, error: unknown, failures: number) => void) {
    this.#perform = perform
    this.#failed = failed
  }

  /** Starts those of `actions` that are neither under way, nor done, nor waiting after a failure. */
  offer(actions: readonly A[], block: number): void {
    this.#sweep(block)
    for (const action of actions) {
      const fresh = { offeredAt: block, running: false, done: false, failures: 0, retryAt: 0 }
      const attempt = this.#attempts.get(action.key) ?? fresh
      attempt.offeredAt = block
      if (attempt.running || attempt.done || block < attempt.retryAt) continue
      this.#attempts.set(action.key, attempt)
      attempt.running = true
      this.#perform(action).then(
        () => {
          attempt.running = false
          attempt.done = true
        },
        (error) => {
          attempt.running = false
          attempt.retryAt = block + (RETRY_BLOCKS[Math.min(attempt.failures, RETRY_BLOCKS.length - 1)] as number)
          attempt.failures++
          this.#failed(action, error, attempt.failures)
        },
      )
    }
  }

  /** The chain has lost what it held: whatever is decided again is performed again. What is under way goes on. */
  forget(): void {
    for (const [key, { running }] of this.#attempts) if (!running) this.#attempts.delete(key)
  }

  #sweep(block: number): void {
    if (block < this.#sweptAt + MEMORY_BLOCKS) return
    this.#sweptAt = block
    for (const [key, { running, offeredAt }] of this.#attempts) {
      if (!running && offeredAt < block - MEMORY_BLOCKS) this.#attempts.delete(key)
    }
  }
}
