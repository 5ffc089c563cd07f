import { expect, test } from 'vitest'
import { concatBytes } from '#proto/bytes.ts'
import { leafHash, nodeHash } from '#proto/hash.ts'
import { bytesRoot, hashTree } from '#proto/merkle.ts'
import { seededRandom } from '#proto/testing.ts'
import { Levels } from './levels.ts'

const random = seededRandom(5)

test.each([0, 4, 1023, 1024, 1025, 16 * 1024, 17 * 1024 + 3, 300_000])('the tree of %i bytes', (size) => {
  const bytes = random.bytes(size)
  const tree = Levels.ofBytes(bytes)
  expect(tree.root).toEqual(bytesRoot(bytes))
  const leaves = Array.from({ length: Math.max(1, Math.ceil(size / 1024)) }, (_, i) => tree.preimage(0, i))
  expect(concatBytes(...leaves)).toEqual(bytes)
  if (tree.height > 0) {
    expect(tree.preimage(1, 0)).toEqual(concatBytes(...leaves.slice(0, 16).map((leaf) => leafHash(leaf))))
  }
})

test.each([1, 2, 16, 17, 256, 257, 1000])('the tree over %i hashes', (count) => {
  const hashes = Array.from({ length: count }, () => random.bytes(32))
  const tree = Levels.ofHashes(hashes)
  expect(tree.root).toEqual(hashTree(hashes))
  expect(tree.preimage(0, count - 1)).toEqual(hashes.at(-1))
  if (tree.height > 0) {
    expect(nodeHash(split(tree.preimage(tree.height, 0)))).toEqual(tree.root)
    expect(tree.preimage(1, Math.floor((count - 1) / 16))).toEqual(
      concatBytes(...hashes.slice(16 * Math.floor((count - 1) / 16))),
    )
  }
  expect(() => tree.preimage(0, count)).toThrow('there is no node')
  expect(() => tree.preimage(tree.height + 1, 0)).toThrow('there is no node')
})

const split = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: bytes.length / 32 }, (_, i) => bytes.subarray(32 * i, 32 * i + 32))
