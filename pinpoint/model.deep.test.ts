/** The model of `model.test.ts` at a larger size: every choice, all delays, more seats, more challengers, every lie as a claim. */
import { expect, test } from 'vitest'
import type { World } from './testing.ts'
import { type ExploredGame, exploreGames } from './testing-model.ts'
import { claims, everything, honestAsserter, honestChallenger, liars, little, truth } from './testing-scenarios.ts'
import { exploreSeats, type Scenario, type Times } from './testing-seats.ts'

const LONG = 1_200_000
const first = claims[0] as World

function report(
  name: string,
  all: readonly { states: number; moves: number; ends: number; longest: number }[],
): number {
  const total = (of: 'states' | 'moves' | 'ends'): number => all.reduce((sum, one) => sum + one[of], 0)
  const longest = all.reduce((most, one) => Math.max(most, one.longest), 0)
  console.info(`${name}: ${total('states')} states, ${total('moves')} moves, ${total('ends')} ends, longest ${longest}`)
  return total('states')
}

test('an honest challenger against an asserter that answers anything, with all its time', { timeout: LONG }, () => {
  const all = claims.map((claim): ExploredGame => exploreGames({ ...honestChallenger(claim), delays: 'any' }))
  expect(report('honest challenger', all)).toBeGreaterThan(5_000)
})

test('an honest asserter against a challenger that names everything, with all its time', { timeout: LONG }, () => {
  const all = [exploreGames({ ...honestAsserter, choices: everything, delays: 'any' })]
  expect(report('honest asserter', all)).toBeGreaterThan(10_000)
})

test('two players that do anything, with all their time', { timeout: LONG }, () => {
  const model = { ...honestAsserter, claim: first, worlds: [first, truth], asserter: 'any', delays: 'last' } as const
  expect(report('anything', [exploreGames(model)])).toBeGreaterThan(100_000)
})

test('an honest challenger beside one in league with the seat', { timeout: LONG }, () => {
  const all = claims.map((claim) => {
    const worlds = [claim, ...liars.slice(0, 3)]
    return exploreGames({ ...honestChallenger(claim), worlds, challengers: ['honest', 'any'], choices: little })
  })
  expect(report('two challengers', all)).toBeGreaterThan(5_000)
})

const BOTH = [false, true]

test('seats and challengers: three challengers, two verifiers, one that accepts late', { timeout: LONG }, () => {
  const scenarios: [Scenario, Times][] = BOTH.flatMap((honest): [Scenario, Times][] => [
    [
      { truth: true, solver: honest, accepters: [!honest, false], challengers: [false, false, false] },
      { until: 1, period: 1, game: 1 },
    ],
    [
      { truth: false, solver: false, accepters: [false, false], challengers: [honest, false, false] },
      { until: 1, period: 1, game: 1 },
    ],
    [
      { truth: true, solver: false, accepters: [honest], late: 1, challengers: [false, false] },
      { until: 2, period: 1, game: 2 },
    ],
    [
      { truth: false, solver: false, accepters: [false], late: 1, challengers: [honest, false] },
      { until: 2, period: 1, game: 2 },
    ],
  ])
  const all = scenarios.map(([scenario, times]) => exploreSeats(scenario, times))
  expect(report('seats', all)).toBeGreaterThan(50_000)
})
