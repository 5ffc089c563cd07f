/** Names of things: spec hashes, job ids, accounts and derived seeds (docs/spec/protocol.md, "Identifiers"). */

import { fromHex, to0x } from '#proto/bytes.ts'
import { check } from '#proto/errors.ts'
import { sha256, taggedHash } from '#proto/hash.ts'
import { Packed } from '#proto/packed.ts'

/** 32 bytes. */
export type Hash = Uint8Array
/** 20 bytes. */
export type Address = Uint8Array

export const ADDRESS_BYTES = 20
export const ZERO_HASH: Hash = new Uint8Array(32)

/** Where a job is registered: part of its id, so that one spec may be posted many times. */
export interface JobOrigin {
  readonly chainId: bigint
  /** Address of the Assay contract. */
  readonly contract: Address
  readonly submitter: Address
  /** The submitter's counter of jobs in the contract. */
  readonly nonce: bigint
}

/** jobId = H("assay/job/1" || specHash || chainId u256 || contract || submitter || nonce u64). */
export function jobId(specHash: Hash, origin: JobOrigin): Hash {
  return taggedHash('assay/job/1', (p) =>
    p.b32(specHash).u256(origin.chainId).address(origin.contract).address(origin.submitter).u64(origin.nonce),
  )
}

/** 20 bytes of an `0x` address; the checksum's case is not checked. Throws `bad-encoding`. */
export function addressBytes(text: string): Address {
  return fromHex(text, ADDRESS_BYTES)
}

/** Lower-case `0x` text of an address. */
export function addressText(address: Address): string {
  check(address.length === ADDRESS_BYTES, 'bad-input', 'an address has 20 bytes')
  return to0x(address)
}

/** What a job's one seed is used for. */
export type SeedUse = 'init' | 'order' | 'dropout'

/** Seed of one use: H("assay/seed/1" || ASCII use || seed u64), 32 bytes. */
export function derivedSeed(seed: bigint, use: SeedUse): Hash {
  return sha256(new Packed().tag('assay/seed/1').tag(use).u64(seed).finish())
}

/** The two u32 words that a graph's `seed` input takes: the first eight bytes of the derived seed, little-endian. */
export function seedWords(seed: bigint, use: 'init' | 'dropout'): [number, number] {
  const view = new DataView(derivedSeed(seed, use).buffer)
  return [view.getUint32(0, true), view.getUint32(4, true)]
}
