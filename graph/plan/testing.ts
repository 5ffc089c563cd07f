/** For tests: bidders with times from the cost model, every plan there is, and a pipeline walked operation by operation. */
import { inFlightOf, type Pass, passesOf } from '#proto/machines/stage.ts'
import type { SeededRandom } from '#proto/testing.ts'
import { nodeCosts } from '../cost.ts'
import type { Range } from '../partition/plan.ts'
import type { Graph, Program } from '../types.ts'
import type { Bidder, Times } from './bidder.ts'
import type { Batches, GridPlan } from './choose.ts'
import { cutter } from './cuts.ts'
import { cellTime, pipelineOf, tailOf } from './predict.ts'
import { stageNeeds } from './stage.ts'

/** A machine that takes `factor` nanoseconds for ten building blocks. */
export function timesFor(program: Program, factor = 1): Times {
  const of = (graph: Graph): number[] => nodeCosts(graph).map(({ blocks }) => Math.ceil((factor * Number(blocks)) / 10))
  return { run: 100, micro: of(program.micro), combine: of(program.combine), update: of(program.update) }
}

const DEFAULTS = { threads: 1, memory: 2 ** 40, rate: 1e15, latency: 0 }

/** `count` bidders of round figures, with as much memory as they want, on links that cost nothing. */
export function bidders(program: Program, count: number, changes: Partial<Omit<Bidder, 'name'>> = {}): Bidder[] {
  const times = timesFor(program)
  return Array.from({ length: count }, (_, i) => ({ name: `b${i}`, times, ...DEFAULTS, ...changes }))
}

/** Bidders that differ in everything, of which some may be too small for any stage. */
export function randomBidders(program: Program, random: SeededRandom, count: number, memory: number): Bidder[] {
  const kinds = [1, 2, 5].map((factor) => timesFor(program, factor))
  return Array.from({ length: count }, (_, i) => ({
    name: `b${i}`,
    times: random.pick(kinds),
    threads: random.pick([1, 4]),
    memory: Math.ceil(memory * random.pick([0.4, 0.8, 1.5])),
    rate: random.pick([1e8, 1e9, 1e10]),
    latency: random.pick([0, 1000, 100_000]),
  }))
}

/** All ways to give `cells` a bidder of `0 .. count-1` each. */
function* placements(count: number, cells: number, taken: number[] = []): Generator<readonly number[]> {
  if (taken.length === cells) yield taken
  else for (let b = 0; b < count; b++) if (!taken.includes(b)) yield* placements(count, cells, [...taken, b])
}

/** The least time of a step over every cut and every placement of one shape; infinite if nothing fits. */
export function leastOf(
  program: Program,
  batches: Batches,
  all: readonly Bidder[],
  replicas: number,
  stages: number,
): number {
  const microBatches = Math.ceil(batches.microBatches / replicas)
  const needsOf = stageNeeds(program)
  let least = Number.POSITIVE_INFINITY
  for (const [cut, eager] of cutter(program)(stages).flatMap((one) => [0, 1, 2].map((e) => [one, e] as const))) {
    const needs = needsOf(cut)
    for (const placed of placements(all.length, replicas * stages)) {
      const cells = placed.map((b, i) => ({ bidder: all[b] as Bidder, s: i % stages }))
      const lanes = batches.lanes / replicas
      const fits = cells.every(({ bidder: { memory, threads }, s }) => {
        const inFlight = inFlightOf({ stage: s, stages, eager }, microBatches)
        return (needs[s]?.memory({ inFlight, threads, microBatches, lanes }) ?? 0) <= memory
      })
      if (!fits) continue
      const times = cells.map(({ bidder, s }) =>
        cellTime(needs[s] as (typeof needs)[number], bidder, { replicas, stages, microBatches, eager }),
      )
      least = Math.min(least, Math.max(...times.map(pipelineOf)) + Math.max(...times.map(tailOf)))
    }
  }
  return least
}

/** What passes take in each stage, and the tensors that go from stage to stage in every micro-batch. */
export interface Pipeline {
  readonly stages: readonly Readonly<Record<Pass, number>>[]
  readonly sends: readonly {
    readonly from: number
    readonly to: number
    /** The receiver's pass that waits for it. */
    readonly pass: Pass
    /** On the sender's link, one after the other; at the same time on the receiver's, for each sender; then on the way. */
    readonly sending: number
    readonly receiving: number
    readonly latency: number
  }[]
  readonly eager: number
}

/** The first replica of a plan, without the additions of sums. */
export function pipelineOfPlan(program: Program, { cut, cells, stages, eager }: GridPlan): Pipeline {
  const base = program.micro.inputs.length
  const bidderOf = (s: number): Bidder => (cells[s] as GridPlan['cells'][number]).bidder
  const nanoseconds = (s: number, ranges: readonly Range[]): number => {
    const { run, micro } = bidderOf(s).times
    return ranges.flatMap(({ first, end }) => micro.slice(first - base, end - base)).reduce((a, b) => a + b, run)
  }
  const sends = new Map<string, Pipeline['sends'][number]>()
  for (const { from, to, pass, bytes } of cut.plan.transfers) {
    const [a, b] = [bidderOf(from), bidderOf(to)]
    const key = `${from} ${to} ${pass}`
    const before = sends.get(key) ?? { sending: 0, receiving: 0 }
    const sending = before.sending + (8e9 * bytes) / a.rate
    const receiving = before.receiving + (8e9 * bytes) / b.rate
    sends.set(key, { from, to, pass, sending, receiving, latency: Math.max(a.latency, b.latency) })
  }
  return {
    stages: cut.plan.stages.slice(0, stages.length).map(({ forward, backward }, s) => ({
      forward: nanoseconds(s, forward),
      backward: nanoseconds(s, backward),
    })),
    sends: [...sends.values()],
    eager,
  }
}

/**
 * Nanoseconds until the last gradient is there, found by walking the 1F1B schedule: an operation begins when the one before
 * it has ended and its tensors have arrived.
 */
export function walk({ stages, sends, eager }: Pipeline, batches: number): number {
  const turns = Array.from({ length: batches }, (_, microBatch) => ({ microBatch, adds: 0 }))
  const queues = stages.map((_, s) => passesOf({ stage: s, stages: stages.length, eager }, turns))
  const free = queues.map(() => 0)
  const up = queues.map(() => 0)
  const down = new Map<string, number>()
  const arrived = new Map<string, number>()
  for (let moved = true; moved; ) {
    moved = false
    for (const [s, queue] of queues.entries()) {
      const next = queue[0]
      if (!next) continue
      const { pass, index } = next
      const inbound = sends.filter((send) => send.to === s && send.pass === pass)
      const times = inbound.map(({ from }) => arrived.get(`${from} ${s} ${pass} ${index}`))
      if (times.includes(undefined)) continue
      queue.shift()
      moved = true
      const end = Math.max(free[s] as number, ...(times as number[])) + (stages[s]?.[pass] ?? 0)
      free[s] = end
      for (const { from, to, pass: waiting, sending, receiving, latency } of sends) {
        // What goes up was computed on the way up, what goes down on the way down.
        if (from !== s || pass !== (from < to ? 'forward' : 'backward')) continue
        const start = Math.max(end, up[s] as number)
        up[s] = start + sending
        const received = Math.max(start, down.get(`${from} ${to}`) ?? 0) + receiving
        down.set(`${from} ${to}`, received)
        arrived.set(`${from} ${to} ${waiting} ${index}`, Math.max(up[s] as number, received) + latency)
      }
    }
  }
  if (queues.some(({ length }) => length > 0)) throw new Error('the schedule is stuck')
  return Math.max(...free)
}
