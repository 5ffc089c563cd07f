/** What goes wrong in a world, and when: all of it drawn from the seed before anything happens. */
import type { Chance } from '#test/sim/chance.ts'

/** Messages, calls and disks of the whole world. */
export interface Weather {
  /** Probability that a message is lost. */
  readonly loss: number
  /** Probability that it comes twice. */
  readonly twice: number
  /** Longest usual delay of a message, ms: those that follow may overtake it. */
  readonly delay: number
  /** Longest usual time of a call to an engine or a hasher, ms. */
  readonly work: number
  /** Probability that a message or a call takes up to ten seconds. */
  readonly stall: number
  /** Longest usual time of a write to a disk, ms; its process stands still meanwhile. */
  readonly disk: number
  /** Probability that a process dies right after a durable write, before anybody hears of it. */
  readonly fragile: number
}

const CALM: Weather = { loss: 0, twice: 0, delay: 60, work: 40, stall: 0, disk: 5, fragile: 0 }
const FOUL: Weather = { loss: 0.1, twice: 0.1, delay: 1_500, work: 60, stall: 0.01, disk: 20, fragile: 0.02 }
/** Machines so slow that partners give each other up, with disks to match. */
const SLOW: Weather = { loss: 0.02, twice: 0.02, delay: 400, work: 2_500, stall: 0.02, disk: 800, fragile: 0.02 }

/** From `at` for `ms`. */
export interface Interval {
  readonly at: number
  readonly ms: number
}

export interface FaultPlan {
  readonly weather: Weather
  /** The processes' clocks, in their order. */
  readonly clocks: readonly { readonly rate: number; readonly offset: number }[]
  /** Process `who` is killed and started again. */
  readonly crashes: readonly (Interval & { readonly who: number })[]
  /** Those in `side` and the others do not hear of each other. */
  readonly partitions: readonly (Interval & { readonly side: ReadonlySet<number> })[]
  /** The chain does not answer `who`. */
  readonly outages: readonly (Interval & { readonly who: number })[]
  /** The last `depth` blocks are replaced by others. */
  readonly reorgs: readonly { readonly at: number; readonly depth: number }[]
  /** Blocks that every process lets stand on top of a block before it believes it. */
  readonly confirmations: number
  /** When the last fault is over, ms: from then on everything is calm. */
  readonly calmAt: number
}

/** When faults may begin, ms, and how long they last: shorter than any deadline that an honest process must keep. */
const SEASON = 90_000
const LONGEST = 15_000
/** Nothing of a world is cut off that long by faults that follow each other. */
const MOST = { crashes: 4, partitions: 2, outages: 2, reorgs: 4 }

/** @param finality blocks that a reorganisation may replace */
export function drawFaults(random: Chance, processes: number, finality: number): FaultPlan {
  const interval = (): Interval => ({ at: random.below(SEASON), ms: 200 + random.below(LONGEST) })
  const some = <T>(most: number, draw: () => T): T[] => Array.from({ length: random.below(most + 1) }, draw)
  const plan = {
    weather: random.pick([CALM, FOUL, SLOW]),
    clocks: Array.from({ length: processes }, () => ({
      rate: random.bool(0.2) ? 0.5 + random.below(1_000) / 667 : 0.98 + random.below(41) / 1_000,
      offset: random.bool(0.3) ? random.below(600_000) - 300_000 : 0,
    })),
    crashes: some(MOST.crashes, () => ({ ...interval(), who: random.below(processes) })),
    partitions: some(MOST.partitions, () => ({
      ...interval(),
      side: new Set(Array.from({ length: processes }, (_, i) => i).filter(() => random.bool(0.4))),
    })),
    outages: some(MOST.outages, () => ({ ...interval(), who: random.below(processes) })),
    reorgs: some(finality > 0 ? MOST.reorgs : 0, () => ({
      at: random.below(SEASON),
      depth: 1 + random.below(finality),
    })),
    confirmations: random.pick([0, 0, 2]),
  }
  const ends = [...plan.crashes, ...plan.partitions, ...plan.outages].map(({ at, ms }) => at + ms)
  return { ...plan, calmAt: Math.max(SEASON, ...ends) }
}

/** What a world is like once its faults are over. */
export const calm = ({ work }: Weather): Weather => ({ ...CALM, work })

/** Blocks that a reorganisation may replace: what roles allow for. */
export const FINALITY = 4
