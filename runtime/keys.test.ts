/** Key files: bare and encrypted, permissions, and what messages must not say. */
import { createCipheriv, scryptSync } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keccak256 } from 'ethers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromHex, to0x, toHex } from '#proto/bytes.ts'
import { AssayError } from '#proto/errors.ts'
import { claimAccount } from '#runtime/claim.ts'
import {
  createSecret,
  describeKey,
  encryptKeyFile,
  identityOf,
  loadIdentity,
  readIdentity,
  readSecret,
  saveSecret,
} from '#runtime/keys.ts'
import { decryptSecret, encryptSecret } from '#runtime/keystore.ts'

const SECRET = new Uint8Array(32).fill(7)
const { account } = identityOf(SECRET)
const CHEAP = 1024
/** A keystore made by the definition (Web3 Secret Storage, version 3), without the code under test. */
function byDefinition(secret: Uint8Array, passphrase: string) {
  const [salt, iv] = [new Uint8Array(32).fill(1), new Uint8Array(16).fill(2)]
  const kdfparams = { dklen: 32, n: CHEAP, r: 8, p: 1, salt: toHex(salt) }
  const derived = scryptSync(passphrase, salt, 32, { N: CHEAP, r: 8, p: 1 })
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv)
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()])
  const mac = keccak256(Buffer.concat([derived.subarray(16), ciphertext])).slice(2)
  const cipherparams = { iv: toHex(iv) }
  const crypto = { cipher: 'aes-128-ctr', cipherparams, ciphertext: toHex(ciphertext), kdf: 'scrypt', kdfparams, mac }
  return { crypto, id: '3198bc9c-6672-5ab3-d995-4942343ae5b6', version: 3 }
}
const EXAMPLE = byDefinition(SECRET, 'testpassword')

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-keys-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function errorOf(work: Promise<unknown>): Promise<AssayError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof AssayError) return error
  throw new Error(`not a typed error: ${String(error)}`)
}

describe('keystores', () => {
  it('opens what other tools made', async () => {
    const secret = await decryptSecret(JSON.stringify(EXAMPLE), 'testpassword', 'the example')
    expect(secret).toEqual(SECRET)
  })

  it('opens with its passphrase alone', async () => {
    const text = await encryptSecret(SECRET, 'passphrase', CHEAP)
    expect(text).not.toContain(toHex(SECRET))
    expect(await decryptSecret(text, 'passphrase', 'it')).toEqual(SECRET)
    const error = await errorOf(decryptSecret(text, 'Passphrase', 'it'))
    expect(error).toMatchObject({ code: 'bad-config', message: 'the passphrase does not open it' })
  })

  it('refuses what would cost too much before it pays', async () => {
    for (const params of [{ n: 2 ** 30 }, { r: 2 ** 20 }, { p: 2 ** 30 }, { n: -1 }, { n: 'many' }, { p: undefined }]) {
      const kdfparams = { ...EXAMPLE.crypto.kdfparams, ...params }
      const text = JSON.stringify({ ...EXAMPLE, crypto: { ...EXAMPLE.crypto, kdfparams } })
      const error = await errorOf(decryptSecret(text, 'testpassword', 'it'))
      expect(['over-limit', 'bad-config'], JSON.stringify(params)).toContain(error.code)
    }
    const weak = JSON.stringify({ ...EXAMPLE, crypto: { ...EXAMPLE.crypto, kdf: 'pbkdf2' } })
    expect((await errorOf(decryptSecret(weak, 'x', 'it'))).message).toContain('not under scrypt')
    expect((await errorOf(decryptSecret('{"version":3}', 'x', 'it'))).code).toBe('bad-config')
  })

  it('notices a changed byte', async () => {
    const text = await encryptSecret(SECRET, 'passphrase', CHEAP)
    const changed = text.replace(
      /"ciphertext":"(.)/,
      (_, digit: string) => `"ciphertext":"${digit === '0' ? '1' : '0'}`,
    )
    expect((await errorOf(decryptSecret(changed, 'passphrase', 'it'))).code).toBe('bad-config')
  })
})

describe('key files', () => {
  it('are for their owner alone, and refused when they are not', async () => {
    const file = join(folder, 'open')
    await saveSecret(file, SECRET)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      await chmod(file, mode)
      const error = await errorOf(readIdentity(file))
      expect(error).toMatchObject({ code: 'bad-config', next: expect.stringContaining(`chmod 600 ${file}`) })
    }
    await chmod(file, 0o400)
    expect((await readIdentity(file)).account).toBe(account)
  })

  it('are never replaced, and made only where there is none', async () => {
    const file = join(folder, 'deep', 'fresh')
    const made = await loadIdentity(file)
    expect((await loadIdentity(file)).account).toBe(made.account)
    expect((await stat(join(folder, 'deep'))).mode & 0o777).toBe(0o700)
    expect(await errorOf(createSecret(file, SECRET))).toMatchObject({ code: 'bad-config' })
    expect((await readIdentity(file)).account).toBe(made.account)
    expect(await errorOf(readIdentity(join(folder, 'none')))).toMatchObject({ code: 'not-found' })
  })

  it('say whose they are without being opened', async () => {
    const file = join(folder, 'shown')
    await saveSecret(file, SECRET)
    expect(await describeKey(file)).toEqual({ encrypted: false, account })
    await writeFile(file, await encryptSecret(SECRET, 'passphrase', CHEAP))
    expect(await describeKey(file)).toEqual({ encrypted: true, account })
    expect(await errorOf(readIdentity(file))).toMatchObject({ next: expect.stringContaining('--password-file') })
    expect((await readIdentity(file, () => Promise.resolve('passphrase'))).account).toBe(account)
  })

  it('go under a passphrase as a whole', async () => {
    const file = join(folder, 'bare')
    await saveSecret(file, SECRET)
    expect((await encryptKeyFile(file, 'passphrase')).account).toBe(account)
    expect(await readFile(file, 'utf8')).not.toContain(toHex(SECRET))
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readSecret(file, () => Promise.resolve('passphrase'))).toEqual(SECRET)
  })

  it('never stand in a message', async () => {
    const file = join(folder, 'damaged')
    const texts = [
      `${to0x(SECRET)}00`,
      to0x(SECRET).slice(0, -1),
      `{${toHex(SECRET)}`,
      to0x(new Uint8Array(32).fill(255)),
    ]
    for (const text of texts) {
      await writeFile(file, text, { mode: 0o600 })
      const error = await errorOf(readIdentity(file, () => Promise.resolve('passphrase')))
      const told = `${error.message} ${error.next} ${error.stack} ${String(error.cause)}`
      expect(told).not.toContain(text.slice(4, 20))
    }
    await writeFile(file, 'x'.repeat(70_000))
    expect(await errorOf(readIdentity(file))).toMatchObject({ code: 'bad-config' })
  })
})

describe('peer keys', () => {
  it('follow from the account one way', () => {
    const { peerKey } = identityOf(SECRET)
    expect(peerKey).not.toEqual(SECRET)
    expect(identityOf(fromHex(toHex(SECRET))).peerKey).toEqual(peerKey)
  })
})

describe('an account', () => {
  it('runs once on a machine, and again when it has ended', async () => {
    const release = await claimAccount(account, 9)
    expect(await errorOf(claimAccount(account, 9))).toMatchObject({
      code: 'bad-config',
      next: expect.stringContaining('assay key new'),
    })
    const elsewhere = await claimAccount(account, 10)
    elsewhere()
    release()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const again = await claimAccount(account, 9)
    again()
  })
})
