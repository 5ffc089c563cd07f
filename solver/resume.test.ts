import { expect, test } from 'vitest'
import type { Entry } from '#proto/entry.ts'
import { type AgreedStates, earlierPoints, startingPoints } from './resume.ts'

const job = { steps: 17, entrySteps: 2, entriesPerWindow: 2 }
const root = (n: number): Uint8Array => new Uint8Array(32).fill(n)
/** Windows cover 4 steps; the root before step s is `root(s)`, the init state's is not known. */
const agreed = (nextWindow: number): AgreedStates => ({
  nextWindow,
  rootBefore: (window) => (window === 0 ? null : root(Math.min(4 * window, 17))),
})
const entry = (stepFrom: number, from = stepFrom): Entry => ({
  jobId: root(1),
  epoch: 1,
  replica: 0,
  window: Math.floor(stepFrom / 4),
  stepFrom,
  stepTo: Math.min(stepFrom + 2, 17),
  rootBefore: root(from),
  rootAfter: root(Math.min(stepFrom + 2, 17)),
  lanesRoot: root(0),
  metricsRoot: root(0),
  solver: new Uint8Array(20),
})

test('a cell goes on behind its last signed entry', () => {
  const signed = [4, 6, 8, 0, 2].map((step) => entry(step))
  const steps = (nextWindow: number): number[] =>
    startingPoints(job, agreed(nextWindow), signed).map(({ step }) => step)
  expect(steps(0)).toEqual([10, 8, 6, 4, 2, 0])
  expect(steps(1)).toEqual([10, 8, 6, 4])
  // all of these are committed: a folder that was put back from an older copy
  expect(steps(3)).toEqual([12])
})

test('entries that leave a gap, or begin at another state, are not built upon', () => {
  expect(startingPoints(job, agreed(1), [entry(4), entry(8)])).toEqual([
    { step: 6, root: root(6) },
    { step: 4, root: root(4) },
  ])
  expect(startingPoints(job, agreed(1), [entry(4, 99)])).toEqual([{ step: 4, root: root(4) }])
})

test('behind the last entry of a job there is nothing left to train', () => {
  expect(startingPoints(job, agreed(4), [entry(16)])[0]).toEqual({ step: 17, root: root(17) })
  expect(startingPoints(job, agreed(5), [])).toEqual([{ step: 17, root: root(17) }])
})

test('the last resort is the latest earlier state that is agreed on, and in the end the init state', () => {
  expect(earlierPoints(job, agreed(3))).toEqual([
    { step: 8, root: root(8) },
    { step: 4, root: root(4) },
    { step: 0, root: null },
  ])
  expect(earlierPoints(job, agreed(0))).toEqual([])
})
