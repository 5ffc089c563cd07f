import { expect, test } from 'vitest'
import { Cache } from './cache.ts'

test('what was not used for longest goes first', () => {
  const cache = new Cache<string>(10)
  cache.put('a', 'A', 4)
  cache.put('b', 'B', 4)
  expect(cache.get('a')).toBe('A')
  cache.put('c', 'C', 4)
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual(['A', undefined, 'C'])
  cache.put('a', 'A2', 6)
  expect([cache.get('a'), cache.get('c')]).toEqual(['A2', 'C'])
})

test('the last one stays, whatever its size', () => {
  const cache = new Cache<string>(10)
  cache.put('a', 'A', 4)
  cache.put('b', 'B', 40)
  expect([cache.get('a'), cache.get('b')]).toEqual([undefined, 'B'])
  cache.put('c', 'C', 10)
  expect([cache.get('b'), cache.get('c')]).toEqual([undefined, 'C'])
})
