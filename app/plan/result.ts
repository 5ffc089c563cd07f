/** A plan as `assay plan --json` prints it. */

import type { LoadedJob } from '#app/job/load.ts'
import type { Choice, Considered, GridPlan, Parts } from '#graph/plan/choose.ts'
import { losesBy } from '#graph/plan/choose.ts'
import { toHex } from '#proto/bytes.ts'

/** Half-open. */
interface Range {
  readonly first: number
  readonly end: number
}

export interface StageResult {
  readonly stage: number
  /** Value numbers of the uncut graph of a micro-batch. */
  readonly forward: readonly Range[]
  readonly backward: readonly Range[]
  /** Names of the parameters. */
  readonly tensors: readonly string[]
  readonly parameters: number
  /** Bytes that it sends in each micro-batch, up and down. */
  readonly sends: { readonly forward: number; readonly backward: number }
}

export interface CellResult {
  readonly replica: number
  readonly stage: number
  readonly bidder: string
  /** Bytes that it takes, and that there are. */
  readonly memory: number
  readonly memoryLimit: number
  /** Of a micro-batch. */
  readonly computeSeconds: number
}

/** A grid that was considered. */
export interface ConsideredResult {
  readonly replicas: number
  readonly stages: number
  /** Null where it does not fit. */
  readonly seconds: number | null
  /** Times the chosen plan's. */
  readonly factor: number | null
  /** Where it loses most; null of the chosen one. */
  readonly loses: keyof Parts | 'memory' | null
  /** How much it loses there; null where that is no time. */
  readonly losesSeconds: number | null
  /** What is missing where memory is. */
  readonly shortage: {
    readonly stage: number
    readonly bidder: string
    readonly needed: number
    readonly missing: number
  } | null
}

export interface PlanResult {
  readonly job: string
  readonly bidders: number
  readonly replicas: number
  readonly stages: readonly StageResult[]
  /** Places of the forward part where a stage begins. */
  readonly cuts: readonly number[]
  readonly cells: readonly CellResult[]
  /** How far stages run ahead, to fill the time of transfers. */
  readonly eager: number
  /** Of a step. */
  readonly seconds: number
  /** Of which: */
  readonly parts: Readonly<Record<keyof Parts, number>>
  /** Share of the pipeline's slots in which a stage has nothing to do. */
  readonly bubble: number
  /** Bytes of a step, all cells together. */
  readonly bytes: GridPlan['bytes']
  readonly considered: readonly ConsideredResult[]
}

const seconds = (nanoseconds: number): number => nanoseconds / 1e9

export function resultOf({ specHash, program }: LoadedJob, bidders: number, { plan, considered }: Choice): PlanResult {
  const { work, bubble, transfers, exchange, update } = plan.parts
  const stages = plan.cut.plan.stages.map(({ forward, backward, state }, stage): StageResult => {
    const needs = plan.stages[stage] as GridPlan['stages'][number]
    return {
      ...{ stage, forward, backward, parameters: needs.parameters },
      tensors: state.flatMap((i) => (i < program.gradients.length ? [program.state[i]?.name as string] : [])),
      sends: { forward: needs.forward.sent, backward: needs.backward.sent },
    }
  })
  return {
    ...{ job: toHex(specHash), bidders, replicas: plan.replicas, stages, cuts: plan.cut.cuts, eager: plan.eager },
    cells: plan.cells.map(({ replica, stage, bidder, memory, time }) => ({
      ...{ replica, stage, bidder: bidder.name, memory, memoryLimit: bidder.memory },
      computeSeconds: seconds(time.compute),
    })),
    seconds: seconds(plan.nanoseconds),
    parts: {
      ...{ work: seconds(work), bubble: seconds(bubble), transfers: seconds(transfers) },
      ...{ exchange: seconds(exchange), update: seconds(update) },
    },
    bubble: bubble === 0 ? 0 : bubble / (work + bubble),
    bytes: plan.bytes,
    considered: considered.map((one) => consideredOf(one, plan)),
  }
}

function consideredOf(one: Considered, chosen: GridPlan): ConsideredResult {
  const { replicas, stages } = one
  if ('shortage' in one) {
    const { stage, bidder, needed, missing } = one.shortage
    const shortage = { stage, bidder: bidder.name, needed, missing }
    return { replicas, stages, seconds: null, factor: null, loses: 'memory', losesSeconds: null, shortage }
  }
  const { parts, nanoseconds } = one.plan
  const loses = one.plan === chosen ? null : losesBy(parts, chosen.parts)
  return {
    ...{ replicas, stages, seconds: seconds(nanoseconds), factor: nanoseconds / chosen.nanoseconds },
    ...{ loses, losesSeconds: loses && seconds(parts[loses] - chosen.parts[loses]), shortage: null },
  }
}
