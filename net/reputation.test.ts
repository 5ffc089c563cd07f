/** Faults add up and fade; bans end, grow, outlive the process, and are bounded in number. */
import { expect, test } from 'vitest'
import { type Ban, Reputation } from '#net/reputation.ts'

const MINUTE = 60_000

/** A reputation that keeps its bans in `kept`. */
function open(kept: Ban[] = []): { reputation: Reputation; bans: Ban[] } {
  const bans: Ban[] = []
  const store = { load: () => [...kept], save: (all: readonly Ban[]) => void kept.splice(0, kept.length, ...all) }
  return { reputation: new Reputation((ban) => bans.push(ban), store), bans }
}

test('three faults in a row ban a peer for a reason and a time', () => {
  const { reputation, bans } = open()
  expect(reputation.score('a', 0)).toBe(0)
  const scores = [0, 1, 2].map((i) => {
    reputation.fault('a', 'announcement', `number ${i}`, 0)
    return reputation.score('a', 0)
  })
  expect(scores).toEqual([-10, -40, -100])
  const ban = {
    peer: 'a',
    reason: 'announcement',
    detail: 'number 2',
    count: 1,
    since: 0,
    until: 5 * MINUTE,
  }
  expect(bans).toEqual([ban])
  expect(reputation.banned('a', 5 * MINUTE - 1)).toEqual(ban)
  expect(reputation.banned('a', 5 * MINUTE)).toBeUndefined()
  expect(reputation.score('a', 5 * MINUTE)).toBe(0)
  expect(reputation.banned('b', 0)).toBeUndefined()
})

test('what cannot be chance weighs more', () => {
  const { reputation, bans } = open()
  reputation.fault('a', 'blob', '', 0)
  expect(reputation.score('a', 0)).toBe(-22.5)
  reputation.fault('a', 'blob', '', 0)
  expect(bans).toMatchObject([{ peer: 'a', reason: 'blob' }])
})

test('a peer that goes on is banned for longer each time, up to six hours, for a day', () => {
  const { reputation, bans } = open()
  let now = 0
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 3; j++) reputation.fault('a', 'request', '', now)
    now = (bans.at(-1) as Ban).until
  }
  expect(bans.map(({ since, until }) => (until - since) / MINUTE)).toEqual([5, 10, 20, 40, 80, 160, 320, 360, 360, 360])
  now += 24 * 60 * MINUTE + 1
  for (let j = 0; j < 3; j++) reputation.fault('a', 'request', '', now)
  expect(bans.at(-1)?.count).toBe(1)
})

test('bans outlive the process', () => {
  const kept: Ban[] = []
  const before = open(kept)
  for (let j = 0; j < 3; j++) before.reputation.fault('a', 'object', '', 0)
  const after = open(kept)
  expect(after.reputation.list(1)).toEqual(before.bans)
  expect(after.reputation.list(5 * MINUTE)).toEqual([])
  const ahead: Ban = { ...(before.bans[0] as Ban), until: Number.MAX_SAFE_INTEGER }
  expect(open([ahead]).reputation.list()).toEqual([])
})

test('faults far apart never add up', () => {
  const { reputation, bans } = open()
  for (let i = 0; i < 20; i++) reputation.fault('a', 'announcement', '', i * 2 * MINUTE)
  expect(bans).toEqual([])
})

test('a clock that is set back makes no fault heavier', () => {
  const { reputation, bans } = open()
  reputation.fault('a', 'announcement', '', 1_000 * MINUTE)
  reputation.fault('a', 'announcement', '', 0)
  expect(reputation.score('a', 0)).toBe(-40)
  expect(bans).toEqual([])
})

test('only so many peers are remembered, the latest', () => {
  const { reputation, bans } = open()
  for (let i = 0; i < 5_000; i++) reputation.fault(`peer ${i}`, 'announcement', '', 0)
  expect(reputation.score('peer 0', 0)).toBe(0)
  expect(reputation.score('peer 4999', 0)).toBe(-10)
  for (let i = 0; i < 2_000; i++) for (let j = 0; j < 2; j++) reputation.fault(`liar ${i}`, 'blob', '', 0)
  expect(bans).toHaveLength(2_000)
  expect(reputation.list(1)).toHaveLength(1_024)
  expect(reputation.banned('liar 1999', 1)).toBeDefined()
})
