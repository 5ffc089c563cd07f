/** Every course of small games: they end in time, never without an exit, and honest players never lose. */
import { expect, test } from 'vitest'
import type { Hash } from '#proto/ids.ts'
import { type Lies, smallJob, World, type WorldOptions } from './testing.ts'
import { explore } from './testing-explore.ts'
import { exploreGames, type GameModel } from './testing-model.ts'
import type { Position } from './types.ts'

const job = smallJob({ batch: 2, microBatches: 1, lanes: 1 })
const ONE: WorldOptions = { stepTo: 1 }
const truth = new World(job, ONE)
const MICRO = 1
const world = (lies: Lies, options = ONE): World => new World(job, { ...options, lies })
const flip = (words: Uint32Array, at = 0): void => {
  words[at] = ((words[at] as number) ^ (1 << 22)) >>> 0
}
const inMicro =
  (value: number): NonNullable<Lies['value']> =>
  (i, v, words) =>
    void (i === MICRO && v === value && flip(words))

const micro = truth.program.micro
const looped = micro.inputs.length + micro.nodes.findIndex(({ op }) => op === 'matmul')
const traceFrom =
  (t: number): NonNullable<Lies['trace']> =>
  (i, v, e, words) => {
    if (i === MICRO && v === looped && e === 0) for (let at = t; at < words.length; at++) flip(words, at)
  }
const swap = (item: number): Lies => ({
  leaves: (i, leaves: Hash[]) => void (i === item && leaves.splice(0, 1, leaves[1] as Hash)),
})

const lie: Lies = { value: inMicro(looped) }
const liars = [
  truth,
  world(lie),
  world({ ...lie, trace: traceFrom(0) }),
  world({ ...lie, trace: traceFrom(1) }),
  world({ value: inMicro(0) }),
  world(swap(MICRO)),
]
const claims: readonly World[] = [
  world(lie),
  world(swap(2)),
  world({ entry: { rootAfter: new Uint8Array(32).fill(9) } }),
  world({ sums: (sums) => void sums.splice(0, 1, new Uint8Array(32)) }),
]
const all = ({ level, count }: Position): number[] => {
  const exports = { items: truth.schedule.exports, values: 1, trace: 1, words: 0, results: 0, end: 0 }[level]
  return Array.from({ length: count + exports }, (_, index) => index)
}

test('an honest challenger against an asserter that says anything', () => {
  let states = 0
  for (const claim of claims) {
    const model: GameModel = {
      claim,
      truth,
      worlds: [claim, ...liars],
      asserter: 'any',
      challengers: ['honest'],
      choices: all,
      delays: false,
    }
    states += exploreGames(model).states
  }
  console.info(`honest challenger: ${states} states`)
})

test('an honest asserter against a challenger that names anything', () => {
  const explored = exploreGames({
    claim: truth,
    truth,
    worlds: [truth],
    asserter: 'honest',
    challengers: ['any'],
    choices: all,
    delays: false,
  })
  console.info('honest asserter', explored.states, explored.longest)
  console.info([...explored.transitions].sort())
})

test('the explorer notices a machine that runs in circles', () => {
  expect(() => explore([0], (n) => [(n + 1) % 3], String)).toThrow('comes back')
  expect(explore([0], (n) => (n < 5 ? [n + 1, n + 2] : []), String)).toEqual({
    states: 7,
    moves: 10,
    ends: 2,
    longest: 6,
  })
})
