/** For tests: what the model of a game is explored on. A program of a few dozen values, one of which is wrong somewhere. */
import type { Hash } from '#proto/ids.ts'
import { type Lies, smallJob, World, type WorldOptions } from './testing.ts'
import type { GameModel } from './testing-model.ts'
import type { Position } from './types.ts'

const job = smallJob({ batch: 2, microBatches: 1, lanes: 1 })
const MICRO = 1
const { micro } = job.program
const looped = micro.inputs.length + micro.nodes.findIndex(({ op }) => op === 'matmul')

const flip = (words: Uint32Array, at = 0): void => {
  words[at] = ((words[at] as number) ^ (1 << 22)) >>> 0
}
const wrongValue =
  (value: number): NonNullable<Lies['value']> =>
  (i, v, words) => {
    if (i === MICRO && v === value) flip(words)
  }
/** Wrong from block `from` on, so that its last word is the stored one. */
const wrongTrace =
  (from: number): NonNullable<Lies['trace']> =>
  (i, v, e, words) => {
    if (i !== MICRO || v !== looped || e !== 0) return
    for (let t = from; t < words.length; t++) flip(words, t)
  }
const wrongLeaf =
  (item: number, leaf = 0): NonNullable<Lies['leaves']> =>
  (i, leaves: Hash[]) => {
    if (i === item) leaves.splice(leaf, 1, new Uint8Array(32).fill(1))
  }

export const worldOf = (lies: Lies, options: WorldOptions = { stepTo: 1 }): World =>
  new World(job, { ...options, lies })

export const truth = worldOf({})

/** An entry of one of four replicas, some of whose sums are none of its own. */
export const quarter = new World(smallJob({ batch: 4, microBatches: 4, lanes: 4 }), {
  ...{ stepTo: 1, replica: 1, replicas: 4 },
})

const lie: Lies = { value: wrongValue(looped) }

/** What an asserter may answer from. */
export const liars: readonly World[] = [
  truth,
  worldOf(lie),
  worldOf({ ...lie, trace: wrongTrace(0) }),
  worldOf({ ...lie, trace: wrongTrace(1) }),
  worldOf({ value: wrongValue(0) }),
  worldOf({ value: wrongValue(truth.facts.state + 3) }),
  worldOf({ leaves: wrongLeaf(MICRO) }),
  worldOf({ leaves: wrongLeaf(0, 1), ...lie }),
]

/** Whose entries are false. */
export const claims: readonly World[] = [
  worldOf(lie),
  worldOf({ leaves: wrongLeaf(2, 1) }),
  worldOf({ entry: { rootAfter: new Uint8Array(32).fill(9) } }),
  worldOf({ metrics: (_, metrics) => void metrics.splice(1, 1, new Uint8Array(32)) }),
]

const EXPORTS = { items: truth.schedule.exports, values: 1, trace: 1, words: 0, results: 0, end: 0 } as const

/** Every index of a list, exports included. */
export const everything = ({ level, count }: Position): number[] =>
  Array.from({ length: count + EXPORTS[level] }, (_, index) => index)

/** The first two, the last, what is wrong, and an export. */
export const little = ({ level, count }: Position): number[] => {
  const wanted = [0, level === 'values' ? looped : 1, count - 1, ...(EXPORTS[level] > 0 ? [count] : [])]
  return [...new Set(wanted)].filter((index) => index < count + EXPORTS[level])
}

export const honestAsserter: GameModel = {
  claim: truth,
  truth,
  worlds: [truth],
  asserter: 'honest',
  challengers: ['any'],
  choices: everything,
  delays: 'none',
}

export const honestChallenger = (claim: World): GameModel => ({
  claim,
  truth,
  worlds: [claim, ...liars],
  asserter: 'any',
  challengers: ['honest'],
  choices: everything,
  delays: 'none',
})
