/**
 * The time of a step on a grid of replicas and stages, predicted cell by cell: what the step would take if every cell of the
 * pipeline were like this one. docs/spec/graph.md, Choosing a plan.
 */
import type { Bidder } from './bidder.ts'
import type { StageNeeds, Traffic } from './stage.ts'

/** R replicas of S stages. */
export interface Shape {
  readonly replicas: number
  readonly stages: number
  /** Micro-batches of the replica that has most. */
  readonly microBatches: number
  /** How far stages run ahead, as of `StagePlace` in proto/machines/stage.ts. */
  readonly eager: number
}

/** Nanoseconds of one cell in a step. */
export interface CellTime {
  /** Of a micro-batch, forward and backward. */
  readonly compute: number
  /** For a micro-batch, until every replica has all its gradients: a slot, which the pipeline takes M + S - 1 times. */
  readonly slot: number
  /** Computing, additions within the replica included. */
  readonly work: number
  /** Slots in which the pipeline fills and empties. */
  readonly bubble: number
  /** What of the transfers between stages no computing hides. */
  readonly transfers: number
  /** Tensors that stages share, and sums between replicas. */
  readonly exchange: number
  readonly update: number
}

/** Of `work`, `bubble` and `transfers`: until the last gradient is there. */
export const pipelineOf = ({ work, bubble, transfers }: CellTime): number => work + bubble + transfers
/** What comes after it. */
export const tailOf = ({ exchange, update }: CellTime): number => exchange + update

/** Nanoseconds that bytes take on a bidder's link. */
const onLink = ({ rate }: Bidder, bytes: number): number => Math.round((bytes * 8e9) / rate)

/**
 * What a pipeline of equal stages waits for transfers, exactly: once until it is filled and emptied, and then whenever a stage
 * has as many micro-batches on their way as it may. What it does ahead fills some of that time.
 * @param slot of a micro-batch in each stage
 * @param crossing of a border, up and down
 */
function waitsOf({ stages, microBatches, eager }: Shape, slot: number, crossing: number): number {
  const borders = stages - 1
  const waits = Math.floor((borders * (microBatches - 1)) / (stages + eager * borders))
  return borders * crossing + waits * Math.max(0, crossing - eager * slot)
}

/**
 * A cell's time in a step. What its link needs for the bytes of a micro-batch is hidden behind computing unless it is longer;
 * that a tensor is on its way is not. A transfer takes the longer of what either end needs for it.
 */
export function cellTime(stage: StageNeeds, bidder: Bidder, shape: Shape): CellTime {
  const { replicas, stages, microBatches } = shape
  const { micro: compute, combine, update } = stage.times(bidder.times)
  const { forward, backward, shared } = stage
  const received = forward.received + backward.received
  const sent = forward.sent + backward.sent
  const slot = Math.max(compute, onLink(bidder, Math.max(received, sent)))
  const crossing = (pass: Traffic): number => {
    const bytes = Math.max(pass.received, pass.sent)
    return bytes > 0 ? bidder.latency + onLink(bidder, bytes) : 0
  }
  const waits = waitsOf(shape, slot, crossing(forward) + crossing(backward))
  // log2 of a power of two.
  const exchanges = 31 - Math.clz32(replicas)
  return {
    compute,
    slot,
    work: microBatches * compute + (microBatches - 1) * combine,
    bubble: (stages - 1) * slot,
    transfers: microBatches * (slot - compute) + waits,
    exchange: crossing(shared) + exchanges * (bidder.latency + onLink(bidder, stage.sums) + combine),
    update,
  }
}
