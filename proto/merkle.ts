/**
 * Merkle trees of 1 KiB leaves and up to 16 children a node, built level by level until one hash is left
 * (docs/spec/protocol.md, "Commitments"). The last node of a level may have fewer children, down to one; so every leaf
 * of a tree has the same depth.
 */
import { bytesEqual } from '#proto/bytes.ts'
import { check, fail } from '#proto/errors.ts'
import { ARITY, HASH_BYTES, LEAF_BYTES, leafHash, nodeHash, sha256, sha256Into } from '#proto/hash.ts'

/** Bytes of a transfer frame: the 256 leaves under one level-2 node. */
export const FRAME_BYTES = LEAF_BYTES * ARITY * ARITY
const FRAME_LEVEL = 2
const MAX_RANK = 8

/** Dtype codes inside tensor roots; a code is never reused. */
export const DTYPE_CODE = { f32: 0, i32: 1, u32: 2, bool: 3, u8: 4 } as const

/** Hashes pushed from the left, folded into nodes as soon as 16 siblings are there: one node buffer per level. */
class Folder {
  private readonly levels: { node: Uint8Array; count: number; emitted: boolean }[] = []

  private level(index: number): { node: Uint8Array; count: number; emitted: boolean } {
    let level = this.levels[index]
    if (level === undefined) {
      level = { node: new Uint8Array(1 + ARITY * HASH_BYTES), count: 0, emitted: false }
      level.node[0] = 1
      this.levels[index] = level
    }
    return level
  }

  /** Where the next hash of level `index` goes; call `pushed` after writing it. */
  slot(index: number): { node: Uint8Array; at: number } {
    const level = this.level(index)
    if (level.count === ARITY) this.emit(index)
    return { node: level.node, at: 1 + level.count * HASH_BYTES }
  }

  pushed(index: number): void {
    this.level(index).count++
  }

  private emit(index: number): void {
    const level = this.level(index)
    const above = this.slot(index + 1)
    sha256Into(level.node.subarray(0, 1 + level.count * HASH_BYTES), above.node, above.at)
    this.pushed(index + 1)
    level.count = 0
    level.emitted = true
  }

  /** Folds what is pending and returns the one hash left, at `atLeast` levels above the leaves. */
  root(atLeast = 0): Uint8Array {
    for (let index = 0; ; index++) {
      const level = this.level(index)
      if (!level.emitted && level.count === 1 && index >= atLeast) return level.node.slice(1, 1 + HASH_BYTES)
      if (level.count > 0) this.emit(index)
    }
  }
}

/** Bytes of the leaves under one level-1 node. */
const GROUP_BYTES = LEAF_BYTES * ARITY
/** Where a group starts in its buffer: aligned, because only so does memory that threads share copy a word at a time. */
const GROUP_OFFSET = 8

/**
 * Root of a byte string given in pieces of any size.
 *
 * Leaves are hashed where they were gathered, a group at a time: the byte before a leaf, which is the last one of the leaf
 * hashed before it, becomes its 0x00.
 */
export class TreeHasher {
  private readonly folder = new Folder()
  private readonly group = new Uint8Array(GROUP_OFFSET + GROUP_BYTES)
  private readonly leaves: readonly Uint8Array[]
  private fill = 0
  private any = false

  constructor() {
    this.leaves = Array.from({ length: ARITY }, (_, i) => {
      const start = GROUP_OFFSET - 1 + i * LEAF_BYTES
      return this.group.subarray(start, start + 1 + LEAF_BYTES)
    })
  }

  private flush(): void {
    for (let i = 0; i === 0 || i * LEAF_BYTES < this.fill; i++) {
      const size = Math.min(LEAF_BYTES, this.fill - i * LEAF_BYTES)
      const leaf = this.leaves[i] as Uint8Array
      leaf[0] = 0
      const slot = this.folder.slot(0)
      sha256Into(size === LEAF_BYTES ? leaf : leaf.subarray(0, 1 + size), slot.node, slot.at)
      this.folder.pushed(0)
    }
    this.fill = 0
    this.any = true
  }

  update(bytes: Uint8Array): this {
    let at = 0
    while (at < bytes.length) {
      const size = Math.min(GROUP_BYTES - this.fill, bytes.length - at)
      this.group.set(bytes.subarray(at, at + size), GROUP_OFFSET + this.fill)
      this.fill += size
      at += size
      if (this.fill === GROUP_BYTES) this.flush()
    }
    return this
  }

  /** The root; the hasher is spent afterwards. `atLeast` forces a height (frames of a larger string). */
  digest(atLeast = 0): Uint8Array {
    if (this.fill > 0 || !this.any) this.flush()
    return this.folder.root(atLeast)
  }
}

/** Root of a byte string; the empty string is one empty leaf. */
export function bytesRoot(bytes: Uint8Array): Uint8Array {
  return bytes.length <= LEAF_BYTES ? leafHash(bytes) : new TreeHasher().update(bytes).digest()
}

/** The tree over hashes: node levels directly over a list; one hash is its own root, the empty list is H(0x00). */
export function hashTree(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return leafHash(new Uint8Array(0))
  const folder = new Folder()
  for (const hash of hashes) {
    if (hash.length !== HASH_BYTES) fail('bad-input', `a hash has ${HASH_BYTES} bytes, not ${hash.length}`)
    const slot = folder.slot(0)
    slot.node.set(hash, slot.at)
    folder.pushed(0)
  }
  return folder.root()
}

/** H(0x02 || dtype code || rank || dims (u32 LE) || tree root). Throws `bad-shape` above rank 8. */
export function tensorRoot(dtypeCode: number, shape: readonly number[], treeRoot: Uint8Array): Uint8Array {
  check(shape.length <= MAX_RANK, 'bad-shape', `rank ${shape.length} is above ${MAX_RANK}`)
  const head = new Uint8Array(3 + shape.length * 4)
  const view = new DataView(head.buffer)
  head[0] = 2
  head[1] = dtypeCode
  head[2] = shape.length
  for (const [i, dim] of shape.entries()) {
    check(Number.isInteger(dim) && dim >= 0 && dim <= 0xffffffff, 'bad-shape', `${dim} is not a dimension`)
    view.setUint32(3 + i * 4, dim, true)
  }
  return sha256(head, treeRoot)
}

/**
 * Root of a tensor.
 *
 * @param dtypeCode one of `DTYPE_CODE`
 * @param bytes the row-major elements as little-endian words (u8: bytes); their number is checked against `shape`
 */
export function tensorRootOf(dtypeCode: number, shape: readonly number[], bytes: Uint8Array): Uint8Array {
  let elements = 1
  for (const dim of shape) elements *= dim
  const size = elements * (dtypeCode === DTYPE_CODE.u8 ? 1 : 4)
  check(bytes.length === size, 'bad-shape', `[${shape}] needs ${size} bytes, got ${bytes.length}`)
  return tensorRoot(dtypeCode, shape, bytesRoot(bytes))
}

/** A path from a leaf to the root: per level the other children of the node, in order. */
export type Proof = readonly (readonly Uint8Array[])[]

/** Proof of `hashes[index]` against `hashTree(hashes)`. */
export function proveHash(hashes: readonly Uint8Array[], index: number): Proof {
  check(Number.isInteger(index) && index >= 0 && index < hashes.length, 'bad-input', `no leaf ${index}`)
  const path: Uint8Array[][] = []
  let level = hashes
  let at = index
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < level.length; i += ARITY) above.push(nodeHash(level.slice(i, i + ARITY)))
    const first = at - (at % ARITY)
    path.push(level.slice(first, first + ARITY).filter((_, i) => first + i !== at))
    level = above
    at = Math.floor(at / ARITY)
  }
  return path
}

/** Leaf hashes of a byte string. */
export function leafHashes(bytes: Uint8Array): Uint8Array[] {
  const leaves: Uint8Array[] = []
  for (let at = 0; at < bytes.length || at === 0; at += LEAF_BYTES) {
    leaves.push(leafHash(bytes.subarray(at, at + LEAF_BYTES)))
  }
  return leaves
}

/** Number of leaves of a byte string of `size` bytes. */
export function leafCount(size: number): number {
  return Math.max(1, Math.ceil(size / LEAF_BYTES))
}

/** Proof of leaf `index` (bytes `index*1024 ..`) against `bytesRoot(bytes)`. */
export function proof(bytes: Uint8Array, index: number): Proof {
  return proveHash(leafHashes(bytes), index)
}

/** Whether `leaf` is the hash at `index` of `count` under `root`. False for a malformed proof, never a throw. */
export function verifyProof(root: Uint8Array, count: number, index: number, leaf: Uint8Array, path: Proof): boolean {
  if (!Number.isInteger(index) || index < 0 || index >= count || leaf.length !== HASH_BYTES) return false
  let width = count
  let at = index
  let hash = leaf
  let level = 0
  for (; width > 1; level++) {
    const others = path[level]
    const first = at - (at % ARITY)
    const children = Math.min(ARITY, width - first)
    if (others === undefined || others.length !== children - 1) return false
    if (others.some((other) => other.length !== HASH_BYTES)) return false
    hash = nodeHash([...others.slice(0, at - first), hash, ...others.slice(at - first)])
    width = Math.ceil(width / ARITY)
    at = Math.floor(at / ARITY)
  }
  return level === path.length && bytesEqual(hash, root)
}

/** Number of transfer frames of a byte string of `size` bytes: at least one. */
export function frameCount(size: number): number {
  return Math.max(1, Math.ceil(size / FRAME_BYTES))
}

/**
 * Hash of one transfer frame of a byte string of `size` bytes: the level-2 node over its 256 leaves (the last may have
 * fewer); for a string of one frame, the root itself.
 */
export function frameHash(frame: Uint8Array, size: number): Uint8Array {
  check(frame.length <= FRAME_BYTES, 'over-limit', `a frame has at most ${FRAME_BYTES} bytes`)
  return new TreeHasher().update(frame).digest(size > FRAME_BYTES ? FRAME_LEVEL : 0)
}

/** All frame hashes of a byte string, in order. */
export function frameHashes(bytes: Uint8Array): Uint8Array[] {
  const hashes: Uint8Array[] = []
  for (let i = 0; i < frameCount(bytes.length); i++) {
    hashes.push(frameHash(bytes.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES), bytes.length))
  }
  return hashes
}

/** Root of a byte string of `size` bytes from its frame hashes. Throws `bad-proof` when their number is wrong. */
export function rootFromFrames(hashes: readonly Uint8Array[], size: number): Uint8Array {
  const count = frameCount(size)
  check(hashes.length === count, 'bad-proof', `${size} bytes have ${count} frames, not ${hashes.length}`)
  return hashTree(hashes)
}
