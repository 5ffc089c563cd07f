/** Attacks that claim to have trained weights that others trained. */
import { Chain, type Claim, dueWork, type Setting, type Work } from '../claim.ts'
import { WIDTH } from '../data.ts'
import { largestOf, RATE, STEPS } from '../job.ts'
import type { Crafter } from '../machine.ts'
import { distance } from '../profile.ts'
import { between, LINE_COST } from './line.ts'

/** Steps of honest training. */
const due = ({ ground }: Setting): number => ground.shape.entries * STEPS

/** A state as the job would start from, of a seed that the attacker likes. */
const someStart = ({ ground, random }: Setting): Float32Array =>
  ground.exact.init(BigInt(Math.floor(2 ** 32 * random())))

/**
 * Infinitesimal updates (Fang et al. 2023): a line from any initial state to the stolen weights in steps below the
 * threshold, at a learning rate near zero. The replay goes nowhere, and so do the claimed updates.
 */
export function infinitesimal(setting: Setting): Claim {
  const { course, stolen, profile } = setting
  const start = someStart(setting)
  const entries = Math.ceil(distance(start, stolen) / (0.9 * profile.baseline.absolute))
  return {
    entries,
    resumes: false,
    state: (i) => between(start, stolen, i / entries),
    work: (i) => ({ ...dueWork(course, i), rate: 1e-12 }),
    cost: () => (entries * LINE_COST) / due(setting),
  }
}

/**
 * Blindfold top-Q (Fang et al. 2023): in every epoch exactly as many honest updates as are looked at, at a
 * learning rate that makes them the largest; a line to the stolen weights in between.
 */
export const blindfold = (setting: Setting): Claim => topQ(setting, someStart(setting), RATE_MOST)

/** The same within the job: from its own initial state, at its own rate, which nothing but chance looks behind. */
export const conforming = (setting: Setting): Claim => topQ(setting, setting.course.start, 1)

/** Times the job's learning rate, at most. */
const RATE_MOST = 1000

function topQ(setting: Setting, start: Float32Array, most: number): Claim {
  const { ground, course, stolen } = setting
  const { entries } = ground.shape
  const isReal = (i: number): boolean => i % ground.entriesPerEpoch < largestOf(ground)
  const all = Array.from({ length: entries }, (_, i) => i)
  const invented = all.filter((i) => !isReal(i))
  const rates = new Map<number, number>()
  const chain = new Chain(start, (from, i) => {
    const left = invented.filter((other) => other >= i).length
    if (!isReal(i)) return between(from, stolen, 1 / left)
    const { batches } = dueWork(course, i)
    if (most === 1) return ground.fast.run(from, batches, RATE)
    // A trial at the job's rate says what rate makes the update half as long again as one on the line.
    const trial = distance(from, ground.fast.run(from, batches, RATE))
    const wanted = (1.5 * distance(from, stolen)) / left / trial
    const rate = Math.fround(RATE * Math.min(most, Math.max(1, wanted)))
    rates.set(i, rate)
    return ground.fast.run(from, batches, rate)
  })
  return {
    entries,
    resumes: false,
    state: (i) => chain.at(i),
    work: (i) => ({ ...dueWork(course, i), rate: rates.get(i) ?? RATE }),
    cost: () =>
      ((most === 1 ? 1 : 2) * (entries - invented.length) * STEPS + invented.length * LINE_COST) / due(setting),
  }
}

/** Most iterations for one batch, and what one costs in steps: two more passes back. */
const MOST = 300
const LOOK_COST = 3

/** Of Adam, which moves the features. */
const [PACE, KEEP, KEEP_SQUARE] = [0.05, 0.9, 0.99]

/** Moves features down the slope until the step ends within `goal` of where it should. */
function craft(
  crafter: Crafter,
  from: Float32Array,
  move: Float32Array,
  start: Float32Array,
  goal: number,
): { records: Float32Array; looks: number } {
  const records = start.slice()
  const [mean, square] = [new Float32Array(start.length), new Float32Array(start.length)]
  for (let looks = 1; ; looks++) {
    const { distance: left, slope } = crafter.look(from, move, records, RATE)
    if (left <= goal || looks === MOST) return { records, looks }
    for (const [i, value] of slope.entries()) {
      if (i % WIDTH === WIDTH - 1) continue
      mean[i] = KEEP * mean[i]! + (1 - KEEP) * value
      square[i] = KEEP_SQUARE * square[i]! + (1 - KEEP_SQUARE) * value * value
      const root = Math.sqrt(square[i]! / (1 - KEEP_SQUARE ** looks))
      if (root > 0) records[i]! -= (PACE * mean[i]!) / (1 - KEEP ** looks) / root
    }
  }
}

interface Synthesis {
  readonly start: Float32Array
  /** Length of an update on the line, in thresholds. */
  readonly stride: number
  /** Batches of an entry, which are one batch again and again. */
  readonly batches: number
  /** Whether the batch shall lead to the next state, or nowhere. */
  readonly toNext: boolean
}

/** A line to the stolen weights in a few steps, with batches made for it. */
function synthesis(setting: Setting, { start, stride, batches, toNext }: Synthesis): Claim {
  const { ground, course, stolen, profile } = setting
  const threshold = profile.baseline.absolute
  const entries = Math.ceil(distance(start, stolen) / (stride * threshold))
  const state = (i: number): Float32Array => between(start, stolen, i / entries)
  const made = new Map<number, Work>()
  let [latest, looks] = [course.batch(0), 0]
  return {
    entries,
    resumes: false,
    state,
    work(i) {
      const known = made.get(i)
      if (known) return known
      const from = state(i)
      const to = state(i + 1)
      const move = toNext ? to.map((x, n) => x - from[n]!) : new Float32Array(from.length)
      const goal = ((toNext ? 0.8 : 0.8 - stride) * threshold) / batches
      const one = craft(ground.crafter, from, move, latest, goal)
      latest = one.records
      looks += one.looks
      const work = { batches: Array.from({ length: batches }, () => one.records), rate: RATE }
      made.set(i, work)
      return work
    },
    // Batches are made for the entries that are looked at, and paid for all: the attacker must serve any.
    cost: () => (entries * (LINE_COST + (made.size > 0 ? looks / made.size : 1) * LOOK_COST)) / due(setting),
  }
}

/** Zhang et al. 2022, attack I: strides above the threshold, and batches whose gradient leads along the line. */
export const zhangOne = (setting: Setting): Claim =>
  synthesis(setting, { start: someStart(setting), stride: 1.2, batches: 1, toNext: true })

/** Attack II: strides below the threshold, and batches without a gradient, which need no particular one. */
export const zhangTwo = (setting: Setting): Claim =>
  synthesis(setting, { start: someStart(setting), stride: 0.4, batches: 1, toNext: false })

/** Steps of an entry in attack III. */
const LONG = 4

/**
 * Attack III: from an initial state close to the stolen weights, drawn words in the order of the stolen ones, which no test
 * of their distribution tells; and entries of several steps on one batch.
 */
export function zhangThree(setting: Setting): Claim {
  const { ground, stolen } = setting
  const drawn = someStart(setting)
  let at = 0
  for (const size of ground.exact.sizes) {
    const words = drawn.slice(at, at + size).sort()
    const order = Array.from({ length: size }, (_, i) => i).sort((a, b) => stolen[at + a]! - stolen[at + b]!)
    for (const [rank, i] of order.entries()) drawn[at + i] = words[rank]!
    at += size
  }
  return synthesis(setting, { start: drawn, stride: 0.4, batches: LONG, toNext: false })
}
