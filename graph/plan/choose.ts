/** The planner: which grid of replicas and stages trains a job in the least time, on which bidders, and why no other. */
import { check, fail } from '#proto/errors.ts'
import { checkPlan, microBatchesOfReplica } from '#proto/lanes.ts'
import { inFlightOf } from '#proto/machines/stage.ts'
import type { Program } from '../types.ts'
import { type Assignment, assign, type Offer } from './assign.ts'
import { type Bidder, checkBidders } from './bidder.ts'
import { type Cut, cutter } from './cuts.ts'
import { type CellTime, cellTime, pipelineOf, type Shape, tailOf } from './predict.ts'
import { type StageNeeds, stageNeeds } from './stage.ts'

/** More stages than this are not tried. */
export const MAX_PLAN_STAGES = 8
/** How far stages may run ahead. More than this hides little that two do not, and takes ever more memory. */
const EAGER = [0, 1, 2]

/** How a job adds up: as in its spec. */
export interface Batches {
  readonly microBatches: number
  readonly lanes: number
}

export interface PlanOptions {
  /** Fixes the number of replicas, or of stages. */
  readonly replicas?: number | undefined
  readonly stages?: number | undefined
}

/** Nanoseconds of a step by what they go into; their sum is its predicted time. */
export type Parts = Pick<CellTime, 'work' | 'bubble' | 'transfers' | 'exchange' | 'update'>

/** One stage of one replica. */
export interface PlannedCell {
  readonly replica: number
  readonly stage: number
  readonly bidder: Bidder
  /** Bytes that its engine takes. */
  readonly memory: number
  readonly time: CellTime
}

/** Bytes that a step sends between all cells. */
export interface StepBytes {
  /** Activations and their gradients, from stage to stage. */
  readonly transfers: number
  /** Tensors that stages share. */
  readonly shares: number
  /** Sums, from replica to replica. */
  readonly sums: number
}

export interface GridPlan {
  readonly replicas: number
  readonly stages: readonly StageNeeds[]
  /** How far stages run ahead, to fill the time of transfers. */
  readonly eager: number
  readonly cut: Cut
  /** By replica, then by stage. */
  readonly cells: readonly PlannedCell[]
  /** Predicted time of a step. */
  readonly nanoseconds: number
  readonly parts: Parts
  /** The cell that the others wait for. */
  readonly slowest: PlannedCell
  readonly bytes: StepBytes
}

/** What is missing where no cut fits: the least of what the neediest cell lacks. */
export interface Shortage {
  readonly stage: number
  readonly bidder: Bidder
  /** Bytes. */
  readonly needed: number
  readonly missing: number
}

/** A shape that was considered: its best plan, or what its cells lack. */
export type Considered = { readonly replicas: number; readonly stages: number } & (
  | { readonly plan: GridPlan }
  | { readonly shortage: Shortage }
)

export interface Choice {
  readonly plan: GridPlan
  /** By number of cells, then of stages. */
  readonly considered: readonly Considered[]
}

const PARTS = ['work', 'bubble', 'transfers', 'exchange', 'update'] as const

/** The part of a step in which a plan loses most against a better one. */
export const losesBy = (parts: Parts, better: Parts): keyof Parts =>
  PARTS.reduce((most, part) => (parts[part] - better[part] > parts[most] - better[most] ? part : most))

/** Chooses among the plans of one program for whoever bids. */
export type Planner = (bidders: readonly Bidder[], options?: PlanOptions) => Choice

/**
 * The plan with the least predicted time of a step among all grids, cuts of `cutter` and assignments of bidders to cells
 * in which every cell fits into its bidder's memory. Of equal ones the one with fewer cells, then with fewer stages, then that
 * which runs less far ahead, then the cut that is tried first. Neither the order of the bidders nor the machine that plans changes the choice.
 * @returns a function to be called whenever bids change: what does not depend on them is found once. It throws bad-input for
 * malformed bidders; bad-plan if the job allows no such grid, if there are too few bidders, or if nothing fits: then it
 * says what is missing
 * @throws bad-plan for batches that are no plan
 */
export function planner(program: Program, batches: Batches): Planner {
  checkPlan(batches.microBatches, batches.lanes, 1)
  const cut = cutter(program)
  const needs = stageNeeds(program)
  const candidates = new Map<number, readonly Candidate[]>()
  const candidatesOf = (stages: number): readonly Candidate[] => {
    const known = candidates.get(stages) ?? cut(stages).map((one) => ({ cut: one, stages: needs(one) }))
    candidates.set(stages, known)
    return known
  }
  return (bidders, options = {}) => {
    const sorted = checkBidders(program, bidders)
    const considered = shapesOf(batches, sorted.length, options).flatMap((shape): Considered[] => {
      const { replicas, stages } = shape
      const all = candidatesOf(stages)
      return all.length > 0 ? [{ replicas, stages, ...bestOf(all, sorted, batches, shape) }] : []
    })
    check(considered.length > 0, 'bad-plan', `the model has too few operations for ${options.stages} stages`, {
      next: 'Ask for fewer stages.',
    })
    const [first, ...others] = considered.flatMap((one) => ('plan' in one ? [one.plan] : []))
    if (!first) return failForMemory(considered)
    return { plan: others.reduce((best, one) => (one.nanoseconds < best.nanoseconds ? one : best), first), considered }
  }
}

/** Grids that the job and the number of bidders allow, by cells, then by stages. */
function shapesOf({ microBatches, lanes }: Batches, bidders: number, options: PlanOptions): Shape[] {
  if (options.replicas !== undefined) checkPlan(microBatches, lanes, options.replicas)
  const upTo = options.stages ?? MAX_PLAN_STAGES
  check(upTo >= 1 && upTo <= MAX_PLAN_STAGES, 'bad-plan', `${upTo} stages: 1 to ${MAX_PLAN_STAGES} can be planned`)
  const wanted = (options.replicas ?? 1) * (options.stages ?? 1)
  const grid = `${options.replicas ?? 1} x ${options.stages ?? 1} cells`
  check(wanted <= bidders, 'bad-plan', `${grid} need ${wanted} bidders, there are ${bidders}`, {
    next: 'Ask for fewer replicas or stages, or find more bidders.',
  })
  const shapes: Shape[] = []
  for (let replicas = options.replicas ?? 1; replicas <= (options.replicas ?? lanes); replicas *= 2) {
    const owned = Array.from({ length: replicas }, (_, r) => microBatchesOfReplica(r, microBatches, lanes, replicas))
    if (owned.some((own) => own.length === 0)) break
    const most = owned.reduce((all, own) => Math.max(all, own.length), 0)
    for (let stages = options.stages ?? 1; stages <= upTo && replicas * stages <= bidders; stages++) {
      shapes.push({ replicas, stages, microBatches: most, eager: 0 })
    }
  }
  return shapes.sort((a, b) => a.replicas * a.stages - b.replicas * b.stages || a.stages - b.stages)
}

interface Candidate {
  readonly cut: Cut
  readonly stages: readonly StageNeeds[]
}

/** Bytes that a stage takes in one of the replicas. */
function memoryOf(needs: StageNeeds, stage: number, { threads }: Bidder, { lanes }: Batches, shape: Shape): number {
  const { replicas, stages, microBatches, eager } = shape
  const inFlight = inFlightOf({ stage, stages, eager }, microBatches)
  return needs.memory({ inFlight, threads, microBatches, lanes: lanes / replicas })
}

function bestOf(
  candidates: readonly Candidate[],
  bidders: readonly Bidder[],
  batches: Batches,
  shape: Shape,
): { readonly plan: GridPlan } | { readonly shortage: Shortage } {
  let best: { candidate: Candidate; assignment: Assignment; shape: Shape } | undefined
  for (const eager of shape.stages > 1 ? EAGER : [0]) {
    const run = { ...shape, eager }
    for (const candidate of candidates) {
      const offers = candidate.stages.map((stage, s) =>
        bidders.map((bidder): Offer => {
          if (memoryOf(stage, s, bidder, batches, run) > bidder.memory) return null
          const time = cellTime(stage, bidder, run)
          return { first: pipelineOf(time), second: tailOf(time) }
        }),
      )
      const limit = best ? best.assignment.first + best.assignment.second : Number.POSITIVE_INFINITY
      const assignment = assign(offers, shape.replicas, limit)
      if (assignment) best = { candidate, assignment, shape: run }
    }
  }
  if (best) return { plan: gridOf(best.candidate, best.assignment, bidders, batches, best.shape) }
  return { shortage: shortageOf(candidates, bidders, batches, shape) }
}

function gridOf(
  { cut, stages }: Candidate,
  { taken, first, second }: Assignment,
  bidders: readonly Bidder[],
  batches: Batches,
  shape: Shape,
): GridPlan {
  const { replicas } = shape
  const cells = Array.from({ length: replicas }, (_, replica) =>
    stages.map((needs, stage): PlannedCell => {
      const bidder = bidders[taken[stage]?.[replica] as number] as Bidder
      const memory = memoryOf(needs, stage, bidder, batches, shape)
      return { replica, stage, bidder, memory, time: cellTime(needs, bidder, shape) }
    }),
  ).flat()
  const [one] = cells as [PlannedCell]
  const most = (of: (time: CellTime) => number): PlannedCell =>
    cells.reduce((slowest, cell) => (of(cell.time) > of(slowest.time) ? cell : slowest), one)
  const slowest = most(pipelineOf)
  const { work, bubble, transfers } = slowest.time
  const { exchange, update } = most(tailOf).time
  const sum = (of: (stage: StageNeeds) => number): number => stages.reduce((all, stage) => all + of(stage), 0)
  // Every replica sends its sum in each exchange.
  const exchanges = replicas * (31 - Math.clz32(replicas))
  return {
    replicas,
    stages,
    eager: shape.eager,
    cut,
    cells,
    nanoseconds: first + second,
    parts: { work, bubble, transfers, exchange, update },
    slowest,
    bytes: {
      transfers: batches.microBatches * sum(({ forward, backward }) => forward.sent + backward.sent),
      shares: replicas * sum(({ shared }) => shared.sent),
      sums: exchanges * sum(({ sums }) => sums),
    },
  }
}

/** The least that some cell lacks, over all cuts and assignments. */
function shortageOf(
  candidates: readonly Candidate[],
  bidders: readonly Bidder[],
  batches: Batches,
  shape: Shape,
): Shortage {
  let least: Shortage | undefined
  for (const candidate of candidates) {
    const needed = (s: number, bidder: Bidder): number =>
      memoryOf(candidate.stages[s] as StageNeeds, s, bidder, batches, shape)
    const lacking = (s: number, bidder: Bidder): number => needed(s, bidder) - bidder.memory
    const offers = candidate.stages.map((_, s) => bidders.map((bidder) => ({ first: lacking(s, bidder), second: 0 })))
    const assignment = assign(offers, shape.replicas, least?.missing)
    for (const [stage, taken] of (assignment?.taken ?? []).entries()) {
      for (const bidder of taken.map((b) => bidders[b] as Bidder)) {
        const missing = lacking(stage, bidder)
        if (missing !== assignment?.first) continue
        least = { stage, bidder, needed: needed(stage, bidder), missing }
      }
    }
  }
  return least ?? fail('internal', 'every stage has a bidder, but none of them lacks memory')
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`

function failForMemory(considered: readonly Considered[]): never {
  const short = considered.flatMap((one) => ('shortage' in one ? [one] : []))
  const nearest = short.reduce((least, one) => (one.shortage.missing < least.shortage.missing ? one : least))
  const { replicas, stages, shortage } = nearest
  const { stage, bidder, needed, missing } = shortage
  return fail(
    'bad-plan',
    `the model fits no grid of these bidders; nearest is ${replicas} x ${stages} (replicas x stages), where stage ` +
      `${stage} needs ${mebibytes(needed)} and bidder '${bidder.name}' has ${mebibytes(bidder.memory)}`,
    {
      next:
        `Give each bidder ${mebibytes(missing)} more, find more bidders for more stages, use more micro-batches ` +
        `(smaller ones), or set recompute: blocks.`,
    },
  )
}
