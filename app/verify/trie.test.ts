import { expect, test } from 'vitest'
import { trieRoot } from '#app/verify/trie.ts'

test('the root of nothing is that of an empty block', () => {
  expect(trieRoot([])).toBe('0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421')
})

test('a list of more than 128 values has keys of different lengths, and every value counts', () => {
  const values = Array.from({ length: 300 }, (_, i) => `0x${i.toString(16).padStart(i % 3 === 0 ? 4 : 80, '0')}`)
  const roots = new Set([trieRoot(values)])
  for (const i of [0, 1, 15, 127, 128, 129, 255, 256, 299]) roots.add(trieRoot(values.with(i, '0xffff')))
  expect(roots.size).toBe(10)
})
