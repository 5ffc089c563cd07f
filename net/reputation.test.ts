/** Faults add up, fade, and are bounded in number. */
import { expect, test } from 'vitest'
import { Reputation } from '#net/reputation.ts'

test('three faults in a row shun a peer, time lets it back in', () => {
  const shunned: string[] = []
  const reputation = new Reputation((peer) => shunned.push(peer))
  expect(reputation.score('a', 0)).toBe(0)
  const scores = [0, 1, 2].map(() => {
    reputation.fault('a', 0)
    return reputation.score('a', 0)
  })
  expect(scores).toEqual([-10, -40, -90])
  expect(shunned).toEqual(['a'])
  expect(reputation.shunned('a', 0)).toBe(true)
  expect(reputation.shunned('a', 60_000)).toBe(false)
  expect(reputation.score('a', 60_000)).toBe(-22.5)
  expect(reputation.score('a', 600_000)).toBe(0)
  expect(reputation.shunned('b', 0)).toBe(false)
})

test('faults far apart never add up', () => {
  const reputation = new Reputation(() => expect.unreachable())
  for (let i = 0; i < 20; i++) reputation.fault('a', i * 120_000)
})

test('only so many peers are remembered, the latest', () => {
  const reputation = new Reputation(() => {})
  for (let i = 0; i < 5_000; i++) reputation.fault(`peer ${i}`, 0)
  expect(reputation.score('peer 0', 0)).toBe(0)
  expect(reputation.score('peer 4999', 0)).toBe(-10)
})
