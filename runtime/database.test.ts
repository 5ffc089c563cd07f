import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Entry, encodeSignedEntry, signEntry } from '#proto/entry.ts'
import { Database } from '#runtime/database.ts'
import { identityOf } from '#runtime/keys.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-db-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const identity = identityOf(new Uint8Array(32).fill(7))
const entry = (change: Partial<Entry> = {}): Entry => ({
  jobId: new Uint8Array(32).fill(1),
  epoch: 1,
  replica: 0,
  window: 0,
  stepFrom: 4,
  stepTo: 8,
  rootBefore: new Uint8Array(32),
  rootAfter: new Uint8Array(32).fill(2),
  lanesRoot: new Uint8Array(32),
  metricsRoot: new Uint8Array(32),
  solver: identity.address,
  ...change,
})
const sign = (e: Entry) => signEntry(identity.key, e)

test('one range is signed once, also across a restart', () => {
  const file = join(folder, 'a.sqlite')
  const first = new Database(file)
  const signed = first.signOnce(entry(), sign)
  first.close()
  const second = new Database(file)
  const refuse = () => {
    throw new Error('signed again')
  }
  expect(encodeSignedEntry(second.signOnce(entry(), refuse))).toEqual(encodeSignedEntry(signed))
  expect(() => second.signOnce(entry({ rootAfter: new Uint8Array(32).fill(3) }), sign)).toThrow(/already signed/)
  expect(() => second.signOnce(entry({ stepFrom: 6, stepTo: 10 }), sign)).toThrow(/already signed/)
  second.signOnce(entry({ epoch: 2 }), sign)
  second.signOnce(entry({ stepFrom: 8, stepTo: 12 }), sign)
  second.close()
})

test('a verdict is made once', () => {
  const db = new Database(':memory:')
  const hash = new Uint8Array(32).fill(9)
  expect(db.verdictOnce(hash, 0, () => 'first')).toBe('first')
  expect(db.verdictOnce(hash, 0, () => 'second')).toBe('first')
  expect(db.verdict(hash, 1)).toBeUndefined()
})

test('a database of a newer build is refused', () => {
  const file = join(folder, 'new.sqlite')
  const raw = new DatabaseSync(file)
  raw.exec('PRAGMA user_version = 99')
  raw.close()
  expect(() => new Database(file)).toThrow(/layout 99/)
})
