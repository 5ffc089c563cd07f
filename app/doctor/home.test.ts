/** What `assay doctor` says of the folders of processes. */
import { randomBytes } from 'node:crypto'
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Check } from '#app/doctor/check.ts'
import { checkAccounts, checkDatabases, checkHomes, checkKeys, findHomes } from '#app/doctor/home.ts'
import { Database } from '#runtime/database.ts'
import { saveSecret } from '#runtime/keys.ts'
import { encryptSecret } from '#runtime/keystore.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'assay-doctor-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function home(name: string, secret: Uint8Array = randomBytes(32)): Promise<string> {
  const folder = join(root, name)
  await saveSecret(join(folder, 'key'), secret)
  return folder
}

it('finds the folders of processes, and is content with a devnet', async () => {
  expect(await findHomes(join(root, 'none'))).toEqual([])
  const homes = [await home('devnet/solver-1'), await home('devnet/solver-2'), await home('verifier')]
  await mkdir(join(root, 'weights'))
  expect(await findHomes(root)).toEqual(homes)
  const checks: Check[] = []
  for await (const check of checkHomes(root, true)) checks.push(check)
  expect(checks.map(({ name }) => name)).toEqual(['keys', 'accounts', 'databases', 'storage'])
  expect(checks.slice(0, 3).map(({ status }) => status)).toEqual(['ok', 'ok', 'ok'])
})

it('warns of bare keys beyond devnets, and of keys that others can read or replace', async () => {
  const folder = await home('solver')
  const file = join(folder, 'key')
  expect(await checkKeys([folder], false)).toMatchObject({ status: 'warn', next: expect.stringContaining('encrypt') })
  expect(await checkKeys([folder], true)).toMatchObject({ status: 'ok' })
  await chmod(folder, 0o777)
  expect(await checkKeys([folder], true)).toMatchObject({ status: 'fail', next: `chmod 700 ${folder}` })
  await chmod(folder, 0o700)
  await chmod(file, 0o640)
  expect(await checkKeys([folder], true)).toMatchObject({ status: 'fail', next: expect.stringContaining('chmod 600') })
  await chmod(file, 0o600)
  await writeFile(file, await encryptSecret(randomBytes(32), 'passphrase', 1024))
  expect(await checkKeys([folder], false)).toMatchObject({ status: 'ok', detail: '1 encrypted, 0 bare' })
})

it('finds an account in two folders, encrypted or not', async () => {
  const secret = randomBytes(32)
  const [a, b] = [await home('a', secret), await home('b')]
  expect(await checkAccounts([a, b])).toMatchObject({ status: 'ok' })
  await writeFile(join(b, 'key'), await encryptSecret(secret, 'passphrase', 1024))
  expect(await checkAccounts([a, b])).toMatchObject({ status: 'fail', detail: expect.stringContaining(b) })
})

it('tells old, new and damaged databases apart', async () => {
  const folder = await home('solver')
  const file = join(folder, 'state.sqlite')
  expect(await checkDatabases([folder])).toMatchObject({ status: 'ok' })
  await copyFile(new URL('../../runtime/fixtures/state-1.sqlite', import.meta.url), file)
  expect(await checkDatabases([folder])).toMatchObject({ status: 'warn', detail: expect.stringContaining('older') })
  new Database(file).close()
  expect(await checkDatabases([folder])).toMatchObject({ status: 'ok' })
  const raw = new DatabaseSync(file)
  raw.exec('PRAGMA user_version = 99')
  raw.close()
  expect(await checkDatabases([folder])).toMatchObject({ status: 'fail', detail: expect.stringContaining('layout 99') })
  await writeFile(file, 'x'.repeat(8192))
  await rm(`${file}-wal`, { force: true })
  expect(await checkDatabases([folder])).toMatchObject({ status: 'fail' })
})
