/** What a role must not forget: what it signed, what it committed to, its small settings. SQLite with a write-ahead log. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { bytesEqual, toHex } from '#proto/bytes.ts'
import { decodeSignedEntry, type Entry, encodeSignedEntry, entryDigest, type SignedEntry } from '#proto/entry.ts'
import { fail } from '#proto/errors.ts'

/** Layout version; `MIGRATIONS[v]` takes a database from version v to v + 1. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE entry (
     job TEXT NOT NULL, epoch INTEGER NOT NULL, replica INTEGER NOT NULL, step_from INTEGER NOT NULL,
     step_to INTEGER NOT NULL, signed BLOB NOT NULL, PRIMARY KEY (job, epoch, replica, step_from)
   ) STRICT;
   CREATE TABLE verdict (
     entry TEXT NOT NULL, round INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (entry, round)
   ) STRICT;
   CREATE TABLE object (
     kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, key)
   ) STRICT;`,
]

export class Database {
  readonly #db: DatabaseSync

  /** Opens or creates `file` (`:memory:` for none). @throws AssayError `bad-version` if a newer build wrote it */
  constructor(file: string) {
    if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true })
    this.#db = new DatabaseSync(file)
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
    const version = Number(this.#db.prepare('PRAGMA user_version').get()?.user_version ?? 0)
    if (version > MIGRATIONS.length) {
      fail('bad-version', `${file} has layout ${version}, this build knows ${MIGRATIONS.length}`, {
        next: 'Use the newer build that wrote it, or another home folder.',
      })
    }
    for (const [index, migration] of MIGRATIONS.entries()) {
      if (index >= version) this.#db.exec(`BEGIN; ${migration}; PRAGMA user_version = ${index + 1}; COMMIT`)
    }
  }

  /**
   * Signs an entry at most once for a range: durable before the signature leaves this process, so that no crash makes a
   * solver equivocate. Returns the earlier signature if the entry is the same.
   * @throws AssayError `equivocation` if another entry of an overlapping range was signed in this epoch
   */
  signOnce(entry: Entry, sign: (entry: Entry) => SignedEntry): SignedEntry {
    const job = toHex(entry.jobId)
    const earlier = this.#db
      .prepare('SELECT signed FROM entry WHERE job = ? AND epoch = ? AND replica = ? AND step_from < ? AND step_to > ?')
      .all(job, entry.epoch, entry.replica, entry.stepTo, entry.stepFrom)
    for (const row of earlier) {
      const signed = decodeSignedEntry(row.signed as Uint8Array)
      if (bytesEqual(entryDigest(signed.entry), entryDigest(entry))) return signed
      fail(
        'equivocation',
        `another entry of steps ${entry.stepFrom}..${entry.stepTo} was already signed in epoch ${entry.epoch}`,
      )
    }
    const signed = sign(entry)
    this.#db
      .prepare('INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)')
      .run(job, entry.epoch, entry.replica, entry.stepFrom, entry.stepTo, encodeSignedEntry(signed))
    return signed
  }

  /** What was signed in a plan epoch of a job for one replica, in the order of its steps. */
  signedIn(job: Uint8Array, epoch: number, replica: number): SignedEntry[] {
    return this.#db
      .prepare('SELECT signed FROM entry WHERE job = ? AND epoch = ? AND replica = ? ORDER BY step_from')
      .all(toHex(job), epoch, replica)
      .map((row) => decodeSignedEntry(row.signed as Uint8Array))
  }

  /** The verdict body kept for an entry and round; `make` is called and its result kept only if there is none. */
  verdictOnce(entryHash: Uint8Array, round: number, make: () => string): string {
    const kept = this.verdict(entryHash, round)
    if (kept !== undefined) return kept
    const body = make()
    this.#db.prepare('INSERT INTO verdict VALUES (?, ?, ?)').run(toHex(entryHash), round, body)
    return body
  }

  verdict(entryHash: Uint8Array, round: number): string | undefined {
    const row = this.#db.prepare('SELECT body FROM verdict WHERE entry = ? AND round = ?').get(toHex(entryHash), round)
    return row?.body as string | undefined
  }

  /** Keeps a small object under its kind and key; the newest wins. */
  putObject(kind: string, key: Uint8Array, body: Uint8Array): void {
    this.#db.prepare('INSERT OR REPLACE INTO object VALUES (?, ?, ?)').run(kind, toHex(key), body)
  }

  object(kind: string, key: Uint8Array): Uint8Array | undefined {
    const row = this.#db.prepare('SELECT body FROM object WHERE kind = ? AND key = ?').get(kind, toHex(key))
    return row?.body as Uint8Array | undefined
  }

  deleteObject(kind: string, key: Uint8Array): void {
    this.#db.prepare('DELETE FROM object WHERE kind = ? AND key = ?').run(kind, toHex(key))
  }

  /** Every object of a kind. */
  objects(kind: string): Uint8Array[] {
    const rows = this.#db.prepare('SELECT body FROM object WHERE kind = ? ORDER BY key').all(kind)
    return rows.map((row) => row.body as Uint8Array)
  }

  close(): void {
    this.#db.close()
  }
}
