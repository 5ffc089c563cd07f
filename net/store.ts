/** Content-addressed blobs: the interface that a disk store and a memory store share. */
import { toHex } from '#proto/bytes.ts'
import { AssayError, check } from '#proto/errors.ts'
import { HASH_BYTES } from '#proto/hash.ts'
import type { BlobIndex } from './blob-index.ts'

export interface BlobInfo {
  /** `bytesRoot` of the content. */
  readonly root: Uint8Array
  /** Bytes. */
  readonly size: number
  /** When it was stored, milliseconds since 1970, where the store knows. */
  readonly storedAt?: number
}

/** A blob that is still arriving, in any order of frames; what was written survives `close()` and, on disk, a restart. */
export interface PartialBlob {
  readonly index: BlobIndex
  has(frame: number): boolean
  /** Frames that are still wanted, ascending. */
  missing(): number[]
  /** Takes frame `i`. Throws `bad-proof` when `bytes` are not that frame. */
  write(i: number, bytes: Uint8Array): Promise<void>
  /** Makes the complete blob visible in the store. Throws `wrong-state` while frames are missing. */
  commit(): Promise<void>
  /** Releases handles; without `commit()` what was written stays for later. */
  close(): Promise<void>
}

/** Every method throws `storage` when the disk fails; reads throw `not-found` for a blob that is not here. */
export interface BlobStore {
  /** Whether the whole blob is here. */
  has(root: Uint8Array): Promise<boolean>
  /**
   * Stores `bytes`, which may change again once the promise resolves. With `index`, which the caller computed, nothing is hashed again here; it is
   * trusted to describe `bytes` and checked on every read.
   */
  put(bytes: Uint8Array, index?: BlobIndex): Promise<BlobInfo>
  /** Stores the content of a file of any size in bounded memory. */
  putFile(path: string): Promise<BlobInfo>
  /** Bytes of the blob. */
  size(root: Uint8Array): Promise<number>
  index(root: Uint8Array): Promise<BlobIndex>
  /** Frame `i`, checked; a blob found damaged is set aside and no longer here (`storage`). */
  readFrame(root: Uint8Array, i: number): Promise<Uint8Array>
  /** The whole blob, checked. Throws `over-limit` above `maxBytes` (default 1 GiB). */
  get(root: Uint8Array, maxBytes?: number): Promise<Uint8Array>
  /** Removes the blob and what arrived of it; removing what is not here is not an error. */
  delete(root: Uint8Array): Promise<void>
  /** All complete blobs, ascending by root. */
  list(): Promise<BlobInfo[]>
  /** Continues a blob that began to arrive, or begins one when `index` is given; undefined otherwise. */
  partial(root: Uint8Array, index?: BlobIndex): Promise<PartialBlob | undefined>
}

export const DEFAULT_MAX_GET = 2 ** 30

/** The name of a blob. Throws `bad-input` for anything but 32 bytes. */
export function blobName(root: Uint8Array): string {
  check(root.length === HASH_BYTES, 'bad-input', `a root has ${HASH_BYTES} bytes, not ${root.length}`)
  return toHex(root)
}

export function notFound(name: string): AssayError {
  return new AssayError('not-found', `no blob ${name} here`)
}
