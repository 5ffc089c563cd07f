/** What a process finds again after a crash: its database, its checkpoints, its evidence. Writing takes time. */
import { decodeObject, encodeObject } from '#net/objects.ts'
import { toHex } from '#proto/bytes.ts'
import type { Entry, SignedEntry } from '#proto/entry.ts'
import { Database } from '#runtime/database.ts'
import type { Evidence } from '#runtime/judge.ts'

/** Told of every write that must be durable before the process goes on. */
export interface DiskWatch {
  /** Called after the write, before anybody can hear of it. */
  written(): void
  /** An entry was signed and is durable. */
  signed(entry: SignedEntry): void
}

/** The real database, in memory: it outlives the lives of its process. */
export class WatchedDatabase extends Database {
  readonly #watch: DiskWatch

  constructor(watch: DiskWatch) {
    super(':memory:')
    this.#watch = watch
  }

  override signOnce(entry: Entry, sign: (entry: Entry) => SignedEntry): SignedEntry {
    const signed = super.signOnce(entry, sign)
    this.#watch.signed(signed)
    this.#watch.written()
    return signed
  }

  override verdictOnce(entryHash: Uint8Array, round: number, make: () => string): string {
    const kept = super.verdictOnce(entryHash, round, make)
    this.#watch.written()
    return kept
  }
}

export class Disk {
  readonly database: WatchedDatabase
  readonly states = new Map<string, Uint8Array>()
  readonly evidence = new Map<string, { readonly bytes: Uint8Array }>()
  /** Files that are written, but that no record names yet. */
  readonly files = new Map<string, Uint8Array>()

  constructor(watch: DiskWatch) {
    this.database = new WatchedDatabase(watch)
  }

  /** Registers the checkpoint in a file. */
  keepState(root: Uint8Array, file: string): void {
    const bytes = this.files.get(file)
    if (bytes) this.states.set(toHex(root), bytes)
  }

  keepEvidence(hash: Uint8Array, evidence: Evidence): void {
    this.evidence.set(toHex(hash), { bytes: encodeObject(evidence) })
  }

  decode(bytes: Uint8Array): Evidence {
    return decodeObject(bytes) as Evidence
  }
}
