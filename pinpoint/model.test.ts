/**
 * Every course of small games over the rules themselves: they end in time, no position is without an exit, and honest players never
 * lose. The deep tests go through more of it.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { explore } from './testing-explore.ts'
import { type ExploredGame, exploreGames } from './testing-model.ts'
import { claims, honestAsserter, honestChallenger, liars, little, quarter, truth } from './testing-scenarios.ts'
import { exploreSeats, type Scenario, type Times } from './testing-seats.ts'

const seen = new Set<string>()

function report(name: string, all: readonly ExploredGame[]): number {
  const total = (of: 'states' | 'moves' | 'ends'): number => all.reduce((sum, one) => sum + one[of], 0)
  const longest = all.reduce((most, one) => Math.max(most, one.longest), 0)
  for (const { transitions } of all) for (const one of transitions) seen.add(one)
  console.info(`${name}: ${total('states')} states, ${total('moves')} moves, ${total('ends')} ends, longest ${longest}`)
  return total('states')
}

test('an honest challenger against an asserter that answers anything', () => {
  const all = claims.map((claim) => exploreGames(honestChallenger(claim)))
  expect(report('honest challenger', all)).toBeGreaterThan(500)
})

test('an honest asserter against a challenger that names anything', () => {
  const explored = exploreGames({ ...honestAsserter, choices: little, delays: 'last' })
  expect(report('honest asserter', [explored])).toBeGreaterThan(500)
})

test('an honest replica of four against a challenger that names any sum', () => {
  const choices = ({ level, count }: Parameters<typeof little>[0]): number[] =>
    level === 'items' ? [count + 2] : Array.from({ length: count }, (_, index) => index)
  const explored = exploreGames({ ...honestAsserter, claim: quarter, truth: quarter, worlds: [quarter], choices })
  expect(report('four replicas', [explored])).toBeGreaterThan(10)
})

test('two players that do anything, with all their time', () => {
  const [claim] = claims
  if (claim === undefined) throw new Error('no claim')
  const worlds = [claim, truth]
  const explored = exploreGames({ ...honestAsserter, claim, worlds, asserter: 'any', choices: little, delays: 'last' })
  expect(report('anything', [explored])).toBeGreaterThan(1000)
})

test('an honest challenger beside one that plays into the hands of the same seat', () => {
  const [claim] = claims
  if (claim === undefined) throw new Error('no claim')
  const worlds = [claim, ...liars.slice(0, 3)]
  const choices = ({ level, count }: Parameters<typeof little>[0]): number[] =>
    level === 'items' ? [1] : level === 'values' ? [little({ level, count } as never)[1] as number] : [0]
  const explored = exploreGames({ ...honestChallenger(claim), worlds, challengers: ['honest', 'any'], choices })
  expect(report('two challengers', [explored])).toBeGreaterThan(500)
})

test('the page lists the moves that were seen, and no others', () => {
  const page = readFileSync('docs/spec/pinpoint.md', 'utf8')
  const rows = [...page.matchAll(/^\| (list|end) \| (asserter|challenger) \| (\w+) \| (.*) \|$/gm)]
  const listed = rows.flatMap(([, at, turn, move, to]) =>
    (to as string).split('; ').map((one) => `${at}, ${turn}, ${move}: ${one}`),
  )
  const kinds = [...seen].map((text) => {
    const parts = /^(\w+) (\w+), (\w+): (\w+) (\w+) (over|on)$/.exec(text) as unknown as string[]
    const [, from, turn, move, level, next, over] = parts
    const place = level === 'end' ? 'end' : level === from ? 'same list' : 'next list'
    return `${from === 'end' ? 'end' : 'list'}, ${turn}, ${move}: ${over === 'over' ? `won by the ${next}` : `${place}, ${next}`}`
  })
  expect(listed.sort()).toEqual([...new Set(kinds)].sort())
})

const BOTH = [false, true]
const TIMES: Times = { until: 1, period: 1, game: 1 }

test('every course of the seats and challengers of a claim', () => {
  // Who is honest neither challenges what is true, nor signs or accepts what is not.
  const scenarios: Scenario[] = [
    ...BOTH.flatMap((solver) =>
      BOTH.map((verifier) => ({ truth: true, solver, accepters: [verifier, false], challengers: [false, false] })),
    ),
    ...BOTH.map((honest) => ({ truth: false, solver: false, accepters: [false, false], challengers: [honest, false] })),
  ]
  const all = scenarios.map((scenario) => exploreSeats(scenario, TIMES))
  const states = all.reduce((sum, one) => sum + one.states, 0)
  console.info(`seats: ${states} states`)
  expect(states).toBeGreaterThan(1000)
})

test('the explorer notices a machine that runs in circles', () => {
  expect(() => explore([0], (n) => [(n + 1) % 3], String)).toThrow('comes back')
  const explored = explore([0], (n) => (n < 5 ? [n + 1, n + 2] : []), String)
  expect(explored).toEqual({ states: 7, moves: 10, ends: 2, longest: 5 })
})
