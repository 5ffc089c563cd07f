/** SHA-256 and its domain-separated forms (docs/spec/protocol.md, "Commitments"). */
import { hash } from 'node:crypto'
import { concatBytes } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { Packed } from '#proto/packed.ts'

export const HASH_BYTES = 32
/** Bytes of a full Merkle leaf. */
export const LEAF_BYTES = 1024
/** Children of a full Merkle node. */
export const ARITY = 16

/**
 * SHA-256 of `data`, written to `out[at .. at+32)`.
 *
 * A binary (latin-1) string is the fastest form in which Node hands a digest over: a Buffer a call costs twice the time at 1 KiB.
 */
export function sha256Into(data: Uint8Array, out: Uint8Array, at: number): void {
  const digest = hash('sha256', data, 'binary')
  for (let i = 0; i < HASH_BYTES; i++) out[at + i] = digest.charCodeAt(i)
}

/** SHA-256 of the concatenation of `parts`: 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(HASH_BYTES)
  sha256Into(parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(...parts), out, 0)
  return out
}

/** H(0x00 || data); `data` has at most 1024 bytes. */
export function leafHash(data: Uint8Array): Uint8Array {
  if (data.length > LEAF_BYTES) fail('over-limit', `a leaf has at most ${LEAF_BYTES} bytes, not ${data.length}`)
  return sha256(Uint8Array.of(0), data)
}

/** H(0x01 || children); 1 to 16 children of 32 bytes. */
export function nodeHash(children: readonly Uint8Array[]): Uint8Array {
  if (children.length < 1 || children.length > ARITY) fail('over-limit', `a node has 1 to ${ARITY} children`)
  for (const child of children) if (child.length !== HASH_BYTES) fail('bad-input', 'a child hash has 32 bytes')
  return sha256(Uint8Array.of(1), ...children)
}

/** SHA-256 of a domain tag followed by packed fields: the form of every hash that the contract repeats. */
export function taggedHash(tag: string, fill: (packed: Packed) => Packed): Uint8Array {
  return sha256(fill(new Packed().tag(tag)).finish())
}
