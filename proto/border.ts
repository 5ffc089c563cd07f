/**
 * What two stages of a pipeline say to each other: requests for what crosses their border, and the record by which both
 * sign it (docs/spec/protocol.md, "Pipeline").
 *
 * One record covers all tensors of a border in a step: a tree over their tensor roots, in the order of their addresses.
 * The roots themselves travel with the tensors and are compared on arrival, so the one signature says as much as one for
 * each tensor would, and any tensor can be opened against it.
 */
import type { SigningKey } from 'ethers'
import { bytesEqual } from '#proto/bytes.ts'
import { decode, encode, fixed, hash, type Of, oneOf, struct, u16, u32, union } from '#proto/codec.ts'
import { recoverSigner, SIGNATURE_BYTES, signDigest } from '#proto/entry.ts'
import { AssayError, check } from '#proto/errors.ts'
import { taggedHash } from '#proto/hash.ts'
import { type Address, addressText, type Hash } from '#proto/ids.ts'
import { BUNDLES } from '#proto/machines/stage.ts'

/** A replica's pipeline in a plan epoch of a job. */
const pipeline = { jobId: hash, epoch: u32(), replica: u16() }

const RECORD = struct({ ...pipeline, from: u16(), to: u16(), step: u32(), root: hash })
/** What crossed from stage `from` to stage `to` in a step: `root` is the tree over the tensor roots. */
export type BorderRecord = Of<typeof RECORD>

/** A record with the signatures of both ends: 65 bytes r || s || v over its digest each. */
export interface SealedBorder {
  readonly record: BorderRecord
  readonly sender: Uint8Array
  readonly receiver: Uint8Array
}

const REQUEST = union({
  /** Brings the tensors of a bundle, end to end, and then their tensor roots. */
  bundle: struct({ ...pipeline, from: u16(), to: u16(), kind: oneOf(BUNDLES), step: u32(), microBatch: u32() }),
  /** Brings the sum of a stage of this replica, of the lanes' subtree at a level; `asker` is the replica that joins it. */
  sum: struct({ ...pipeline, stage: u16(), step: u32(), level: u16(1), asker: u16() }),
  /** Shows what the sender has signed; the answer is the receiver's signature. */
  seal: struct({ ...RECORD.fields, signature: fixed(SIGNATURE_BYTES) }),
})
export type BorderRequest = Of<typeof REQUEST>

/** Most bytes of a request. */
export const MAX_BORDER_REQUEST = 160

/** H("assay/border/1" || jobId || epoch u32 || replica u16 || from u16 || to u16 || step u32 || root): what both ends sign. */
export function borderDigest({ jobId, epoch, replica, from, to, step, root }: BorderRecord): Hash {
  return taggedHash('assay/border/1', (p) => p.b32(jobId).u32(epoch).u16(replica).u16(from).u16(to).u32(step).b32(root))
}

export const signBorder = (key: SigningKey, record: BorderRecord): Uint8Array => signDigest(key, borderDigest(record))

/** Throws `bad-signature` (penalise) unless `account` signed the record. */
export function verifyBorder(record: BorderRecord, signature: Uint8Array, account: Address): void {
  const signer = recoverSigner(borderDigest(record), signature)
  const message = `a border signed by ${addressText(signer)}, not by ${addressText(account)}`
  check(bytesEqual(signer, account), 'bad-signature', message, { consequence: 'penalise' })
}

/** Whether two records say two things about one border and step: signed by one account, they are a fault on sight. */
export function bordersConflict(a: BorderRecord, b: BorderRecord): boolean {
  const same = a.epoch === b.epoch && a.replica === b.replica && a.from === b.from && a.to === b.to && a.step === b.step
  return same && bytesEqual(a.jobId, b.jobId) && !bytesEqual(a.root, b.root)
}

/** Throws `bad-input` or `over-limit` for a field outside its limits. */
export function encodeBorderRequest(request: BorderRequest): Uint8Array {
  return encode(REQUEST, request)
}

/** Throws `over-limit` or `bad-encoding` (penalise). */
export function decodeBorderRequest(data: Uint8Array): BorderRequest {
  try {
    return decode(REQUEST, data, MAX_BORDER_REQUEST)
  } catch (error) {
    if (!(error instanceof AssayError)) throw error
    throw new AssayError(error.code, error.message, { consequence: 'penalise', cause: error })
  }
}
