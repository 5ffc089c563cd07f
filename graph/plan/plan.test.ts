/** What the planner chooses where the right choice is known, and what it says where there is none. */
import { describe, expect, test } from 'vitest'
import { AssayError } from '#proto/errors.ts'
import { PRESETS } from '../presets.ts'
import { buildProgram } from '../program.ts'
import type { Bidder } from './bidder.ts'
import { type Choice, losesBy, planner } from './choose.ts'
import { cutter } from './cuts.ts'
import { type StageNeeds, stageNeeds } from './stage.ts'
import { bidders, timesFor } from './testing.ts'

const gpt = buildProgram(PRESETS['gpt-tiny'])
const BATCHES = { microBatches: 8, lanes: 8 }
const WHOLE = { ...BATCHES, inFlight: 1, threads: 1 }
const needsOf = (stages: number): readonly StageNeeds[] => stageNeeds(gpt)(cutter(gpt)(stages)[0] as never)
const [whole] = needsOf(1) as [StageNeeds]
const gridOf = ({ plan }: Choice): readonly number[] => [plan.replicas, plan.stages.length]
const choose = planner(gpt, BATCHES)

describe('planner', () => {
  test('a single bidder takes the whole step, in the time of its parts', () => {
    const { plan, considered } = choose(bidders(gpt, 1))
    const { run, micro, combine, update } = timesFor(gpt)
    const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, run)
    expect(plan.nanoseconds).toBe(8 * sum(micro) + 7 * sum(combine) + sum(update))
    expect(plan.bytes).toEqual({ transfers: 0, shares: 0, sums: 0 })
    expect(considered).toHaveLength(1)
  })

  test('with memory and links for anything, replicas: they have no bubble', () => {
    expect(gridOf(choose(bidders(gpt, 8)))).toEqual([8, 1])
    // Three replicas there are not; a third bidder is of use in no other way.
    expect(gridOf(choose(bidders(gpt, 3)))).not.toEqual([1, 1])
    const choice = choose(bidders(gpt, 8))
    const piped = choice.considered.find((one) => one.replicas === 1 && one.stages === 8)
    if (!piped || !('plan' in piped)) throw new Error('eight stages were not considered')
    expect(losesBy(piped.plan.parts, choice.plan.parts)).toBe('bubble')
  })

  test('with little memory, stages', () => {
    const limit = Math.max(...needsOf(4).map(({ memory }, s) => memory({ ...WHOLE, inFlight: 4 - s })))
    expect(limit).toBeLessThan(whole.memory(WHOLE) / 1.5)
    const { plan, considered } = choose(bidders(gpt, 8, { memory: limit }))
    expect(plan.stages.length).toBeGreaterThan(1)
    const alone = considered.find((one) => one.stages === 1 && one.replicas === 1)
    expect(alone).toMatchObject({ shortage: { stage: 0, needed: whole.memory(WHOLE) } })
    expect(choose(bidders(gpt, 4, { memory: limit }), { stages: 4 }).plan.replicas).toBe(1)
  })

  test('on slow links, nobody else', () => {
    expect(gridOf(choose(bidders(gpt, 8, { rate: 1e4 })))).toEqual([1, 1])
    expect(gridOf(choose(bidders(gpt, 8, { latency: 1e10 })))).toEqual([1, 1])
    // Where sums are dear and activations cheap, stages rather than replicas.
    const { plan } = choose(bidders(gpt, 8, { rate: 1e8 }))
    const replicas = choose(bidders(gpt, 8, { rate: 1e8 }), { stages: 1 }).plan
    expect(plan.nanoseconds).toBeLessThanOrEqual(replicas.nanoseconds)
  })

  test('on links with a long way, stages run ahead, as far as memory allows', () => {
    const far = bidders(gpt, 2, { latency: 200_000 })
    const ahead = choose(far, { stages: 2 }).plan
    expect(ahead.eager).toBeGreaterThan(0)
    expect(choose(bidders(gpt, 2), { stages: 2 }).plan.eager).toBe(0)
    const memory = Math.max(...ahead.cells.map((cell) => cell.memory)) - 1
    const scarce = choose(
      far.map((one) => ({ ...one, memory })),
      { stages: 2 },
    ).plan
    expect(scarce.nanoseconds).toBeGreaterThan(ahead.nanoseconds)
    for (const cell of scarce.cells) expect(cell.memory).toBeLessThanOrEqual(memory)
  })

  test('a faster bidder takes more of the work, a slow one is left out', () => {
    const [a, b] = bidders(gpt, 2) as [Bidder, Bidder]
    const pair = choose([a, { ...b, times: timesFor(gpt, 3) }], { stages: 2 })
    const blocks = pair.plan.cells.map(({ bidder, stage }) => ({
      name: bidder.name,
      blocks: pair.plan.cut.plan.stages[stage]?.blocks as bigint,
    }))
    const of = (name: string): bigint => blocks.find((one) => one.name === name)?.blocks as bigint
    expect(of('b0')).toBeGreaterThan(2n * of('b1'))
    expect(gridOf(choose([a, { ...b, times: timesFor(gpt, 50) }]))).toEqual([1, 1])
    expect(choose([{ ...a, times: timesFor(gpt, 50) }, b]).plan.cells[0]?.bidder.name).toBe('b1')
    const three = choose([{ ...a, name: 'a', times: timesFor(gpt, 1.001) }, a, b], { stages: 1, replicas: 1 })
    expect(three.plan.cells[0]?.bidder.name).toBe('b0')
  })

  test('replicas and stages can be fixed', () => {
    const all = bidders(gpt, 8)
    expect(gridOf(choose(all, { replicas: 2, stages: 2 }))).toEqual([2, 2])
    expect(choose(all, { stages: 2 }).considered.every(({ stages }) => stages === 2)).toBe(true)
    expect(choose(all, { replicas: 4 }).considered.map(({ stages }) => stages)).toEqual([1, 2])
    const { bytes, cut, stages } = choose(all, { replicas: 2, stages: 2 }).plan
    const sums = stages.reduce((sum, one) => sum + one.sums, 0)
    expect(bytes.sums).toBe(2 * sums)
    expect(bytes.transfers).toBe(8 * cut.plan.transfers.reduce((sum, one) => sum + one.bytes, 0))
    expect(bytes.shares).toBe(2 * cut.plan.shares.reduce((sum, one) => sum + one.bytes, 0))
  })
})

describe('what cannot be planned', () => {
  const errorOf = (run: () => unknown): AssayError => {
    try {
      run()
    } catch (error) {
      if (error instanceof AssayError) return error
    }
    throw new Error('no AssayError was thrown')
  }

  test('too little memory: the nearest miss, and what would make it fit', () => {
    const small = bidders(gpt, 2, { memory: 2 ** 17 })
    const { code, message, next } = errorOf(() => choose(small))
    expect(code).toBe('bad-plan')
    expect(message).toMatch(/nearest is 1 x 2 .* stage \d needs \d+ MiB and bidder 'b\d' has 1 MiB/)
    expect(next).toMatch(/Give each bidder \d+ MiB more/)
    const fits = errorOf(() => choose(small)).next?.match(/(\d+) MiB more/)?.[1]
    expect(() => choose(small.map((one) => ({ ...one, memory: one.memory + Number(fits) * 2 ** 20 })))).not.toThrow()
  })

  test('too few bidders, grids that the job does not allow', () => {
    const all = bidders(gpt, 3)
    expect(errorOf(() => choose(all, { replicas: 2, stages: 2 })).message).toBe(
      '2 x 2 cells need 4 bidders, there are 3',
    )
    expect(errorOf(() => choose(all, { replicas: 3 })).code).toBe('bad-plan')
    expect(errorOf(() => choose(bidders(gpt, 16), { replicas: 16 })).code).toBe('bad-plan')
    expect(errorOf(() => choose(bidders(gpt, 9), { stages: 9 })).code).toBe('bad-plan')
  })

  test('malformed bidders', () => {
    const [one] = bidders(gpt, 1) as [Bidder]
    for (const bad of [
      [],
      [one, one],
      [{ ...one, memory: -1 }],
      [{ ...one, rate: 0 }],
      [{ ...one, rate: Number.NaN }],
      [{ ...one, latency: 0.5 }],
      [{ ...one, threads: 0 }],
      [{ ...one, times: { ...one.times, run: -1 } }],
      [{ ...one, times: { ...one.times, micro: [1] } }],
      [{ ...one, times: { ...one.times, update: one.times.update.map(() => Number.POSITIVE_INFINITY) } }],
      bidders(gpt, 257),
    ]) {
      expect(errorOf(() => choose(bad)).code).toBe('bad-input')
    }
  })
})
