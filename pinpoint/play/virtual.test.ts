/** Virtual trees are the trees of the lists that they stand for. */
import { expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import { Levels } from './levels.ts'
import { type Run, VirtualTree } from './virtual.ts'

const random = seededRandom(3)

function runsOf<T>(count: number, item: () => T): Run<T>[] {
  const starts = new Set([0, ...Array.from({ length: random.below(4) }, () => random.below(count))])
  return [...starts].sort((a, b) => a - b).map((from) => ({ from, item: item() }))
}

function expand<T>(count: number, runs: readonly Run<T>[]): T[] {
  return Array.from({ length: count }, (_, i) => runs.findLast(({ from }) => from <= i)?.item as T)
}

function compare(virtual: VirtualTree, real: Levels): void {
  expect(virtual.root).toEqual(real.root)
  expect(virtual.height).toBe(real.height)
  for (let height = 0; height <= real.height; height++) {
    for (const index of [0, 1, 2, 15, 16, 17, 100]) {
      let expected: Uint8Array | undefined
      try {
        expected = real.preimage(height, index)
      } catch {
        // no such node
      }
      if (expected) expect(virtual.preimage(height, index)).toEqual(expected)
      else expect(() => virtual.preimage(height, index)).toThrow('no node')
    }
  }
}

test.each([1, 2, 15, 16, 17, 255, 256, 257, 4096, 5000])('%i items', (count) => {
  for (let round = 0; round < 4; round++) {
    const hashes = runsOf(count, () => random.bytes(32))
    compare(VirtualTree.ofHashes(count, hashes), Levels.ofHashes(expand(count, hashes)))
    const words = runsOf(count, () => random.u32())
    const bytes = new Uint8Array(Uint32Array.from(expand(count, words)).buffer)
    compare(VirtualTree.ofWords(count, words), Levels.ofBytes(bytes))
  }
})

test('two thousand million items take no time', () => {
  const tree = VirtualTree.ofWords(2 ** 31 - 1, [
    { from: 0, item: 7 },
    { from: 123_456_789, item: 8 },
  ])
  expect(tree.height).toBe(6)
  expect(tree.preimage(0, Math.floor(123_456_789 / 256))).toHaveLength(1024)
  expect(tree.root).toHaveLength(32)
})
