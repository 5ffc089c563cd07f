import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Entry, encodeSignedEntry, signEntry } from '#proto/entry.ts'
import { Database, LAYOUT } from '#runtime/database.ts'
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

test('a database of a newer build is refused, and stays as it is', () => {
  const file = join(folder, 'new.sqlite')
  const raw = new DatabaseSync(file)
  raw.exec('PRAGMA user_version = 99')
  raw.close()
  expect(() => new Database(file)).toThrow(/layout 99/)
  expect(layoutOf(file)).toBe(99)
})

test('a database of the first layout is brought up to date and keeps everything', () => {
  const file = join(folder, 'old.sqlite')
  copyFileSync(new URL('./fixtures/state-1.sqlite', import.meta.url), file)
  expect(layoutOf(file)).toBe(1)
  const db = new Database(file)
  const refuse = () => {
    throw new Error('signed again')
  }
  expect(db.signOnce(entry(), refuse).entry).toEqual(entry())
  expect(() => db.signOnce(entry({ rootAfter: new Uint8Array(32).fill(3) }), sign)).toThrow(/already signed/)
  expect(db.verdict(new Uint8Array(32).fill(9), 0)).toBe('{"accept":true}')
  expect(db.object('spec', new Uint8Array(32).fill(3))).toEqual(Uint8Array.of(1, 2, 3))
  db.putObject('evidence', new Uint8Array(32).fill(4), Uint8Array.of(5), entry().jobId)
  db.close()
  expect(layoutOf(file)).toBe(LAYOUT)
  new Database(file).close()
})

test('a migration that fails leaves the layout as it was', () => {
  const file = join(folder, 'halfway.sqlite')
  copyFileSync(new URL('./fixtures/state-1.sqlite', import.meta.url), file)
  const raw = new DatabaseSync(file)
  raw.exec('ALTER TABLE verdict ADD COLUMN job TEXT')
  raw.close()
  expect(() => new Database(file)).toThrow(/duplicate column/)
  expect(layoutOf(file)).toBe(1)
})

test('what belongs to a job goes with it', () => {
  const db = new Database(':memory:')
  const [mine, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  db.signOnce(entry(), sign)
  for (const [i, job] of [mine, other, undefined].entries()) {
    db.putObject('evidence', new Uint8Array(32).fill(i), Uint8Array.of(i), job)
    db.verdictOnce(new Uint8Array(32).fill(i), 0, () => 'said', job)
  }
  db.dropJob(mine)
  expect(db.objects('evidence')).toEqual([Uint8Array.of(1), Uint8Array.of(2)])
  expect([0, 1, 2].map((i) => db.verdict(new Uint8Array(32).fill(i), 0))).toEqual([undefined, 'said', 'said'])
  expect(db.signedIn(mine, 1, 0)).toEqual([])
})

test('a file that is no database is a storage error with a next step', () => {
  const file = join(folder, 'garbage.sqlite')
  writeFileSync(file, 'x'.repeat(8192))
  expect(() => new Database(file)).toThrow(expect.objectContaining({ code: 'storage', next: expect.any(String) }))
})

function layoutOf(file: string): number {
  const raw = new DatabaseSync(file)
  try {
    return Number(raw.prepare('PRAGMA user_version').get()?.user_version)
  } finally {
    raw.close()
  }
}
