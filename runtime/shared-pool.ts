/** Shared memory that several readers use for a while: a buffer goes back to the pool when the last one lets go. */
import { sharedBytes } from '#runtime/rpc.ts'

export interface Lease {
  readonly bytes: Uint8Array
  /** One more reader. */
  retain(): void
  /** One reader less; the buffer is reused when none is left. */
  release(): void
}

export class SharedPool {
  readonly #size: number
  readonly #free: Uint8Array[] = []

  /** @param size bytes of each buffer */
  constructor(size: number) {
    this.#size = size
  }

  /** A buffer with one reader. */
  take(): Lease {
    const bytes = this.#free.pop() ?? sharedBytes(this.#size)
    let readers = 1
    return {
      bytes,
      retain: () => {
        readers++
      },
      release: () => {
        if (--readers === 0) this.#free.push(bytes)
      },
    }
  }
}
