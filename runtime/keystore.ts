/**
 * Secrets under a passphrase: Web3 Secret Storage version 3, the file that Ethereum's tools exchange, with scrypt. The
 * costs that a file demands are checked before they are paid: 128 * n * r bytes of memory.
 */
import { scrypt as scryptOf } from 'node:crypto'
import { decryptKeystoreJson, encryptKeystoreJson, isKeystoreJson, SigningKey, scrypt } from 'ethers'
import { fromHex, to0x } from '#proto/bytes.ts'
import { keyAddress } from '#proto/entry.ts'
import { check, fail } from '#proto/errors.ts'
import { addressText } from '#proto/ids.ts'

/** scrypt's cost of a fresh keystore: 128 MiB and about half a second. */
const COST = { N: 2 ** 17, r: 8, p: 1 }
/** The most memory that a keystore may demand, bytes, and the most work: n * r * p. */
const MAX_MEMORY = 2 ** 29
const MAX_WORK = 2 ** 24

/** Node's scrypt: several times as fast as the portable one. */
scrypt.register(
  (password, salt, n, r, p, length) =>
    new Promise((resolve, reject) => {
      const options = { N: n, r, p, maxmem: 2 * MAX_MEMORY }
      scryptOf(bytesOf(password), bytesOf(salt), length, options, (error, key) =>
        error ? reject(error) : resolve(to0x(key)),
      )
    }),
)

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? fromHex(value) : value
}

/** Whether a key file's text is meant to be a keystore rather than a bare secret. */
export function looksEncrypted(text: string): boolean {
  return text.trimStart().startsWith('{')
}

/** The account that a keystore says it holds, 0x and lower case; undefined where it does not say. */
export function keystoreAccount(text: string): string | undefined {
  const address = (parse(text) as { address?: unknown } | undefined)?.address
  if (typeof address !== 'string' || !/^(0x)?[0-9a-fA-F]{40}$/.test(address)) return undefined
  return `0x${address.replace(/^0x/, '').toLowerCase()}`
}

/** `secret` (32 bytes) as the text of a keystore. @param cost scrypt's N, a power of two */
export async function encryptSecret(secret: Uint8Array, passphrase: string, cost: number = COST.N): Promise<string> {
  const address = addressText(keyAddress(new SigningKey(to0x(secret))))
  const account = { address, privateKey: to0x(secret) }
  return encryptKeystoreJson(account, passphrase, { scrypt: { ...COST, N: cost } })
}

/**
 * The secret in a keystore. `where` names it in messages.
 * @throws AssayError `bad-config` for a malformed keystore or a wrong passphrase, `over-limit` for one that costs too much
 */
export async function decryptSecret(text: string, passphrase: string, where: string): Promise<Uint8Array> {
  if (!isKeystoreJson(text)) {
    fail('bad-config', `${where} is no keystore of version 3`, { next: 'Import its secret anew: assay key import.' })
  }
  checkCost(parse(text), where)
  try {
    return fromHex((await decryptKeystoreJson(text, passphrase)).privateKey, 32)
  } catch (error) {
    // What ethers says of a malformed keystore may quote it; the cause stays out of the message.
    const wrong = /password/.test((error as Error).message)
    return fail('bad-config', wrong ? `the passphrase does not open ${where}` : `${where} is a damaged keystore`, {
      next: wrong ? 'Give the passphrase that it was made with.' : 'Bring it back from a copy, or make a new account.',
    })
  }
}

function checkCost(keystore: unknown, where: string): void {
  const { crypto, Crypto } = (keystore ?? {}) as Record<string, { kdf?: unknown; kdfparams?: unknown } | undefined>
  const kdf = crypto ?? Crypto
  const params = (kdf?.kdfparams ?? {}) as Record<string, unknown>
  const next = 'Make it anew with assay key import.'
  check(kdf?.kdf === 'scrypt', 'bad-config', `${where} is not under scrypt`, { next })
  const [n, r, p] = ['n', 'r', 'p'].map((name) => Number(params[name])) as [number, number, number]
  const sane = [n, r, p].every((value) => Number.isSafeInteger(value) && value > 0)
  check(sane, 'bad-config', `${where} has malformed scrypt parameters`, { next })
  const affordable = 128 * n * r <= MAX_MEMORY && n * r * p <= MAX_WORK
  check(affordable, 'over-limit', `${where} demands scrypt with n ${n}, r ${r}, p ${p}`, { next })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
