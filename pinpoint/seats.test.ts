import { expect, test } from 'vitest'
import { isAssayError } from '#proto/errors.ts'
import { claimed, gameSince, type Ruling, type RulingEvent, rule } from './seats.ts'

const start = (): Ruling => claimed('solver', ['v0', 'v1'], { period: 10, until: 100, now: 0 })
const run = (events: readonly [number, RulingEvent][], from = start()): Ruling =>
  events.reduce((ruling, [now, event]) => rule(ruling, event, now), from)
const challenge = (account: string): RulingEvent => ({ kind: 'challenge', account })
const take = (account: string): RulingEvent => ({ kind: 'take', account })
const finish = (seat: number, challenger: number, winner: 'asserter' | 'challenger'): RulingEvent => ({
  kind: 'finish',
  seat,
  challenger,
  winner,
})

test('a claim that wins all its games is upheld when nobody can challenge it any more', () => {
  const ruling = run([
    [5, challenge('a')],
    [6, challenge('b')],
    [20, finish(0, 1, 'asserter')],
    [30, finish(0, 0, 'asserter')],
  ])
  expect(ruling.outcome).toBeUndefined()
  expect(rule(ruling, { kind: 'settle' }, 100).outcome).toBeUndefined()
  expect(rule(ruling, { kind: 'settle' }, 101).outcome).toBe('upheld')
  expect(rule(start(), { kind: 'settle' }, 101).outcome).toBe('upheld')
})

test('a lost seat passes to those who accepted, who meet all that have not lost', () => {
  let ruling = run([
    [5, challenge('a')],
    [6, challenge('b')],
    [20, finish(0, 1, 'asserter')],
    [30, finish(0, 0, 'challenger')],
  ])
  expect([ruling.takeUntil, ruling.outcome]).toEqual([40, undefined])
  expect(gameSince(ruling, 0, 0)).toBeUndefined()
  ruling = run(
    [
      [40, take('v1')],
      [50, challenge('c')],
    ],
    ruling,
  )
  expect([0, 1, 2].map((challenger) => gameSince(ruling, 1, challenger))).toEqual([40, undefined, 50])
  ruling = run(
    [
      [60, finish(1, 0, 'asserter')],
      [120, finish(1, 2, 'asserter')],
    ],
    ruling,
  )
  expect(ruling.outcome).toBe('upheld')
})

test('without a seat that may defend it a claim is refuted', () => {
  const lost = run([
    [5, challenge('a')],
    [30, { kind: 'concede', seat: 0 }],
  ])
  expect(rule(lost, { kind: 'settle' }, 40).outcome).toBeUndefined()
  expect(rule(lost, { kind: 'settle' }, 41).outcome).toBe('refuted')
  expect(
    run(
      [
        [31, take('v0')],
        [32, take('v1')],
        [33, finish(1, 0, 'challenger')],
      ],
      lost,
    ).outcome,
  ).toBeUndefined()
  const both: [number, RulingEvent][] = [
    [31, take('v0')],
    [32, take('v1')],
    [33, finish(1, 0, 'challenger')],
    [34, finish(2, 0, 'challenger')],
  ]
  expect(run(both, lost).outcome).toBe('refuted')
  const alone = claimed('solver', [], { period: 10, until: 100, now: 0 })
  expect(
    run(
      [
        [5, challenge('a')],
        [6, finish(0, 0, 'challenger')],
      ],
      alone,
    ).outcome,
  ).toBe('refuted')
})

test('who accepts late has its own time; who loses late gives nobody more', () => {
  const lost = run([
    [5, challenge('a')],
    [30, finish(0, 0, 'challenger')],
  ])
  const later = run(
    [
      [35, take('v0')],
      [39, finish(1, 0, 'challenger')],
    ],
    lost,
  )
  expect(later.takeUntil).toBe(40)
  const accepted = rule(later, { kind: 'accept', account: 'v2' }, 40)
  expect(accepted.takeUntil).toBe(50)
  expect(rule(accepted, take('v2'), 50).outcome).toBeUndefined()
  expect(rule(start(), { kind: 'accept', account: 'v2' }, 40).takeUntil).toBeUndefined()
})

test('what cannot be is refused', () => {
  const open = run([[5, challenge('a')]])
  const lost = run([[30, finish(0, 0, 'challenger')]], open)
  const refused: [Ruling, number, RulingEvent][] = [
    [open, 101, challenge('b')],
    [open, 50, challenge('a')],
    [open, 50, { kind: 'accept', account: 'v1' }],
    [open, 101, { kind: 'accept', account: 'v2' }],
    [open, 50, take('v0')],
    [open, 50, finish(0, 1, 'asserter')],
    [open, 50, finish(1, 0, 'asserter')],
    [start(), 50, { kind: 'concede', seat: 0 }],
    [open, 50, { kind: 'concede', seat: 1 }],
    [lost, 41, take('v0')],
    [lost, 35, take('a')],
    [lost, 35, finish(0, 0, 'asserter')],
    [lost, 35, { kind: 'concede', seat: 0 }],
    [rule(lost, take('v0'), 35), 36, take('v0')],
    [rule(lost, { kind: 'settle' }, 41), 42, challenge('b')],
  ]
  for (const [ruling, now, event] of refused) {
    try {
      rule(ruling, event, now)
      expect.fail(JSON.stringify(event))
    } catch (error) {
      expect(isAssayError(error), `${error}`).toBe(true)
    }
  }
})
