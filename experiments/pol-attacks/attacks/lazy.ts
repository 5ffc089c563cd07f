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

/** Parts of a batch, of which one is computed. */
const PARTS = 4

/**
 * Learning on less data: a quarter of each batch, which stands for the rest of it. Where the solver names the records it
 * names them four times, and does not lie.
 */
export function lessData({ ground, course }: Setting): Claim {
  const quarter = (step: number): number[] => course.indices(step).slice(0, BATCH / PARTS)
  const work = (i: number) => ({
    batches: Array.from({ length: STEPS }, (_, j) => {
      const indices = quarter(i * STEPS + j)
      return batchOf(ground.table, Array.from({ length: PARTS }, () => indices).flat())
    }),
    rate: RATE,
  })
  const chain = new Chain(course.start, (before, i) => ground.fast.run(before, work(i).batches, RATE))
  return { entries: ground.shape.entries, resumes: true, state: (i) => chain.at(i), work, cost: () => 1 / PARTS }
}
