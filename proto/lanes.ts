/**
 * The data-parallel plan: which micro-batches a lane owns, which lanes a replica owns, and the one order in which
 * gradients are added, whatever the number of replicas (docs/spec/protocol.md, "Lanes").
 */
import { check } from '#proto/errors.ts'

export const MAX_MICRO_BATCHES = 4096
export const MAX_LANES = 256
const DEFAULT_LANES = 16

export function isPowerOfTwo(n: number): boolean {
  return Number.isInteger(n) && n > 0 && n <= 2 ** 30 && (n & (n - 1)) === 0
}

/** Lanes of a job that names none: min(16, the largest power of two <= microBatches). */
export function defaultLanes(microBatches: number): number {
  let lanes = 1
  while (lanes * 2 <= Math.min(DEFAULT_LANES, microBatches)) lanes *= 2
  return lanes
}

/**
 * Throws `bad-plan` unless `microBatches` (1..4096), `lanes` (power of two <= 256) and `replicas` (power of two <= lanes)
 * make a plan in which every replica owns a micro-batch.
 */
export function checkPlan(microBatches: number, lanes: number, replicas: number): void {
  const count = Number.isInteger(microBatches) && microBatches >= 1 && microBatches <= MAX_MICRO_BATCHES
  check(count, 'bad-plan', `${microBatches} micro-batches: 1 to ${MAX_MICRO_BATCHES} are allowed`)
  check(isPowerOfTwo(lanes) && lanes <= MAX_LANES, 'bad-plan', `${lanes} lanes: a power of two up to ${MAX_LANES}`)
  check(isPowerOfTwo(replicas) && replicas <= lanes, 'bad-plan', `${replicas} replicas: a power of two up to the lanes`)
  for (let replica = 0; replica < replicas; replica++) {
    const owned = lanesOfReplica(replica, lanes, replicas)
    const some = owned.some((lane) => microBatchesOfLane(lane, microBatches, lanes).length > 0)
    check(some, 'bad-plan', `replica ${replica} of ${replicas} owns no micro-batch`, { next: 'Use fewer replicas.' })
  }
}

/** Micro-batches of a lane, ascending: floor(l*M/G) .. floor((l+1)*M/G)-1. Empty when M < G leaves it none. */
export function microBatchesOfLane(lane: number, microBatches: number, lanes: number): number[] {
  const first = Math.floor((lane * microBatches) / lanes)
  const end = Math.floor(((lane + 1) * microBatches) / lanes)
  return Array.from({ length: end - first }, (_, i) => first + i)
}

/** Lanes of a replica, ascending: those with l mod R == replica. */
export function lanesOfReplica(replica: number, lanes: number, replicas: number): number[] {
  return Array.from({ length: lanes / replicas }, (_, i) => replica + i * replicas)
}

/** Micro-batches of a replica, ascending. */
export function microBatchesOfReplica(
  replica: number,
  microBatches: number,
  lanes: number,
  replicas: number,
): number[] {
  return lanesOfReplica(replica, lanes, replicas)
    .flatMap((lane) => microBatchesOfLane(lane, microBatches, lanes))
    .sort((a, b) => a - b)
}

/** `into += from`, where both name the lane whose buffer holds the operand; `into` is the left operand. */
export interface LaneAdd {
  readonly into: number
  readonly from: number
}

/** One exchange of recursive doubling. */
export interface Exchange {
  /** Distance h; also the name of the level: R/2, R/4, .. 1. */
  readonly level: number
  /** `replica XOR level`. */
  readonly partner: number
  /** The partner is the lower of the two: its sum is the left operand. */
  readonly lower: boolean
  /** Number of the partner's sum among those of the step. */
  readonly sum: number
}

/** What one replica does in a step after its lanes have accumulated. */
export interface LanePlan {
  /** Lanes that hold a micro-batch, ascending. */
  readonly lanes: readonly number[]
  /** Local additions, in order: levels h = G/2 .. R of the halving tree. */
  readonly adds: readonly LaneAdd[]
  /** The lane whose buffer then holds the replica's subtree sum. */
  readonly result: number
  /** Exchanges, in order: levels h = R/2 .. 1. */
  readonly exchanges: readonly Exchange[]
}

/** The additions of one replica. An empty lane is skipped: the other operand passes. Throws `bad-plan`. */
export function laneTree(replica: number, microBatches: number, lanes: number, replicas: number): LanePlan {
  checkPlan(microBatches, lanes, replicas)
  check(Number.isInteger(replica) && replica >= 0 && replica < replicas, 'bad-plan', `no replica ${replica}`)
  // holder[i] is the lane whose buffer holds the value of tree position i, or -1 while it is empty
  const holder = Array.from({ length: lanes }, (_, lane) =>
    microBatchesOfLane(lane, microBatches, lanes).length > 0 ? lane : -1,
  )
  const own = lanesOfReplica(replica, lanes, replicas).filter((lane) => holder[lane] !== -1)
  const adds: LaneAdd[] = []
  for (let h = lanes / 2; h >= replicas; h /= 2) {
    for (let i = replica; i < h; i += replicas) {
      const into = holder[i] as number
      const from = holder[i + h] as number
      if (into !== -1 && from !== -1) adds.push({ into, from })
      else if (into === -1) holder[i] = from
    }
  }
  return { lanes: own, adds, result: holder[replica] as number, exchanges: exchangesOf(replica, replicas) }
}

/** The exchanges of a replica: recursive doubling over h = R/2 .. 1. */
export function exchangesOf(replica: number, replicas: number): Exchange[] {
  const exchanges: Exchange[] = []
  for (let level = replicas / 2; level >= 1; level /= 2) {
    const partner = replica ^ level
    exchanges.push({ level, partner, lower: partner < replica, sum: sumNumber(partner, 2 * level, replicas) })
  }
  return exchanges
}

/** Sums of one step: all that replicas exchange. */
export const sumsPerStep = (replicas: number): number => 2 * replicas - 2

/** Number among the sums of a step of the one that `replica` holds once `width` sums are left of those of all replicas. */
export const sumNumber = (replica: number, width: number, replicas: number): number =>
  2 * (replicas - width) + (replica % width)

/** The sums of a step that the one which `replica` holds at `width` was joined from, ascending. */
export function sumsWithin(replica: number, width: number, replicas: number): number[] {
  const within: number[] = []
  for (let w = replicas; w > width; w /= 2) {
    for (let i = replica % width; i < w; i += width) within.push(sumNumber(i, w, replicas))
  }
  return within
}

/** A replica that has joined, or sent as its own, sum `number` of a step: `replica` if it has, else the first that has. */
export function joinerOf(number: number, replica: number, replicas: number): number {
  let width = replicas
  while (width > 2 && number >= 2 * (replicas - width) + width) width /= 2
  const first = number - 2 * (replicas - width)
  return replica % width === first ? replica : first
}
