/**
 * A process's identity: its account secret in a file that only its owner reads - bare, or encrypted - and the peer key
 * that follows from it one way, so that who learns the one has nothing of the other.
 */
import { randomBytes } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { SigningKey } from 'ethers'
import { ascii, fromHex, to0x } from '#proto/bytes.ts'
import { keyAddress } from '#proto/entry.ts'
import { AssayError, fail, isAssayError } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import { type Address, addressText } from '#proto/ids.ts'
import { writeWhole } from '#runtime/atomic.ts'
import { decryptSecret, encryptSecret, keystoreAccount, looksEncrypted } from '#runtime/keystore.ts'

export interface Identity {
  readonly key: SigningKey
  readonly address: Address
  /** Lower-case 0x text of the address. */
  readonly account: string
  /** Secret of the libp2p peer, 32 bytes: one account has one peer id. */
  readonly peerKey: Uint8Array
}

/** Gives the passphrase of a key file, when one is needed. */
export type Passphrase = (file: string) => Promise<string>

/** What can be told of a key file without opening it. */
export interface KeyFile {
  readonly encrypted: boolean
  /** Lower-case 0x text; undefined where an encrypted file does not say. */
  readonly account: string | undefined
}

const MAX_KEY_FILE = 2 ** 16
/** Permissions of group and others. */
const FOREIGN = 0o077

/** The identity of an account secret (32 bytes). */
export function identityOf(secret: Uint8Array): Identity {
  const key = new SigningKey(to0x(secret))
  const address = keyAddress(key)
  return { key, address, account: addressText(address), peerKey: sha256(ascii('assay/peer/1'), secret) }
}

/** Without a passphrase an encrypted key cannot be used. */
const noPassphrase: Passphrase = (file) =>
  fail('bad-config', `${file} is encrypted`, { next: 'Give its passphrase: --password-file FILE, or ASSAY_PASSWORD.' })

/** Reads the account secret of `file`. @throws AssayError `not-found`, `bad-config`, `over-limit` */
export async function readIdentity(file: string, passphrase: Passphrase = noPassphrase): Promise<Identity> {
  return identityOf(await readSecret(file, passphrase))
}

/** The secret in a key file, 32 bytes. @throws AssayError `not-found`, `bad-config`, `over-limit` */
export async function readSecret(file: string, passphrase: Passphrase = noPassphrase): Promise<Uint8Array> {
  const text = await readPrivate(file, 'account secret', 'Name the file of a funded account with --key.')
  if (looksEncrypted(text)) return decryptSecret(text, await passphrase(file), file)
  return bareSecret(text, file)
}

/** What a key file says of itself. @throws AssayError `not-found`, `bad-config` */
export async function describeKey(file: string): Promise<KeyFile> {
  const text = await readPrivate(file, 'account secret', 'Make one with assay key new.')
  if (looksEncrypted(text)) return { encrypted: true, account: keystoreAccount(text) }
  return { encrypted: false, account: identityOf(bareSecret(text, file)).account }
}

/** The secret written as text; `where` names it in messages. @throws AssayError `bad-config` */
export function bareSecret(text: string, where: string): Uint8Array {
  try {
    const secret = fromHex(text.trim(), 32)
    // Refuses zero and what is beyond the group's order.
    identityOf(secret)
    return secret
  } catch {
    // The cause would quote the secret.
    return fail('bad-config', `${where} holds no account secret`, {
      next: 'It must hold 0x and 64 hexadecimal digits, or a keystore of version 3.',
    })
  }
}

/**
 * The text of a file that holds a secret: it must be readable by its owner alone.
 * @throws AssayError `not-found`, `bad-config`
 */
export async function readPrivate(file: string, what: string, next: string): Promise<string> {
  try {
    const handle = await open(file, 'r')
    try {
      const { mode, size } = await handle.stat()
      checkMode(file, mode)
      if (size > MAX_KEY_FILE) fail('bad-config', `${file} is too large for a secret`, { next })
      return await handle.readFile('utf8')
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof AssayError) throw error
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const message = `no ${what} in ${file}: ${(error as Error).message}`
    return fail(missing ? 'not-found' : 'bad-config', message, { next, cause: error })
  }
}

function checkMode(file: string, mode: number): void {
  if (process.platform === 'win32' || (mode & FOREIGN) === 0) return
  fail('bad-config', `${file} is open to other users (mode ${(mode & 0o777).toString(8)})`, {
    next: `If nobody else can have read it: chmod 600 ${file}. Otherwise move its funds to a new account.`,
  })
}

/**
 * Reads the account secret of `file`; only where there is no such file, a fresh one is created, encrypted if
 * `freshPassphrase` is given. @throws AssayError `bad-config`, `storage`
 */
export async function loadIdentity(
  file: string,
  passphrase: Passphrase = noPassphrase,
  freshPassphrase?: string,
): Promise<Identity> {
  try {
    return await readIdentity(file, passphrase)
  } catch (error) {
    if (!isAssayError(error, 'not-found')) throw error
    const secret = randomBytes(32)
    await createSecret(file, secret, freshPassphrase)
    return identityOf(secret)
  }
}

/** Writes a secret to a file that is not there yet, encrypted under a passphrase if one is given. @throws AssayError `bad-config` */
export async function createSecret(file: string, secret: Uint8Array, passphrase?: string): Promise<void> {
  const text = passphrase === undefined ? `${to0x(secret)}\n` : `${await encryptSecret(secret, passphrase)}\n`
  try {
    await writeWhole(file, text, { mode: 0o600, fresh: true })
  } catch (cause) {
    const taken = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    if (taken) fail('bad-config', `${file} is there already`, { next: 'Choose another file: keys are never replaced.' })
    fail('storage', `cannot write ${file}: ${(cause as Error).message}`, {
      next: 'Free space, or choose another folder.',
      cause,
    })
  }
}

/** Replaces the content of a key file by its encrypted form, as a whole or not at all. */
export async function encryptKeyFile(file: string, passphrase: string): Promise<Identity> {
  const secret = await readSecret(file)
  await writeWhole(file, `${await encryptSecret(secret, passphrase)}\n`, { mode: 0o600 })
  return identityOf(secret)
}

/** Writes a bare account secret that only the owner can read, over what was there: for networks made of known accounts. */
export async function saveSecret(file: string, secret: Uint8Array): Promise<void> {
  await writeWhole(file, `${to0x(secret)}\n`, { mode: 0o600 })
}

/** Whether a file exists. */
export async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  )
}
