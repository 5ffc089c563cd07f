/** Values that can be computed again, kept as long as there is room. */

interface Kept<V> {
  readonly value: V
  readonly bytes: number
}

/** Drops what was not used for longest; the last value put in stays, whatever its size. */
export class Cache<V> {
  readonly #limit: number
  readonly #kept = new Map<string, Kept<V>>()
  #bytes = 0

  /** @param limit in bytes */
  constructor(limit: number) {
    this.#limit = limit
  }

  get(key: string): V | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return kept.value
  }

  put(key: string, value: V, bytes: number): void {
    this.#drop(key)
    this.#kept.set(key, { value, bytes })
    this.#bytes += bytes
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#limit || oldest === key) break
      this.#drop(oldest)
    }
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key)
    if (kept === undefined) return
    this.#bytes -= kept.bytes
    this.#kept.delete(key)
  }
}
