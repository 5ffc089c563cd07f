/**
 * The index of a blob: its size and the hash of each 256 KiB frame. It is checked against the root by itself, so a
 * frame can then be checked as soon as it arrives, by whomever it was sent (docs/spec/network.md, "Blobs").
 */
import { bytesEqual, toHex } from '#proto/bytes.ts'
import { AssayError, check } from '#proto/errors.ts'
import { HASH_BYTES } from '#proto/hash.ts'
import { FRAME_BYTES, frameCount, frameHash, rootFromFrames } from '#proto/merkle.ts'

export interface BlobIndex {
  /** Bytes of the blob. */
  readonly size: number
  /** Hash of each frame, in order: `frameCount(size)` of them. */
  readonly frames: readonly Uint8Array[]
}

const SIZE_BYTES = 8

/** Bytes of the encoded index of a blob of `size` bytes. */
export function indexBytes(size: number): number {
  return frameCount(size) * HASH_BYTES + SIZE_BYTES
}

/** The frame hashes, then the size as u64 LE. */
export function encodeIndex({ size, frames }: BlobIndex): Uint8Array {
  const out = new Uint8Array(indexBytes(size))
  for (const [i, hash] of frames.entries()) out.set(hash, i * HASH_BYTES)
  new DataView(out.buffer).setBigUint64(out.length - SIZE_BYTES, BigInt(size), true)
  return out
}

/** The size that the last 8 bytes of an encoded index state. Throws `bad-encoding` beyond 2^53. */
export function indexedSize(tail: Uint8Array): number {
  check(tail.length >= SIZE_BYTES, 'bad-encoding', 'a blob index is cut short')
  const view = new DataView(tail.buffer, tail.byteOffset + tail.length - SIZE_BYTES, SIZE_BYTES)
  const size = Number(view.getBigUint64(0, true))
  check(Number.isSafeInteger(size), 'bad-encoding', `${size} is not a blob size`)
  return size
}

/**
 * The index in `bytes`, proven to belong to `root`.
 * Throws `bad-encoding` for a wrong length, `bad-proof` when the frame hashes do not lead to `root`.
 */
export function decodeIndex(root: Uint8Array, bytes: Uint8Array): BlobIndex {
  const size = indexedSize(bytes)
  check(
    bytes.length === indexBytes(size),
    'bad-encoding',
    `a blob index of ${size} bytes has ${indexBytes(size)} bytes`,
  )
  const frames: Uint8Array[] = []
  for (let at = 0; at + SIZE_BYTES < bytes.length; at += HASH_BYTES) frames.push(bytes.slice(at, at + HASH_BYTES))
  const index = { size, frames }
  checkIndex(root, index)
  return index
}

/** Throws `bad-proof` unless `index` leads to `root`. */
export function checkIndex(root: Uint8Array, index: BlobIndex): void {
  const found = rootFromFrames(index.frames, index.size)
  check(bytesEqual(found, root), 'bad-proof', `the index leads to ${toHex(found)}, not ${toHex(root)}`)
}

/** Bytes of frame `i`. Throws `bad-input` when there is none. */
export function frameSize(index: BlobIndex, i: number): number {
  const count = index.frames.length
  check(Number.isInteger(i) && i >= 0 && i < count, 'bad-input', `no frame ${i} in a blob of ${count}`)
  return i === count - 1 ? index.size - i * FRAME_BYTES : FRAME_BYTES
}

/** Throws `bad-proof` unless `bytes` are frame `i`. */
export function checkFrame(index: BlobIndex, i: number, bytes: Uint8Array): void {
  const size = frameSize(index, i)
  check(bytes.length === size, 'bad-proof', `frame ${i} has ${size} bytes, not ${bytes.length}`)
  const hash = frameHash(bytes, index.size)
  if (!bytesEqual(hash, index.frames[i] as Uint8Array)) {
    throw new AssayError('bad-proof', `frame ${i} does not match the index`)
  }
}

/** How much of a blob is hashed before the event loop gets a turn, in frames: about 10 ms. */
const FRAMES_A_TURN = 16

/** Root and index of `bytes`; gives way to other work between runs of frames. */
export async function indexOf(bytes: Uint8Array): Promise<{ root: Uint8Array; index: BlobIndex }> {
  const frames: Uint8Array[] = []
  for (let i = 0; i < frameCount(bytes.length); i++) {
    if (i % FRAMES_A_TURN === FRAMES_A_TURN - 1) await new Promise((resolve) => setImmediate(resolve))
    frames.push(frameHash(bytes.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES), bytes.length))
  }
  return { root: rootFromFrames(frames, bytes.length), index: { size: bytes.length, frames } }
}
