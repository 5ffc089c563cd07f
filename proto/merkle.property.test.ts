import { expect, test } from 'vitest'
import { bytesEqual, concatBytes } from '#proto/bytes.ts'
import { sha256 } from '#proto/hash.ts'
import {
  bytesRoot,
  FRAME_BYTES,
  frameCount,
  frameHash,
  frameHashes,
  hashTree,
  leafCount,
  leafHashes,
  proof,
  proveHash,
  rootFromFrames,
  TreeHasher,
  verifyProof,
} from '#proto/merkle.ts'
import { seededRandom } from '#proto/testing.ts'

/** The definition, written as plainly as the specification says it. */
function plainTree(hashes: Uint8Array[]): Uint8Array {
  if (hashes.length === 1) return hashes[0] as Uint8Array
  const above: Uint8Array[] = []
  for (let i = 0; i < hashes.length; i += 16) above.push(sha256(Uint8Array.of(1), ...hashes.slice(i, i + 16)))
  return plainTree(above)
}

function plainRoot(bytes: Uint8Array): Uint8Array {
  const leaves: Uint8Array[] = []
  for (let at = 0; at === 0 || at < bytes.length; at += 1024) {
    leaves.push(sha256(Uint8Array.of(0), bytes.subarray(at, at + 1024)))
  }
  return plainTree(leaves)
}

const sizes = [0, 1, 1023, 1024, 1025, 16 * 1024, 16 * 1024 + 1, 17 * 1024, FRAME_BYTES - 1, FRAME_BYTES]
const larger = [FRAME_BYTES + 1, FRAME_BYTES + 1024, 3 * FRAME_BYTES - 5, 17 * FRAME_BYTES + 3]

test.each([...sizes, ...larger])('root, frames and proofs of %i bytes follow the definition', (size) => {
  const random = seededRandom(size)
  const bytes = random.bytes(size)
  const root = plainRoot(bytes)
  expect(bytesRoot(bytes)).toEqual(root)
  expect(hashTree(leafHashes(bytes))).toEqual(root)

  const frames = frameHashes(bytes)
  expect(frames.length).toBe(frameCount(size))
  expect(rootFromFrames(frames, size)).toEqual(root)
  const last = frames.length - 1
  expect(frameHash(bytes.subarray(last * FRAME_BYTES), size)).toEqual(frames[last])

  const leaves = leafHashes(bytes)
  for (let k = 0; k < 4; k++) {
    const index = random.below(leafCount(size))
    const path = proof(bytes, index)
    const leaf = leaves[index] as Uint8Array
    expect(verifyProof(root, leafCount(size), index, leaf, path)).toBe(true)
    expect(verifyProof(root, leafCount(size), index, sha256(leaf), path)).toBe(false)
    if (leafCount(size) > 1) {
      const other = (index + 1) % leafCount(size)
      expect(verifyProof(root, leafCount(size), other, leaf, path)).toBe(false)
      expect(verifyProof(root, leafCount(size), index, leaf, path.slice(1))).toBe(false)
      expect(verifyProof(root, leafCount(size), index, leaf, [...path, []])).toBe(false)
    }
  }
})

test('a streamed root does not depend on the cut into pieces', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed)
    const bytes = random.bytes(random.below(60_000))
    const hasher = new TreeHasher()
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + random.below(5000)
      hasher.update(bytes.subarray(at, at + size))
      at += size
    }
    expect(bytesEqual(hasher.digest(), plainRoot(bytes)), `seed ${seed}`).toBe(true)
  }
})

test('a proof over a list of hashes holds for its index alone', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed)
    const hashes = Array.from({ length: 1 + random.below(600) }, () => random.bytes(32))
    const root = hashTree(hashes)
    const index = random.below(hashes.length)
    const path = proveHash(hashes, index)
    const hash = hashes[index] as Uint8Array
    expect(verifyProof(root, hashes.length, index, hash, path), `seed ${seed}`).toBe(true)
    const flat = path.flat()
    if (flat.length === 0) continue
    const broken = path.map((level) => level.map((h) => h.slice()))
    const level = broken.find((l) => l.length > 0) as Uint8Array[]
    level[0] = sha256(level[0] as Uint8Array)
    expect(verifyProof(root, hashes.length, index, hash, broken), `seed ${seed}`).toBe(false)
  }
})

test('a tree over leaves is not a tree over the concatenation of hashes', () => {
  const random = seededRandom(7)
  const hashes = [random.bytes(32), random.bytes(32)]
  expect(hashTree(hashes)).not.toEqual(bytesRoot(concatBytes(...hashes)))
})
