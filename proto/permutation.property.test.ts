import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { derivedSeed, seedWords } from '#proto/ids.ts'
import { epochOrder, permute, recordIndex } from '#proto/permutation.ts'
import { seededRandom } from '#proto/testing.ts'

/** An independent transcription of the specification, in BigInt. */
function plain(seed: Uint8Array, epoch: number, index: number, n: number): number {
  let h = 0n
  while (4n ** h < BigInt(n)) h++
  const size = 2n ** h
  let x = BigInt(index)
  do {
    let [left, right] = [x / size, x % size]
    for (let round = 0; round < 8; round++) {
      const tail = Buffer.alloc(9)
      tail.writeUInt32BE(epoch, 0)
      tail.writeUInt8(round, 4)
      tail.writeUInt32BE(Number(right), 5)
      const digest = createHash('sha256').update('assay/order/1').update(seed).update(tail).digest()
      ;[left, right] = [right, left ^ (BigInt(digest.readUInt32BE(0)) % size)]
    }
    x = left * size + right
  } while (x >= BigInt(n))
  return Number(x)
}

test('permute and epochOrder follow the definition', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed)
    const key = random.bytes(32)
    const epoch = random.below(5)
    const n = random.pick([1, 2, 3, 4, 5, 16, 17, 255, 1000, 60_000, 1_000_003, 2 ** 32 - 1, 2 ** 32])
    const order = n <= 2 ** 20 ? epochOrder(key, epoch, n) : undefined
    for (let k = 0; k < 10; k++) {
      const index = random.below(n)
      const expected = plain(key, epoch, index, n)
      expect(permute(key, epoch, index, n), `seed ${seed} n ${n}`).toBe(expected)
      expect(order?.(index) ?? expected).toBe(expected)
      expect(recordIndex(key, epoch * n + index, n)).toBe(expected)
    }
  }
})

test('an epoch visits every record once', () => {
  for (const n of [1, 2, 3, 16, 17, 64, 65, 1000, 4097]) {
    const key = derivedSeed(BigInt(n), 'order')
    const seen = new Set<number>()
    const order = epochOrder(key, 3, n)
    for (let i = 0; i < n; i++) seen.add(order(i))
    expect(seen.size).toBe(n)
    expect(Math.max(...seen)).toBe(n - 1)
  }
})

test('orders differ between epochs and seeds, and uses of a seed are apart', () => {
  const key = derivedSeed(1n, 'order')
  const orderOf = (k: Uint8Array, epoch: number): number[] => {
    const order = epochOrder(k, epoch, 500)
    return Array.from({ length: 500 }, (_, i) => order(i))
  }
  expect(orderOf(key, 0)).not.toEqual(orderOf(key, 1))
  expect(orderOf(key, 0)).not.toEqual(orderOf(derivedSeed(2n, 'order'), 0))
  expect(seedWords(1n, 'init')).not.toEqual(seedWords(1n, 'dropout'))
})

test('bad arguments are refused', () => {
  const key = new Uint8Array(32)
  expect(() => permute(key, 0, 5, 5)).toThrow('outside')
  expect(() => permute(key, 0, 0, 0)).toThrow('number of records')
  expect(() => permute(key, 0, 0, 2 ** 32 + 1)).toThrow('number of records')
  expect(() => permute(key, -1, 0, 5)).toThrow('epoch')
  expect(() => permute(new Uint8Array(31), 0, 0, 5)).toThrow('32 bytes')
})
