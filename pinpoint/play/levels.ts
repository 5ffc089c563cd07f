/** All nodes of one list's tree, kept level by level, so that any preimage is at hand. */
import { fail } from '#proto/errors.ts'
import { ARITY, HASH_BYTES, LEAF_BYTES, leafHash, nodeHash } from '#proto/hash.ts'
import { leafCount } from '#proto/merkle.ts'

/**
 * The tree of a byte string, or over hashes (docs/spec/protocol.md, "Hashes"). Heights count from the leaves, or from the items of
 * a list of hashes; both are height 0.
 */
export class Levels {
  /** What lies at height 0: leaves, or hashes. */
  readonly #bottom: (index: number) => Uint8Array
  /** `#hashes[h]`: hashes of all nodes at height h, side by side. */
  readonly #hashes: readonly Uint8Array[]
  /** Bytes of leaves that are kept. */
  readonly #size: number

  private constructor(bottom: (index: number) => Uint8Array, hashes: Uint8Array, size: number) {
    this.#bottom = bottom
    this.#size = size
    const levels = [hashes]
    for (let below = hashes; below.length > HASH_BYTES; ) {
      below = above(below)
      levels.push(below)
    }
    this.#hashes = levels
  }

  /** The tree of `bytes`, which are kept and must not change. */
  static ofBytes(bytes: Uint8Array): Levels {
    const leaf = (index: number): Uint8Array => bytes.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES)
    const hashes = new Uint8Array(leafCount(bytes.length) * HASH_BYTES)
    for (let i = 0; i * HASH_BYTES < hashes.length; i++) hashes.set(leafHash(leaf(i)), i * HASH_BYTES)
    return new Levels(leaf, hashes, bytes.length)
  }

  /** The tree over one hash or more. */
  static ofHashes(hashes: readonly Uint8Array[]): Levels {
    if (hashes.length === 0) fail('bad-input', 'a list has an item')
    const flat = new Uint8Array(hashes.length * HASH_BYTES)
    for (const [i, hash] of hashes.entries()) flat.set(hash, i * HASH_BYTES)
    return new Levels((index) => flat.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES), flat, 0)
  }

  get root(): Uint8Array {
    return this.#hashes.at(-1) as Uint8Array
  }

  /** Memory that its nodes take. */
  get bytes(): number {
    return this.#hashes.reduce((sum, level) => sum + level.length, this.#size)
  }

  /** Height of the root. */
  get height(): number {
    return this.#hashes.length - 1
  }

  /** What node `index` at `height` is the hash of: up to 16 hashes; at height 0 a leaf, or an item. @throws bad-input */
  preimage(height: number, index: number): Uint8Array {
    const nodes = (this.#hashes[height]?.length ?? 0) / HASH_BYTES
    if (!Number.isInteger(index) || index < 0 || index >= nodes) {
      fail('bad-input', `there is no node ${index} at height ${height}`)
    }
    if (height === 0) return this.#bottom(index).slice()
    const size = ARITY * HASH_BYTES
    return (this.#hashes[height - 1] as Uint8Array).slice(index * size, (index + 1) * size)
  }
}

function above(hashes: Uint8Array): Uint8Array {
  const size = ARITY * HASH_BYTES
  const out = new Uint8Array(Math.ceil(hashes.length / size) * HASH_BYTES)
  for (let i = 0; i * size < hashes.length; i++) {
    const children = hashes.subarray(i * size, (i + 1) * size)
    const parts = Array.from({ length: children.length / HASH_BYTES }, (_, c) =>
      children.subarray(c * HASH_BYTES, (c + 1) * HASH_BYTES),
    )
    out.set(nodeHash(parts), i * HASH_BYTES)
  }
  return out
}

/** Items under a full node at a height: 16 to its power. */
export const spanOf = (height: number): number => 2 ** (4 * height)
