/** Attacks that do the work, and lead the weights elsewhere. */

import { deviation } from '#tolerance/distance.ts'
import { exceeded } from '#tolerance/threshold.ts'
import { Chain, type Claim, dueWork, type Setting, type Work } from '../claim.ts'
import { FEATURES, WIDTH } from '../data.ts'
import { batchOf, RATE, STEPS } from '../job.ts'
import { distance } from '../profile.ts'

/** A claim of honest work on other records. */
function trainedOn({ ground, course }: Setting, work: (i: number) => Work): Claim {
  const chain = new Chain(course.start, (before, i) => ground.fast.run(before, work(i).batches, RATE))
  return { entries: ground.shape.entries, resumes: true, state: (i) => chain.at(i), work, cost: () => 1 }
}

/** The class that the net shall not learn, and the one it shall take it for. */
const [HIDDEN_CLASS, SHOWN_CLASS] = [7, 1]

/** Index swapping: records of one class are passed over for others of the data set, so the net never sees it. */
export function indexSwapping(setting: Setting): Claim {
  const { ground, course } = setting
  const { words } = ground.table
  const label = (index: number): number => words[index * WIDTH + FEATURES]!
  const swapped = (index: number): number => {
    let other = index
    while (label(other) === HIDDEN_CLASS) other = (other + 1) % ground.shape.records
    return other
  }
  return trainedOn(setting, (i) => ({
    batches: Array.from({ length: STEPS }, (_, j) => {
      return batchOf(ground.table, course.indices(i * STEPS + j).map(swapped))
    }),
    rate: RATE,
  }))
}

/** Data substitution: records of one class get the label of another. */
export const substitution = (setting: Setting): Claim =>
  trainedOn(setting, (i) => {
    const { batches, rate } = dueWork(setting.course, i)
    for (const batch of batches) {
      for (let at = FEATURES; at < batch.length; at += WIDTH) if (batch[at] === HIDDEN_CLASS) batch[at] = SHOWN_CLASS
    }
    return { batches, rate }
  })

/** A direction of length 1: any signs, and words as large as those of an update, so that none stands out. */
export function directionOf(random: () => number, update: Float32Array): Float32Array {
  const signed = update.map((x) => (random() < 0.5 ? -x : x))
  const length = Math.sqrt(signed.reduce((sum, x) => sum + x * x, 0))
  return signed.map((x) => x / length)
}

/** What is left below the threshold. */
const BELOW = 0.95

/** A bias just under the threshold: exact work, and then as far to one side as no distance tells. */
export function bias(setting: Setting): Claim {
  const { ground, course, profile, random, stolen } = setting
  const direction = directionOf(
    random,
    stolen.map((x, i) => x - course.start[i]!),
  )
  const { tau } = profile.limits
  let share = tau.relative.l2.value
  const push = (before: Float32Array, exact: Float32Array): Float32Array => {
    const update = distance(exact, before)
    for (share *= 1.1; ; share *= BELOW) {
      const pushed = exact.map((x, i) => x + share * update * direction[i]!)
      if (exceeded(deviation(before, exact, pushed), tau, BELOW).length === 0) return pushed
    }
  }
  const chain = new Chain(course.start, (before, i) => {
    return push(before, ground.exact.run(before, dueWork(course, i).batches, RATE))
  })
  return {
    entries: ground.shape.entries,
    resumes: true,
    state: (i) => chain.at(i),
    work: (i) => dueWork(course, i),
    cost: () => 1,
  }
}
