/**
 * The order in which one cell of a pipeline works: which pass of which micro-batch, what is added when, and how far cells
 * may run ahead of each other. Pure, the same for every cell of a plan (docs/spec/graph.md, "Execution").
 *
 * Every stage has one fixed order, "one forward, one backward" (1F1B), and does what comes next as soon as its operands are
 * there. Micro-batches come back in the order in which the lanes' tree adds them, so no addition changes its place.
 */
import { check } from '#proto/errors.ts'
import { checkPlan, microBatchesOfLane } from '#proto/lanes.ts'

export type Pass = 'forward' | 'backward'

/** A micro-batch of a replica, and what follows its end. */
export interface Turn {
  readonly microBatch: number
  /** So many times the two newest sums become one: the additions of the lanes' tree that are then possible. */
  readonly adds: number
}

/** Micro-batches of a replica in the order of its subtree of the lanes' tree, low sides first. @throws bad-plan */
export function turnsOf(replica: number, microBatches: number, lanes: number, replicas: number): Turn[] {
  checkPlan(microBatches, lanes, replicas)
  check(Number.isInteger(replica) && replica >= 0 && replica < replicas, 'bad-plan', `no replica ${replica}`)
  const turns: { microBatch: number; adds: number }[] = []
  const addAfterLast = (): void => {
    const last = turns.at(-1)
    if (last) last.adds++
  }
  // Whether the subtree over `lane`, `lane + level`, .. has a micro-batch.
  const subtree = (lane: number, level: number): boolean => {
    if (level < lanes) {
      const low = subtree(lane, 2 * level)
      const high = subtree(lane + level, 2 * level)
      if (low && high) addAfterLast()
      return low || high
    }
    const own = microBatchesOfLane(lane, microBatches, lanes)
    for (const [i, microBatch] of own.entries()) turns.push({ microBatch, adds: i > 0 ? 1 : 0 })
    return own.length > 0
  }
  subtree(replica, replicas)
  return turns
}

/** Where a cell stands in a pipeline. */
export interface StagePlace {
  readonly stage: number
  readonly stages: number
  /**
   * Forward passes that each stage runs ahead of what 1F1B needs, for each stage behind it: they fill the time that
   * tensors take on slow links, and cost the memory of as many micro-batches. 0 is 1F1B as published.
   */
  readonly eager: number
}

/**
 * Micro-batches that a stage has begun and not ended, at most: with 1F1B the stages from here on. It never grows from a
 * stage to the next, without which a stage could wait for a pass that stands behind its own in the other's order.
 */
export function inFlightOf({ stage, stages, eager }: StagePlace, count: number): number {
  return Math.min(count, stages - stage + eager * (stages - 1 - stage))
}

/** One pass of a stage. `index` counts the micro-batches of a step. */
export interface StagePass extends Turn {
  readonly pass: Pass
  readonly index: number
}

/** The passes of one step of a stage, in order: forward until enough are in flight, then one back for each one forward. */
export function passesOf(place: StagePlace, turns: readonly Turn[]): StagePass[] {
  const count = turns.length
  const lead = inFlightOf(place, count)
  const at = (pass: Pass, index: number): StagePass => ({ pass, index, ...(turns[index] as Turn) })
  const passes = Array.from({ length: lead }, (_, i) => at('forward', i))
  for (let back = 0; back < count; back++) {
    passes.push(at('backward', back))
    if (back + lead < count) passes.push(at('forward', back + lead))
  }
  return passes
}

/** What crosses a border at a time, by what it is for; the order is that of addresses and codes. */
export const BUNDLES = ['state', 'activation', 'saved', 'gradient', 'sum'] as const
/**
 * `state`: tensors that several stages read, before the step. `activation`: from forward to forward pass. `saved`: of a
 * forward pass, for a backward pass alone. `gradient`: from backward to backward pass. `sum`: before the update.
 */
export type BundleKind = (typeof BUNDLES)[number]

/** Bundles beyond what the order of passes needs that a receiver asks for and a sender makes in advance. */
const AHEAD = 2

/**
 * How many bundles of a kind may be on their way from stage `from` to stage `to`: a receiver asks for bundle n once it has
 * used up bundle n - window. A saved bundle waits at the receiver for as long as its micro-batch is in flight.
 */
export function windowOf(kind: BundleKind, from: StagePlace, to: StagePlace, count: number): number {
  if (kind === 'state' || kind === 'sum') return 1
  return AHEAD + (kind === 'saved' ? Math.max(inFlightOf(from, count), inFlightOf(to, count)) : 0)
}
