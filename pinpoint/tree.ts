/**
 * Ways down committed trees: an opening is the preimages from a root to a leaf, checked one by one. All sizes follow from
 * what is known of the list, so hostile openings cost at most the levels of an honest one (docs/spec/protocol.md, Hashes).
 */
import type { DType, TensorType, Word } from '#arith/types.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { check, fail } from '#proto/errors.ts'
import { ARITY, HASH_BYTES, LEAF_BYTES, leafHash, sha256 } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { DTYPE_CODE, leafCount } from '#proto/merkle.ts'
import type { Opening } from './types.ts'

const NODE = Uint8Array.of(1)
const DTYPES: readonly DType[] = ['f32', 'i32', 'u32', 'bool']
const MAX_RANK = 8
const MAX_ELEMENTS = 2 ** 31 - 1
/** Words of a full leaf. */
export const LEAF_WORDS = LEAF_BYTES / 4

/** A node of a tree: its hash, its height above the hashes of the list, and its number at that height. */
export interface TreeNode {
  readonly hash: Hash
  readonly height: number
  readonly index: number
}

/** Levels of nodes above a list of `count` hashes: 0 for one, which is its own root. */
export function heightOf(count: number): number {
  let height = 0
  for (let width = count; width > 1; width = Math.ceil(width / ARITY)) height++
  return height
}

/** Number of nodes at a height of the tree over `count` hashes. */
export function widthOf(count: number, height: number): number {
  let width = count
  for (let level = 0; level < height; level++) width = Math.ceil(width / ARITY)
  return width
}

/** Number of children of node `index` at `height` (at least 1) of the tree over `count` hashes. */
export function childrenOf(count: number, height: number, index: number): number {
  return Math.min(ARITY, widthOf(count, height - 1) - index * ARITY)
}

/** Number of the node at `height` that the item stands under. */
export function ancestorOf(item: number, height: number): number {
  let index = item
  for (let level = 0; level < height; level++) index = Math.floor(index / ARITY)
  return index
}

/** Bytes of a leaf of a byte string of `size` bytes. */
export function leafSize(size: number, leaf: number): number {
  return Math.min(LEAF_BYTES, size - leaf * LEAF_BYTES)
}

/** Hash of the node whose child hashes lie side by side in `preimage`: 32 to 512 bytes. */
export function preimageHash(preimage: Uint8Array): Hash {
  const children = preimage.length / HASH_BYTES
  check(Number.isInteger(children) && children >= 1 && children <= ARITY, 'bad-proof', 'a node has 1 to 16 children')
  return sha256(NODE, preimage)
}

/** Throws `bad-proof` unless `preimage` is that of the node. */
export function checkPreimage(count: number, node: TreeNode, preimage: Uint8Array): void {
  const children = childrenOf(count, node.height, node.index)
  check(preimage.length === children * HASH_BYTES, 'bad-proof', `${preimage.length} bytes of ${children} child hashes`)
  check(bytesEqual(preimageHash(preimage), node.hash), 'bad-proof', 'the preimage is that of another node')
}

/**
 * Goes from a node towards an item of a list of `count` hashes, one level for each preimage.
 * @throws bad-proof for a preimage that is not the node's, or more of them than there are levels; bad-input for an item that
 *   is not under the node
 */
export function descend(count: number, from: TreeNode, item: number, path: Opening): TreeNode {
  check(Number.isInteger(item) && item >= 0 && item < count, 'bad-input', `item ${item} of ${count}`)
  check(path.length <= from.height, 'bad-proof', `${path.length} preimages for ${from.height} levels`)
  check(ancestorOf(item, from.height) === from.index, 'bad-input', `item ${item} is not under the node in question`)
  let node = from
  for (const preimage of path) {
    checkPreimage(count, node, preimage)
    const height = node.height - 1
    const index = ancestorOf(item, height)
    const at = (index % ARITY) * HASH_BYTES
    node = { hash: preimage.slice(at, at + HASH_BYTES), height, index }
  }
  return node
}

/** Item `index` of the list of `count` hashes under `root`. @throws bad-proof, bad-input */
export function openHash(root: Hash, count: number, index: number, opening: Opening): Hash {
  const height = heightOf(count)
  check(opening.length === height, 'bad-proof', `an opening of ${opening.length} levels, not ${height}`)
  return descend(count, { hash: root, height, index: 0 }, index, opening).hash
}

/** Throws `bad-proof` unless `bytes` is leaf `index`, with that hash, of a byte string of `size` bytes. */
export function checkLeaf(size: number, index: number, hash: Hash, bytes: Uint8Array): void {
  const expected = leafSize(size, index)
  check(bytes.length === expected, 'bad-proof', `a leaf of ${bytes.length} bytes, not ${expected}`)
  check(bytesEqual(leafHash(bytes), hash), 'bad-proof', 'the bytes are those of another leaf')
}

/** The leaf with byte `at` of the byte string of `size` bytes under `root`. @throws bad-proof, bad-input */
export function openLeaf(root: Hash, size: number, at: number, opening: Opening): Uint8Array {
  const bytes = opening.at(-1) ?? fail('bad-proof', 'an opening of a byte string ends in a leaf')
  const leaf = Math.floor(at / LEAF_BYTES)
  checkLeaf(size, leaf, openHash(root, leafCount(size), leaf, opening.slice(0, -1)), bytes)
  return bytes
}

/** The little-endian word at byte `at` (a multiple of 4) of a byte string. @throws bad-proof, bad-input */
export function openWordAt(root: Hash, size: number, at: number, opening: Opening): Word {
  check(Number.isInteger(at / 4) && at >= 0 && at + 4 <= size, 'bad-input', `no word at byte ${at} of ${size}`)
  return wordOf(openLeaf(root, size, at, opening), (at % LEAF_BYTES) / 4)
}

/** Word `n` of a leaf. @throws bad-input if it has none */
export function wordOf(leaf: Uint8Array, n: number): Word {
  check(Number.isInteger(n) && n >= 0 && 4 * n + 4 <= leaf.length, 'bad-input', `no word ${n} in ${leaf.length} bytes`)
  return new DataView(leaf.buffer, leaf.byteOffset, leaf.byteLength).getUint32(4 * n, true)
}

/** The preimage of a tensor root without its last 32 bytes, the tree root. */
export function tensorHeader({ dtype, shape }: TensorType): Uint8Array {
  check(shape.length <= MAX_RANK, 'bad-shape', `rank ${shape.length} is above ${MAX_RANK}`)
  const header = new Uint8Array(3 + 4 * shape.length)
  const view = new DataView(header.buffer)
  header.set([2, DTYPE_CODE[dtype], shape.length])
  for (const [axis, size] of shape.entries()) view.setUint32(3 + 4 * axis, size, true)
  return header
}

/** The type that a header names. @throws bad-proof for bytes that `tensorHeader` does not give, or 2^31 elements */
export function readHeader(header: Uint8Array): TensorType {
  const dtype = DTYPES[header[1] ?? -1]
  const rank = header[2] ?? -1
  check(header[0] === 2 && dtype !== undefined, 'bad-proof', 'the header of a tensor is malformed')
  check(rank <= MAX_RANK && header.length === 3 + 4 * rank, 'bad-proof', 'the header of a tensor is malformed')
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(3 + 4 * axis, true))
  check(elementCount(shape) <= MAX_ELEMENTS, 'bad-proof', 'a tensor has fewer than 2^31 elements')
  return { dtype, shape }
}

/** Elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1)
}

/** Word `index` of the tensor with that root; its preimage comes first in the opening. @throws bad-proof, bad-input */
export function openTensorWord(root: Hash, index: number, opening: Opening): Word {
  const preimage = opening[0] ?? fail('bad-proof', "an opening of a tensor begins with its root's preimage")
  check(preimage.length <= 3 + 4 * MAX_RANK + HASH_BYTES, 'bad-proof', 'the preimage of a tensor root is too long')
  check(bytesEqual(sha256(preimage), root), 'bad-proof', 'the preimage is that of another tensor')
  const { shape } = readHeader(preimage.subarray(0, -HASH_BYTES))
  return openWordAt(preimage.slice(-HASH_BYTES), 4 * elementCount(shape), 4 * index, opening.slice(1))
}
