/** Sequence numbers of announcements: they rise across restarts, also when the clock is set back in between. */
import { Reader, Writer } from '#proto/bytes.ts'
import type { Database } from '#runtime/database.ts'

const KIND = 'sequence'
const KEY = new Uint8Array(0)
/** Numbers reserved at a time: one write a minute, and a restart skips no more than these. */
const RESERVE = 2n ** 16n

/** Milliseconds of the clock, or more where the last number was not below them. */
export class Sequence {
  readonly #database: Database | undefined
  #last = 0n
  /** The first number that is not reserved; a later process begins here. */
  #ceiling = 0n

  /** Without a database numbers rise within this process alone. */
  constructor(database?: Database) {
    this.#database = database
    const kept = database?.object(KIND, KEY)
    if (kept?.length === 8) this.#last = this.#ceiling = new Reader(kept).u64()
  }

  next(now = Date.now()): number {
    const clock = BigInt(now)
    this.#last = clock > this.#last ? clock : this.#last + 1n
    if (this.#last >= this.#ceiling) {
      this.#ceiling = this.#last + RESERVE
      this.#database?.putObject(KIND, KEY, new Writer().u64(this.#ceiling).finish())
    }
    return Number(this.#last)
  }
}
