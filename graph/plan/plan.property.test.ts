/** The planner on random bidders: nothing exceeds a memory, no other plan is faster, and nothing but the bids decides. */
import { describe, expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import { PRESETS } from '../presets.ts'
import { buildProgram } from '../program.ts'
import { seeds } from '../testing.ts'
import { assign } from './assign.ts'
import type { Bidder } from './bidder.ts'
import { type GridPlan, planner } from './choose.ts'
import { cutter } from './cuts.ts'
import { cellTime, pipelineOf } from './predict.ts'
import { type StageNeeds, stageNeeds } from './stage.ts'
import { bidders, leastOf, pipelineOfPlan, randomBidders, walk } from './testing.ts'

const gpt = buildProgram(PRESETS['gpt-tiny'])
const mlp = buildProgram(PRESETS['mlp-tiny'])
const BATCHES = { microBatches: 8, lanes: 4 }
const WHOLE = { ...BATCHES, inFlight: 1, threads: 1 }
/** What the whole program takes. */
const MEMORY = stageNeeds(gpt)(cutter(gpt)(1)[0] as never)[0]?.memory(WHOLE) as number
const MLP_MEMORY = stageNeeds(mlp)(cutter(mlp)(1)[0] as never)[0]?.memory(WHOLE) as number

const planGpt = planner(gpt, BATCHES)
/** With more micro-batches. */
const planMore = planner(gpt, { microBatches: 24, lanes: 4 })
const planMlp = planner(mlp, BATCHES)

const told = ({ replicas, cut, cells, nanoseconds }: GridPlan) => ({
  ...{ replicas, nanoseconds, cuts: cut.cuts },
  cells: cells.map(({ replica, stage, bidder, memory }) => [replica, stage, bidder.name, memory]),
})

test.each(seeds(8))('a plan keeps within every memory, whatever the order of the bidders; seed %i', (seed) => {
  const random = seededRandom(seed)
  const all = randomBidders(gpt, random, 7, MEMORY)
  all.push({ ...(all[0] as (typeof all)[number]), name: 'large', memory: 2 * MEMORY })
  const { plan, considered } = planGpt(all)
  for (const one of considered) {
    if ('shortage' in one) {
      expect(one.shortage.missing).toBeGreaterThan(0)
      expect(one.shortage.needed - one.shortage.bidder.memory).toBe(one.shortage.missing)
      continue
    }
    expect(one.plan.nanoseconds).toBeGreaterThanOrEqual(plan.nanoseconds)
    expect(one.plan.cells).toHaveLength(one.replicas * one.stages)
    expect(new Set(one.plan.cells.map(({ bidder }) => bidder.name)).size).toBe(one.replicas * one.stages)
    for (const { memory, bidder } of one.plan.cells) expect(memory).toBeLessThanOrEqual(bidder.memory)
    const { work, bubble, transfers, exchange, update } = one.plan.parts
    expect(work + bubble + transfers + exchange + update).toBe(one.plan.nanoseconds)
  }
  expect(told(planGpt(random.shuffle(all)).plan)).toEqual(told(plan))
})

test.each(seeds(10))('no cut and no placement of a shape is faster than the one that was found, seed %i', (seed) => {
  const all = randomBidders(mlp, seededRandom(seed), 4, MLP_MEMORY)
  for (const [replicas, stages] of [
    [1, 1],
    [1, 2],
    [2, 1],
    [1, 3],
    [2, 2],
  ] as const) {
    const least = leastOf(mlp, BATCHES, all, replicas, stages)
    const found = () => planMlp(all, { replicas, stages }).plan.nanoseconds
    if (least === Number.POSITIVE_INFINITY) expect(found).toThrow(/fits no grid/)
    else expect(found()).toBe(least)
  }
})

test.each(seeds(6))('a further bidder never makes a step slower, seed %i', (seed) => {
  const all = randomBidders(mlp, seededRandom(seed), 8, 3 * MLP_MEMORY)
  let before = Number.POSITIVE_INFINITY
  for (let count = 1; count <= all.length; count++) {
    const { nanoseconds } = planMlp(all.slice(0, count)).plan
    expect(nanoseconds).toBeLessThanOrEqual(before)
    before = nanoseconds
  }
})

test.each(seeds(60))('an assignment costs the least of all, seed %i', (seed) => {
  const random = seededRandom(seed)
  const [stages, count] = [1 + random.below(3), 2 + random.below(4)]
  const offers = Array.from({ length: stages }, () =>
    Array.from({ length: count }, () =>
      random.bool(0.8) ? { first: random.below(20), second: random.below(20) } : null,
    ),
  )
  const each = 1 + random.below(2)
  let least = Number.POSITIVE_INFINITY
  const place = (cell: number, taken: readonly number[], first: number, second: number): void => {
    if (cell === stages * each) least = Math.min(least, first + second)
    else
      for (const [b, offer] of (offers[Math.floor(cell / each)] ?? []).entries()) {
        if (!offer || taken.includes(b)) continue
        place(cell + 1, [...taken, b], Math.max(first, offer.first), Math.max(second, offer.second))
      }
  }
  place(0, [], 0, 0)
  const found = assign(offers, each)
  expect(found ? found.first + found.second : Number.POSITIVE_INFINITY).toBe(least)
  expect(assign(offers, each, least)).toBeNull()
  for (const [s, taken] of (found?.taken ?? []).entries()) {
    expect(taken).toHaveLength(each)
    for (const b of taken) expect(offers[s]?.[b]?.first).toBeLessThanOrEqual(found?.first as number)
  }
})

describe('the predicted time', () => {
  test('is that of the schedule, walked operation by operation, where all stages are alike', () => {
    const [forward, backward] = [300, 500]
    const one = { received: 1000, sent: 1000 }
    const stage: StageNeeds = {
      ...{ parameters: 0, forward: one, backward: one, shared: { received: 0, sent: 0 }, sums: 0 },
      ...{ memory: () => 0, times: () => ({ micro: forward + backward, combine: 0, update: 0 }) },
    }
    const [own] = bidders(mlp, 1) as [Bidder]
    for (const stages of [1, 2, 3, 4, 8]) {
      for (const [rate, latency] of [
        [1e15, 0],
        [8e10, 7],
        [8e10, 4000],
      ] as const) {
        const busy = Math.round((1000 * 8e9) / rate)
        const sends = Array.from({ length: stages - 1 }, (_, s) => [
          { from: s, to: s + 1, pass: 'forward' as const, sending: busy, receiving: busy, latency },
          { from: s + 1, to: s, pass: 'backward' as const, sending: busy, receiving: busy, latency },
        ]).flat()
        const pipeline = { stages: Array.from({ length: stages }, () => ({ forward, backward })), sends }
        for (const microBatches of [1, 2, 3, 5, 8, 24]) {
          for (const eager of [0, 1, 2]) {
            const time = cellTime(stage, { ...own, rate, latency }, { replicas: 1, stages, microBatches, eager })
            expect(pipelineOf(time)).toBe(walk({ ...pipeline, eager }, microBatches))
          }
        }
      }
    }
  })

  test('is near to that of the schedule where stages and links differ', () => {
    const ratios: number[] = []
    for (let seed = 0; seed < 12; seed++) {
      const all = randomBidders(gpt, seededRandom(seed), 5, 10 * MEMORY)
      for (const [microBatches, plans] of [
        [8, planGpt],
        [24, planMore],
      ] as const) {
        for (const stages of [2, 3, 4]) {
          const { plan } = plans(all, { replicas: 1, stages })
          const combine = plan.cells.map(({ stage, bidder }) => plan.stages[stage]?.times(bidder.times).combine ?? 0)
          const walked = walk(pipelineOfPlan(gpt, plan), microBatches) + (microBatches - 1) * Math.max(...combine)
          ratios.push(pipelineOf(plan.slowest.time) / walked)
        }
      }
    }
    ratios.sort((a, b) => a - b)
    expect(ratios[0]).toBeGreaterThan(0.8)
    expect(ratios.at(-1)).toBeLessThan(1.4)
    expect(Math.abs((ratios[ratios.length >> 1] as number) - 1)).toBeLessThan(0.05)
  })
})
