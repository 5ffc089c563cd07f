/** A process's identity: its account key in a file only its owner reads, and the peer key derived from it. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SigningKey } from 'ethers'
import { ascii, fromHex, to0x } from '#proto/bytes.ts'
import { keyAddress } from '#proto/entry.ts'
import { fail, isAssayError } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import { type Address, addressText } from '#proto/ids.ts'

export interface Identity {
  readonly key: SigningKey
  readonly address: Address
  /** Lower-case 0x text of the address. */
  readonly account: string
  /** Secret of the libp2p peer, 32 bytes: one account has one peer id. */
  readonly peerKey: Uint8Array
}

/** The identity of an account secret (32 bytes). */
export function identityOf(secret: Uint8Array): Identity {
  const key = new SigningKey(to0x(secret))
  const address = keyAddress(key)
  return { key, address, account: addressText(address), peerKey: sha256(ascii('assay/peer/1'), secret) }
}

/** Reads the account secret of `file`. @throws AssayError `not-found`, `bad-config` */
export async function readIdentity(file: string): Promise<Identity> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return fail(missing ? 'not-found' : 'bad-config', `no account secret in ${file}: ${(error as Error).message}`, {
      next: 'Name the file of a funded account with --key.',
      cause: error,
    })
  }
  try {
    return identityOf(fromHex(text.trim(), 32))
  } catch (error) {
    return fail('bad-config', `${file} holds no account secret`, {
      next: 'It must hold 0x and 64 hexadecimal digits; remove the file to create a fresh account.',
      cause: error,
    })
  }
}

/** Reads the account secret of `file`; only where there is no such file, a fresh one is created. @throws AssayError `bad-config` */
export async function loadIdentity(file: string): Promise<Identity> {
  try {
    return await readIdentity(file)
  } catch (error) {
    if (!isAssayError(error, 'not-found')) throw error
    const secret = randomBytes(32)
    await saveSecret(file, secret)
    return identityOf(secret)
  }
}

/** Writes an account secret that only the owner can read. */
export async function saveSecret(file: string, secret: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await writeFile(file, `${to0x(secret)}\n`, { mode: 0o600 })
  await chmod(file, 0o600)
}
