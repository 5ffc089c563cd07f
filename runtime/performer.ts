/** Carries out decided actions: each once at a time, again later if it failed. */

/** Blocks to wait before an action that failed is tried again: doubled each time up to the last. */
const RETRY_BLOCKS = [2, 4, 8, 16, 32] as const

interface Attempt {
  running: boolean
  done: boolean
  failures: number
  retryAt: number
}

/**
 * A role's pure core decides the same action again and again until the chain shows its effect; the performer makes that
 * harmless. `key` names an action for ever: one that succeeded is not performed twice by this process.
 */
export class Performer<A extends { readonly key: string }> {
  readonly #perform: (action: A) => Promise<void>
  readonly #failed: (action: A, error: unknown, failures: number) => void
  readonly #attempts = new Map<string, Attempt>()

  constructor(perform: (action: A) => Promise<void>, failed: (action: A, error: unknown, failures: number) => void) {
    this.#perform = perform
    this.#failed = failed
  }

  /** Starts those of `actions` that are neither under way, nor done, nor waiting after a failure. */
  offer(actions: readonly A[], block: number): void {
    for (const action of actions) {
      const attempt = this.#attempts.get(action.key) ?? { running: false, done: false, failures: 0, retryAt: 0 }
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
}
