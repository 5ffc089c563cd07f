/** Proof-of-learning entries: what a solver claims about one step range of one replica, and signs with its account key. */
import { computeAddress, recoverAddress, Signature, type SigningKey } from 'ethers'
import { bytesEqual, concatBytes, to0x } from '#proto/bytes.ts'
import { check } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import { type Address, addressBytes, addressText, type Hash } from '#proto/ids.ts'
import { Packed } from '#proto/packed.ts'

/** A claim about steps `stepFrom .. stepTo-1` of one replica, in the packed order of its fields. */
export interface Entry {
  readonly jobId: Hash
  /** Plan epoch. */
  readonly epoch: number
  readonly replica: number
  readonly window: number
  readonly stepFrom: number
  /** Exclusive. */
  readonly stepTo: number
  /** State root before `stepFrom`. */
  readonly rootBefore: Hash
  /** State root after `stepTo - 1`. */
  readonly rootAfter: Hash
  /** Tree over the per-step roots of the replica's own subtree sum. */
  readonly lanesRoot: Hash
  /** Tree over the per-step roots of the step's metrics. */
  readonly metricsRoot: Hash
  readonly solver: Address
}

export interface SignedEntry {
  readonly entry: Entry
  /** 65 bytes r || s || v over the entry digest; low s, v 27 or 28. */
  readonly signature: Uint8Array
}

export const ENTRY_TAG = 'assay/entry/1'
export const ENTRY_BYTES = 198
export const SIGNATURE_BYTES = 65
export const SIGNED_ENTRY_BYTES = ENTRY_BYTES + SIGNATURE_BYTES

/** The 198 packed bytes of an entry, big-endian: its only encoding. Throws `bad-input` for a field outside its type. */
export function encodeEntry(entry: Entry): Uint8Array {
  return new Packed()
    .b32(entry.jobId)
    .u32(entry.epoch)
    .u16(entry.replica)
    .u32(entry.window)
    .u32(entry.stepFrom)
    .u32(entry.stepTo)
    .b32(entry.rootBefore)
    .b32(entry.rootAfter)
    .b32(entry.lanesRoot)
    .b32(entry.metricsRoot)
    .address(entry.solver)
    .finish()
}

/** The entry of its 198 bytes. Throws `bad-encoding` on another length. Its rules are `checkEntry`'s. */
export function decodeEntry(bytes: Uint8Array): Entry {
  check(bytes.length === ENTRY_BYTES, 'bad-encoding', `an entry has ${ENTRY_BYTES} bytes, not ${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    jobId: bytes.slice(0, 32),
    epoch: view.getUint32(32),
    replica: view.getUint16(36),
    window: view.getUint32(38),
    stepFrom: view.getUint32(42),
    stepTo: view.getUint32(46),
    rootBefore: bytes.slice(50, 82),
    rootAfter: bytes.slice(82, 114),
    lanesRoot: bytes.slice(114, 146),
    metricsRoot: bytes.slice(146, 178),
    solver: bytes.slice(178, 198),
  }
}

/** H("assay/entry/1" || packed bytes): what the solver signs, and the entry's name in draws. */
export function entryDigest(entry: Entry): Hash {
  return sha256(new Packed().tag(ENTRY_TAG).finish(), encodeEntry(entry))
}

/** Signs a 32-byte digest as it is (no message prefix): 65 bytes r || s || v. */
export function signDigest(key: SigningKey, digest: Hash): Uint8Array {
  const { r, s, v } = key.sign(to0x(digest))
  return Uint8Array.from(Buffer.from(`${r.slice(2)}${s.slice(2)}${v.toString(16)}`, 'hex'))
}

const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n

/**
 * Account that signed `digest`. Throws `bad-signature` (penalise) for anything but 65 bytes with low s and v 27 or 28,
 * so that one signature has one form, as the contract demands.
 */
export function recoverSigner(digest: Hash, signature: Uint8Array): Address {
  const bad = { consequence: 'penalise' } as const
  check(signature.length === SIGNATURE_BYTES, 'bad-signature', 'a signature has 65 bytes', bad)
  const r = to0x(signature.subarray(0, 32))
  const s = to0x(signature.subarray(32, 64))
  const v = signature[64] as number
  check(v === 27 || v === 28, 'bad-signature', `v is ${v}, not 27 or 28`, bad)
  check(BigInt(s) <= HALF_ORDER, 'bad-signature', 's is not in the lower half', bad)
  let signer: string | undefined
  try {
    signer = recoverAddress(to0x(digest), Signature.from({ r, s, v }))
  } catch {
    // no point of the curve has these coordinates
  }
  check(signer !== undefined, 'bad-signature', 'the signature recovers no account', bad)
  return addressBytes(signer)
}

/** Address of a key's account. */
export function keyAddress(key: SigningKey): Address {
  return addressBytes(computeAddress(key.publicKey))
}

/** Signs an entry. Throws `bad-input` when the entry names another solver than the key's account. */
export function signEntry(key: SigningKey, entry: Entry): SignedEntry {
  check(bytesEqual(keyAddress(key), entry.solver), 'bad-input', 'the entry names another solver than the key')
  return { entry, signature: signDigest(key, entryDigest(entry)) }
}

/** Returns the entry's digest. Throws `bad-signature` (penalise) unless its solver signed it. */
export function verifyEntry(signed: SignedEntry): Hash {
  const digest = entryDigest(signed.entry)
  const signer = recoverSigner(digest, signed.signature)
  const message = `signed by ${addressText(signer)}, not by the solver ${addressText(signed.entry.solver)}`
  check(bytesEqual(signer, signed.entry.solver), 'bad-signature', message, { consequence: 'penalise' })
  return digest
}

/** Entry bytes, then signature: 263 bytes. */
export function encodeSignedEntry(signed: SignedEntry): Uint8Array {
  check(signed.signature.length === SIGNATURE_BYTES, 'bad-input', 'a signature has 65 bytes')
  return concatBytes(encodeEntry(signed.entry), signed.signature)
}

/** Throws `bad-encoding` on another length; the signature is not verified. */
export function decodeSignedEntry(bytes: Uint8Array): SignedEntry {
  check(bytes.length === SIGNED_ENTRY_BYTES, 'bad-encoding', `${bytes.length} bytes are not a signed entry`)
  return { entry: decodeEntry(bytes.subarray(0, ENTRY_BYTES)), signature: bytes.slice(ENTRY_BYTES) }
}

/** Whether two entries are two claims on one range by one solver in one epoch: a fault on sight. */
export function equivocates(a: Entry, b: Entry): boolean {
  return (
    bytesEqual(a.jobId, b.jobId) &&
    bytesEqual(a.solver, b.solver) &&
    a.epoch === b.epoch &&
    a.replica === b.replica &&
    a.stepFrom < b.stepTo &&
    b.stepFrom < a.stepTo &&
    !bytesEqual(entryDigest(a), entryDigest(b))
  )
}
