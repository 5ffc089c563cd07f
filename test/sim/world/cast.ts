/** Who takes part in a world, and in which job: drawn from the seed. */
import { sampleRate } from '#proto/draw.ts'
import { createJob, type JobSpec } from '#proto/job.ts'
import type { Role } from '#proto/messages.ts'
import type { Periods, Prices } from '#proto/terms.ts'
import { tinyJob } from '#runtime/testing.ts'
import { type Lie, oneUlp } from '#solver/lies.ts'
import type { Chance } from '#test/sim/chance.ts'

export const PRICES: Prices = {
  entryPrice: 1_000n,
  verdictFee: 400n,
  windowFee: 500n,
  verdictStake: 9_000_000n,
  challengeBond: 7_000_000n,
  coordinatorBond: 50_000n,
  gasPrice: 1n,
}

/** Blocks; they leave time for every fault that an honest process may meet (weather.ts). */
export const PERIODS: Periods = {
  bidPeriod: 6,
  commitPeriod: 35,
  verdictPeriod: 45,
  revealPeriod: 30,
  challengePeriod: 6,
  responsePeriod: 30,
  jobPeriod: 500,
}

/** Blocks that the upkeep of others is left to the coordinator. */
export const GRACE = { coordinator: 0, solver: 6, verifier: 8, whistleblower: 10 } as const

export type Part = keyof typeof GRACE & Role

export interface Cast {
  readonly spec: JobSpec
  readonly parts: readonly Part[]
  /** Index in `parts` of a solver that cheats, and how. */
  readonly liar: number | undefined
  readonly lie: Lie
  /** Share of entries that whistleblowers audit. */
  readonly rate: number
}

let model: JobSpec | undefined

export function drawCast(random: Chance): Cast {
  model ??= tinyJob().spec
  const replicas = random.pick([1, 2, 2, 2, 4])
  const spec = createJob({
    ...model,
    steps: 4 + random.below(9),
    microBatches: random.pick([4, 8]),
    entrySteps: 1 + random.below(3),
    entriesPerWindow: 1 + random.below(3),
    depth: 1 + random.below(3),
    replicas,
    lanes: 4,
    policy: { sampleRate: sampleRate(random.pick([0.3, 0.6, 1])) },
  })
  const some = (part: Part, count: number): Part[] => Array.from({ length: count }, () => part)
  const parts = [
    ...some('coordinator', 1 + random.below(2)),
    ...some('solver', replicas + random.below(2)),
    ...some('verifier', 2 + random.below(2)),
    ...some('whistleblower', random.below(2)),
  ]
  const solvers = parts.filter((part) => part === 'solver').length
  const liar = solvers > 1 && random.bool(0.25) ? parts.indexOf('solver') : undefined
  const phase = random.below(spec.entrySteps)
  const ulp = oneUlp(spec.entrySteps)
  // in any step of an entry, not only in its first
  const lie: Lie = (step, sum) => ulp(step - phase, sum)
  return { spec, parts, liar, lie, rate: random.pick([0.3, 1]) }
}
