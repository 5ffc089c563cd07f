/** What a whistleblower keeps through a crash: the secret by which it picks, and what its audits found. */
import { randomBytes } from 'node:crypto'
import { ascii, fromHex } from '#proto/bytes.ts'
import type { Hex } from '#proto/terms.ts'
import type { Database } from '#runtime/database.ts'
import type { Findings } from './decide.ts'

const SECRET = 'whistleblower secret'
const FINDING = 'whistleblower finding'

export class Memory {
  /** 32 bytes: whoever knows them knows which entries are not looked at. */
  readonly secret: Uint8Array
  readonly #database: Database
  readonly #findings = new Map<Hex, { readonly against: number | null }>()

  constructor(database: Database) {
    this.#database = database
    const name = ascii('picks')
    const kept = database.object(SECRET, name)
    this.secret = kept ?? new Uint8Array(randomBytes(32))
    if (!kept) database.putObject(SECRET, name, this.secret)
    for (const body of database.objects(FINDING)) {
      const { entry, against } = JSON.parse(Buffer.from(body).toString()) as { entry: Hex; against: number | null }
      this.#findings.set(entry, { against })
    }
  }

  get findings(): Findings {
    return this.#findings
  }

  /** Keeps what the audit of an entry found: the index in its window of the entry to accuse, null for none. */
  found(entry: Hex, against: number | null): void {
    this.#findings.set(entry, { against })
    this.#database.putObject(FINDING, fromHex(entry, 32), ascii(JSON.stringify({ entry, against })))
  }
}
