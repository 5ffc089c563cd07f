/** Attacks that do less work than they are paid for. */
import { Chain, type Claim, dueWork, type Setting } from '../claim.ts'
import { BATCH, batchOf, RATE, STEPS } from '../job.ts'
import { LINE_COST } from './line.ts'

/** Entries of a group, of which one is computed. */
const GROUP = 4
/** Of the computed entries, over the job's. */
const FASTER = 2
/** How far an invented update goes, of the computed one before it. */
const SHARE = 0.02

/** Checkpoint interpolation: every fourth entry is computed, at twice the rate; the others go on the same way a little. */
export function interpolation({ ground, course }: Setting): Claim {
  const isReal = (i: number): boolean => i % GROUP === 0
  const chain: Chain = new Chain(course.start, (before, i) => {
    if (isReal(i)) return ground.fast.run(before, dueWork(course, i).batches, FASTER * RATE)
    const first = i - (i % GROUP)
    const [from, to] = [chain.at(first), chain.at(first + 1)]
    return before.map((x, n) => x + SHARE * (to[n]! - from[n]!))
  })
  return {
    entries: ground.shape.entries,
    resumes: true,
    state: (i) => chain.at(i),
    work: (i) => ({ ...dueWork(course, i), rate: isReal(i) ? FASTER * RATE : RATE }),
    cost: () => (1 + ((GROUP - 1) * LINE_COST) / STEPS) / GROUP,
  }
}

/** Stale weights: a share of the entries hand in the state that they began with. */
export const stale =
  (share: number) =>
  ({ ground, course, random }: Setting): Claim => {
    const idle = Array.from({ length: ground.shape.entries }, () => random() < share)
    const chain = new Chain(course.start, (before, i) =>
      idle[i] ? before : ground.fast.run(before, dueWork(course, i).batches, RATE),
    )
    return {
      entries: ground.shape.entries,
      resumes: true,
      state: (i) => chain.at(i),
      work: (i) => dueWork(course, i),
      cost: () => idle.filter((one) => !one).length / idle.length,
    }
  }

/**
 * Learning on less data: some of each batch, over and over, stand for the rest of it. Where the solver names the records it
 * names these, and does not lie.
 * @param used records of a batch that are computed, a divisor of it or all but a few
 */
export const lessData =
  (used: number) =>
  ({ ground, course }: Setting): Claim => {
    const indices = (step: number): number[] => {
      const all = course.indices(step)
      return all.map((_, i) => all[i % used]!)
    }
    const work = (i: number) => ({
      batches: Array.from({ length: STEPS }, (_, j) => batchOf(ground.table, indices(i * STEPS + j))),
      rate: RATE,
    })
    const chain = new Chain(course.start, (before, i) => ground.fast.run(before, work(i).batches, RATE))
    return { entries: ground.shape.entries, resumes: true, state: (i) => chain.at(i), work, cost: () => used / BATCH }
  }
