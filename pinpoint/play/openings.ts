/** Ways down the lists of a statement, out of what one side has. */

import type { TensorType } from '#arith/types.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { ARITY, HASH_BYTES, LEAF_BYTES, sha256 } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { holdsWords, rootHeight } from '../choice.ts'
import { ancestorOf, elementCount, LEAF_WORDS, tensorHeader } from '../tree.ts'
import type { List, Opening, Statement } from '../types.ts'
import { hashOf, type Trees, treesOf } from './context.ts'
import { Levels } from './levels.ts'

/** What lies at an index of a list, and how it is opened. */
export interface Opened {
  readonly opening: Opening
  /** The item's hash, or the leaf that holds the word. */
  readonly found: Uint8Array
}

/** Opens an item of a list with that root. Undefined if a preimage is not to be had. */
export async function openItem(
  trees: Trees,
  list: List,
  root: Hash,
  count: number,
  index: number,
): Promise<Opened | undefined> {
  const words = holdsWords(list.level)
  const at = words ? Math.floor(index / LEAF_WORDS) : index
  const opening: Uint8Array[] = []
  let hash = root
  for (let height = rootHeight(list.level, count); height > 0; height--) {
    const preimage = await trees.preimage(list, height, ancestorOf(at, height), hash)
    if (preimage === undefined) return undefined
    opening.push(preimage)
    hash = childAt(preimage, ancestorOf(at, height - 1) % ARITY)
  }
  if (!words) return { opening, found: hash }
  const leaf = await trees.preimage(list, 0, at, hash)
  return leaf && { opening: [...opening, leaf], found: leaf }
}

/** Opens an item of a list of one's own, which both sides agree on. */
export function openAgreed(
  own: Statement,
  list: List,
  root: Hash,
  count: number,
  index: number,
): Promise<Opened | undefined> {
  return openItem(treesOf(own), list, root, count, index)
}

/** Opens a word of a value with that tensor root and type. */
export async function openTensor(
  trees: Trees,
  list: Extract<List, { level: 'words' }>,
  tensor: Hash,
  type: TensorType,
  index: number,
): Promise<Opened | undefined> {
  const header = tensorHeader(type)
  const count = elementCount(type.shape)
  const height = rootHeight('words', count)
  const top = await trees.words(list, height, (root) => bytesEqual(sha256(header, root), tensor))
  if (top === undefined) return undefined
  const root = hashOf(list, height, top)
  const opened = await openItem(trees, list, root, count, index)
  return opened && { opening: [Uint8Array.of(...header, ...root), ...opened.opening], found: opened.found }
}

/** Opens hash `index` of a list that is at hand. Undefined unless the tree over it has that root. */
export function openAmong(hashes: readonly Hash[], root: Hash, index: number): Opened | undefined {
  const tree = Levels.ofHashes(hashes)
  if (!bytesEqual(tree.root, root)) return undefined
  return { opening: pathIn(tree, index), found: hashes[index] as Hash }
}

/** Preimages from the root of a tree down to item, or leaf, `index`; a leaf is not among them. */
export function pathIn(tree: Pick<Levels, 'height' | 'preimage'>, index: number): Opening {
  return Array.from({ length: tree.height }, (_, level) => {
    const height = tree.height - level
    return tree.preimage(height, ancestorOf(index, height))
  })
}

/** Child `n` of a node. */
export function childAt(preimage: Uint8Array, n: number): Hash {
  return preimage.slice(n * HASH_BYTES, (n + 1) * HASH_BYTES)
}

/** Opens the leaf of a byte string that holds byte `at`. */
export const openByte = (bytes: Uint8Array, at: number): Opening => openByteIn(Levels.ofBytes(bytes), at)

/** The same, if the tree of the string is at hand. */
export function openByteIn(tree: Levels, at: number): Opening {
  const leaf = Math.floor(at / LEAF_BYTES)
  return [...pathIn(tree, leaf), tree.preimage(0, leaf)]
}
