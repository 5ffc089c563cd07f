/** Profiling: how far honest hardware lies from the exact replay, and from the replay of another verifier's hardware. */
import { type Deviation, deviation } from '#tolerance/distance.ts'
import { Drift, ErrorSketch, SketchPlan } from '#tolerance/drift.ts'
import { type Usual, usualOf } from '#tolerance/excess.ts'
import type { Level } from '#tolerance/threshold.ts'
import { type Limits, limitsOf } from '#tolerance/verdict.ts'
import { Chain, dueWork } from './claim.ts'
import { Course, FULL, type Ground, type Shape } from './job.ts'
import type { Machine } from './machine.ts'
import { hashOf } from './random.ts'

export interface Baseline {
  /** Threshold on the l2 distance of plain proof of learning, absolute and as a share of the update. */
  readonly absolute: number
  readonly relative: number
}

export interface Profile {
  readonly entries: number
  readonly limits: Limits
  /** Largest absolute l2 distance; ten times of it is lost stake where distances are absolute. */
  readonly largest: number
  readonly baseline: Baseline
  readonly usual: Usual
  /** Bias of honest hardware that is let pass, of the update. */
  readonly bias: number
  /** Root of the mean square of the relative l2 distance. */
  readonly noise: number
  /** Distance of two trainings from different seeds: what Jia et al. 2021 set thresholds against. */
  readonly reference: number
}

/** Above the largest distance that was seen: plain proof of learning must accept honest solvers too. */
const MARGIN = 3
/** The chance of an alarm in an honest run is 2^-20, and of a bias profiled too low 2^-10. */
export const BITS = 20
const PROFILE_BITS = 10
/** One honest entry in ten is unusual. */
const UNUSUAL = 0.1

export const words = (machine: Machine): number => machine.sizes.reduce((sum, size) => sum + size, 0)

/** The relative error of an entry, as a sketch. */
export function sketchOf(plan: SketchPlan, before: Float32Array, exact: Float32Array, actual: Float32Array) {
  const sketch = new ErrorSketch(plan)
  sketch.add(before, exact, actual)
  return sketch.result()
}

/** An honest run. */
export const honest = (ground: Ground, course: Course): Chain =>
  new Chain(course.start, (before, entry) => {
    const { batches, rate } = dueWork(course, entry)
    return ground.fast.run(before, batches, rate)
  })

/** The chance that an honest entry is redone, and the runs whose entries are enough to state it. */
export const profileLevel = ({ records }: Shape): { readonly level: Level; readonly runs: number } =>
  records >= FULL.records
    ? { level: { rate: 0.005, confidence: 0.95 }, runs: 26 }
    : { level: { rate: 0.05, confidence: 0.9 }, runs: 3 }

/** Profiles honest runs from seeds of their own. */
export function profileOf(ground: Ground, { level, runs } = profileLevel(ground.shape)): Profile {
  const exact: Deviation[] = []
  const other: Deviation[] = []
  const drift = new Drift()
  const plan = new SketchPlan(hashOf('profile'), words(ground.exact))
  const ends: Float32Array[] = []
  for (let run = 0; run < runs; run++) {
    const course = new Course(ground, BigInt(1_000_000 + run))
    const chain = honest(ground, course)
    for (let entry = 0; entry < ground.shape.entries; entry++) {
      const [before, after] = [chain.at(entry), chain.at(entry + 1)]
      const { batches, rate } = dueWork(course, entry)
      const replay = ground.exact.run(before, batches, rate)
      exact.push(deviation(before, replay, after))
      other.push(deviation(before, ground.other.run(before, batches, rate), after))
      const sketch = sketchOf(plan, before, replay, after)
      if (sketch) drift.add(sketch)
    }
    ends.push(chain.at(ground.shape.entries))
  }
  const most = (all: readonly Deviation[], scale: 'absolute' | 'relative') =>
    all.reduce((largest, one) => Math.max(largest, one[scale].l2), 0)
  return {
    entries: exact.length,
    limits: limitsOf(exact, level),
    largest: most(exact, 'absolute'),
    baseline: { absolute: MARGIN * most(other, 'absolute'), relative: MARGIN * most(other, 'relative') },
    usual: usualOf(exact, UNUSUAL, level.confidence),
    bias: drift.profiledBias(PROFILE_BITS),
    noise: Math.sqrt(exact.reduce((sum, { relative }) => sum + relative.l2 ** 2, 0) / exact.length),
    reference: distance(ends[0]!, ends[1]!),
  }
}

/** The l2 distance of two states. */
export function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2
  return Math.sqrt(sum)
}
