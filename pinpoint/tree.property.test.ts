/** Openings of lists of hashes, byte strings and tensors; anything else under the same root is refused with a typed error. */
import { expect, test } from 'vitest'
import { isAssayError } from '#proto/errors.ts'
import { bytesRoot, DTYPE_CODE, hashTree, tensorRootOf } from '#proto/merkle.ts'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import { openingOf, openingOfBytes, openingOfTensor } from './testing.ts'
import {
  childrenOf,
  descend,
  heightOf,
  openHash,
  openLeaf,
  openTensorWord,
  openWordAt,
  readHeader,
  tensorHeader,
  widthOf,
} from './tree.ts'
import type { Opening } from './types.ts'

/** An opening with one thing wrong. */
function damaged(opening: Opening, random: SeededRandom): Opening {
  const copy = opening.map((part) => part.slice())
  const at = random.below(copy.length)
  const part = copy[at] as Uint8Array
  switch (random.below(5)) {
    case 0:
      return copy.filter((_, i) => i !== at)
    case 1:
      return [...copy, random.bytes(32)]
    case 2:
      copy[at] = part.slice(0, part.length - 1)
      return copy
    case 3:
      copy[at] = new Uint8Array([...part, ...random.bytes(32)])
      return copy
    default:
      part[random.below(part.length)] = (part[0] as number) ^ 0xff ^ random.below(256)
      return copy
  }
}

function refused(run: () => unknown): boolean {
  try {
    run()
    return false
  } catch (error) {
    expect(isAssayError(error), `${error}`).toBe(true)
    return true
  }
}

test.each([1, 2, 15, 16, 17, 31, 256, 257, 300])('every hash of %i opens, and nothing else', (count) => {
  const random = seededRandom(count)
  const hashes = Array.from({ length: count }, () => random.bytes(32))
  const root = hashTree(hashes)
  expect(widthOf(count, heightOf(count))).toBe(1)
  for (let index = 0; index < count; index++) {
    expect(openHash(root, count, index, openingOf(hashes, index))).toEqual(hashes[index])
  }
  for (let i = 0; i < 40; i++) {
    const index = random.below(count)
    const opening = openingOf(hashes, index)
    const found = opening.length === 0 ? undefined : damaged(opening, random)
    if (found === undefined || found.every((part, j) => Buffer.compare(part, opening[j] ?? Buffer.of()) === 0)) continue
    // A change of a child beside the path changes the hash too.
    expect(refused(() => openHash(root, count, index, found))).toBe(true)
  }
  for (const index of [-1, count, 0.5, Number.NaN]) {
    expect(refused(() => openHash(root, count, index, openingOf(hashes, 0)))).toBe(true)
  }
})

test('a node has the children that its number gives it', () => {
  expect([childrenOf(17, 1, 0), childrenOf(17, 1, 1), childrenOf(17, 2, 0)]).toEqual([16, 1, 2])
  expect([heightOf(1), heightOf(16), heightOf(17), heightOf(2 ** 40)]).toEqual([0, 1, 2, 10])
})

test('a part of the way, and no other node', () => {
  const random = seededRandom(9)
  const hashes = Array.from({ length: 300 }, () => random.bytes(32))
  const opening = openingOf(hashes, 290)
  const top = { hash: hashTree(hashes), height: 3, index: 0 }
  const half = descend(300, top, 290, opening.slice(0, 1))
  expect([half.height, half.index]).toEqual([2, 1])
  expect(descend(300, half, 299, openingOf(hashes, 299).slice(1)).hash).toEqual(hashes[299])
  expect(() => descend(300, half, 12, opening.slice(1))).toThrow('not under')
  expect(() => descend(300, half, 290, openingOf(hashes, 12).slice(1))).toThrow()
})

test.each([0, 1, 4, 1023, 1024, 1025, 20_000])('every part of %i bytes opens, and nothing else', (size) => {
  const random = seededRandom(size + 1)
  const bytes = random.bytes(size)
  const root = bytesRoot(bytes)
  for (let i = 0; i < 30 && size > 0; i++) {
    const at = random.below(size)
    const opening = openingOfBytes(bytes, at)
    expect(openLeaf(root, size, at, opening)[at % 1024]).toBe(bytes[at])
    const found = damaged(opening, random)
    if (found.every((part, j) => Buffer.compare(part, opening[j] ?? Buffer.of()) === 0)) continue
    expect(refused(() => openLeaf(root, size, at, found))).toBe(true)
  }
  expect(refused(() => openLeaf(root, size, 0, []))).toBe(true)
  for (const at of [-4, 2, size + (4 - (size % 4)), Number.NaN]) {
    expect(refused(() => openWordAt(root, size, at, openingOfBytes(bytes, 0)))).toBe(true)
  }
})

test('words of tensors, whose type comes with the opening', () => {
  const random = seededRandom(3)
  for (const shape of [[], [1], [7, 3], [2, 300], [40, 40]]) {
    const count = shape.reduce((n, size) => n * size, 1)
    const words = Uint32Array.from({ length: count }, () => random.u32())
    const type = { dtype: random.pick(['f32', 'i32', 'u32', 'bool'] as const), shape }
    const root = tensorRootOf(DTYPE_CODE[type.dtype], shape, new Uint8Array(words.buffer))
    for (let i = 0; i < 20; i++) {
      const index = random.below(count)
      const opening = openingOfTensor(type, words, index)
      expect(openTensorWord(root, index, opening)).toBe(words[index])
      const found = damaged(opening, random)
      if (found.every((part, j) => Buffer.compare(part, opening[j] ?? Buffer.of()) === 0)) continue
      expect(refused(() => openTensorWord(root, index, found))).toBe(true)
    }
    expect(refused(() => openTensorWord(root, count, openingOfTensor(type, words, 0)))).toBe(true)
    expect(readHeader(tensorHeader(type))).toEqual(type)
  }
  // 2^32 - 1 four times over is no size to allocate or to go through.
  const vast = new Uint8Array([2, 0, 4, ...new Array<number>(16).fill(0xff)])
  for (const header of [vast, vast.slice(0, 5), Uint8Array.of(2, 9, 0), Uint8Array.of(1, 0, 0), new Uint8Array(0)]) {
    expect(refused(() => readHeader(header))).toBe(true)
  }
})
