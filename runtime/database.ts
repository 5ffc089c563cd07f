/** What a role must not forget: what it signed, what it committed to, its small settings. SQLite with a write-ahead log. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite'
import { bytesEqual, toHex } from '#proto/bytes.ts'
import { decodeSignedEntry, type Entry, encodeSignedEntry, entryDigest, type SignedEntry } from '#proto/entry.ts'
import { fail } from '#proto/errors.ts'

/** `MIGRATIONS[v]` takes a database from layout v to v + 1. A migration that was released never changes. */
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
  // What belongs to a job can be dropped with it.
  `ALTER TABLE object ADD COLUMN job TEXT;
   ALTER TABLE verdict ADD COLUMN job TEXT;
   CREATE INDEX object_job ON object (job);
   CREATE INDEX verdict_job ON verdict (job);`,
]

/** The layout that this build writes. */
export const LAYOUT = MIGRATIONS.length

/** What SQLite calls a full disk. */
const SQLITE_FULL = 13

export class Database {
  readonly #db: DatabaseSync
  readonly #file: string

  /**
   * Opens or creates `file` (`:memory:` for none); an older layout is brought up to date, as a whole or not at all.
   * @throws AssayError `bad-version` if a newer build wrote it, `storage` if it cannot be opened or is damaged
   */
  constructor(file: string) {
    this.#file = file
    if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true })
    this.#db = this.#guard(() => {
      const db = new DatabaseSync(file)
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
      return db
    })
    try {
      const version = Number(this.#row('PRAGMA user_version')?.user_version ?? 0)
      if (version > LAYOUT) {
        fail('bad-version', `${file} has layout ${version}, this build knows ${LAYOUT}`, {
          next: 'Use the newer build that wrote it, or another home folder.',
        })
      }
      for (let at = version; at < LAYOUT; at++) this.#migrate(at)
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  #migrate(version: number): void {
    this.#guard(() => {
      try {
        this.#db.exec(`BEGIN IMMEDIATE; ${MIGRATIONS[version]}; PRAGMA user_version = ${version + 1}; COMMIT`)
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
        throw error
      }
    })
  }

  /** Runs `work`; what SQLite throws becomes `storage`. Nothing is half-written: each call is a transaction. */
  #guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      const { code, errcode, message } = error as { code?: string; errcode?: number; message: string }
      if (code !== 'ERR_SQLITE_ERROR') throw error
      const next =
        errcode === SQLITE_FULL
          ? 'The disk is full: free some space, or move the folder to a larger disk. Work goes on by itself.'
          : 'Check the disk. If the file is damaged, use another home folder and account until its jobs have ended.'
      return fail('storage', `${this.#file}: ${message}`, { next, cause: error })
    }
  }

  #rows(sql: string, ...values: SQLInputValue[]): Record<string, SQLOutputValue>[] {
    return this.#guard(() => this.#db.prepare(sql).all(...values))
  }

  #row(sql: string, ...values: SQLInputValue[]): Record<string, SQLOutputValue> | undefined {
    return this.#rows(sql, ...values)[0]
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#guard(() => this.#db.prepare(sql).run(...values))
  }

  /**
   * Signs an entry at most once for a range: durable before the signature leaves this process, so that no crash makes a
   * solver equivocate. Returns the earlier signature if the entry is the same.
   * @throws AssayError `equivocation` if another entry of an overlapping range was signed in this epoch
   */
  signOnce(entry: Entry, sign: (entry: Entry) => SignedEntry): SignedEntry {
    const job = toHex(entry.jobId)
    const earlier = this.#rows(
      'SELECT signed FROM entry WHERE job = ? AND epoch = ? AND replica = ? AND step_from < ? AND step_to > ?',
      ...[job, entry.epoch, entry.replica, entry.stepTo, entry.stepFrom],
    )
    for (const row of earlier) {
      const signed = decodeSignedEntry(row.signed as Uint8Array)
      if (bytesEqual(entryDigest(signed.entry), entryDigest(entry))) return signed
      fail(
        'equivocation',
        `another entry of steps ${entry.stepFrom}..${entry.stepTo} was already signed in epoch ${entry.epoch}`,
      )
    }
    const signed = sign(entry)
    this.#run(
      'INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)',
      ...[job, entry.epoch, entry.replica, entry.stepFrom, entry.stepTo, encodeSignedEntry(signed)],
    )
    return signed
  }

  /** What was signed in a plan epoch of a job for one replica, in the order of its steps. */
  signedIn(job: Uint8Array, epoch: number, replica: number): SignedEntry[] {
    const sql = 'SELECT signed FROM entry WHERE job = ? AND epoch = ? AND replica = ? ORDER BY step_from'
    return this.#rows(sql, toHex(job), epoch, replica).map((row) => decodeSignedEntry(row.signed as Uint8Array))
  }

  /** The verdict body kept for an entry and round; `make` is called and its result kept only if there is none. */
  verdictOnce(entryHash: Uint8Array, round: number, make: () => string, job?: Uint8Array): string {
    const kept = this.verdict(entryHash, round)
    if (kept !== undefined) return kept
    const body = make()
    const sql = 'INSERT INTO verdict (entry, round, body, job) VALUES (?, ?, ?, ?)'
    this.#run(sql, toHex(entryHash), round, body, job ? toHex(job) : null)
    return body
  }

  verdict(entryHash: Uint8Array, round: number): string | undefined {
    const row = this.#row('SELECT body FROM verdict WHERE entry = ? AND round = ?', toHex(entryHash), round)
    return row?.body as string | undefined
  }

  /** Keeps a small object under its kind and key; the newest wins. @param job whose end it need not outlive long */
  putObject(kind: string, key: Uint8Array, body: Uint8Array, job?: Uint8Array): void {
    const sql = 'INSERT OR REPLACE INTO object (kind, key, body, job) VALUES (?, ?, ?, ?)'
    this.#run(sql, kind, toHex(key), body, job ? toHex(job) : null)
  }

  object(kind: string, key: Uint8Array): Uint8Array | undefined {
    const row = this.#row('SELECT body FROM object WHERE kind = ? AND key = ?', kind, toHex(key))
    return row?.body as Uint8Array | undefined
  }

  deleteObject(kind: string, key: Uint8Array): void {
    this.#run('DELETE FROM object WHERE kind = ? AND key = ?', kind, toHex(key))
  }

  /** Every object of a kind. */
  objects(kind: string): Uint8Array[] {
    const rows = this.#rows('SELECT body FROM object WHERE kind = ? ORDER BY key', kind)
    return rows.map((row) => row.body as Uint8Array)
  }

  /** Forgets all that was kept for a job, its signatures included: only after its end is nothing left to sign. */
  dropJob(job: Uint8Array): void {
    const key = toHex(job)
    for (const table of ['object', 'verdict', 'entry']) this.#run(`DELETE FROM ${table} WHERE job = ?`, key)
  }

  close(): void {
    this.#db.close()
  }
}
