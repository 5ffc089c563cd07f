/** Cuts of any program: nothing runs before its operands, every node runs once, and the outputs keep their bits. */
import { expect, test } from 'vitest'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import { checkGraph } from '../check.ts'
import { graphCost } from '../cost.ts'
import type { Part } from '../part.ts'
import { PRESETS } from '../presets.ts'
import { buildProgram } from '../program.ts'
import { elementsOf } from '../shape.ts'
import { evaluateWords, reals, seeds, wordsOf } from '../testing.ts'
import type { Program } from '../types.ts'
import { balance } from './balance.ts'
import { microPlaces, type Plan, partition } from './plan.ts'
import { stageMemory, stageParts } from './stage.ts'
import { randomProgram } from './testing.ts'

/** What a stage holds of a micro-batch: words by value number. */
type Held = Map<number, Uint32Array>

function runPart({ graph, reads, results }: Part, held: Held): void {
  const inputs = Object.fromEntries(reads.map((id) => [`v${id}`, held.get(id) as Uint32Array]))
  expect(Object.values(inputs), 'a stage reads what it does not have').not.toContain(undefined)
  const values = evaluateWords(graph, inputs)
  for (const id of results) held.set(id, values.get(`v${id}`) as Uint32Array)
}

/** The outputs of `micro`, from stages that see nothing but what the plan brings them. */
function runStages(program: Program, plan: Plan, inputs: Held): Map<string, Uint32Array> {
  const { micro, state } = program
  const shared = new Set(plan.shares.filter(({ kind }) => kind === 'state').map(({ index, to }) => `${index} ${to}`))
  const stages = plan.stages.map((stage, s) => ({
    parts: stageParts(program, plan, s),
    held: new Map([...inputs].filter(([i]) => i >= state.length || stage.state.includes(i) || shared.has(`${i} ${s}`))),
  }))
  for (const pass of ['forward', 'backward'] as const) {
    const order = [...stages.entries()]
    if (pass === 'backward') order.reverse()
    for (const [s, { parts, held }] of order) {
      for (const { value, from, to, pass: when } of plan.transfers) {
        if (to === s && when === pass) held.set(value, stages[from]?.held.get(value) as Uint32Array)
      }
      checkGraph(parts[pass].graph)
      runPart(parts[pass], held)
    }
  }
  return new Map(
    plan.stages.flatMap(({ sums }, s) =>
      sums.map((i) => {
        const { name, value } = micro.outputs[i] as { name: string; value: number }
        return [name, stages[s]?.held.get(value) as Uint32Array] as const
      }),
    ),
  )
}

function randomCuts(random: SeededRandom, count: number, stages: number): number[] {
  const places = random.shuffle(Array.from({ length: count - 1 }, (_, i) => i + 1))
  return places.slice(0, stages - 1).sort((a, b) => a - b)
}

const inputsOf = ({ micro }: Program, random: SeededRandom): Held =>
  new Map(micro.inputs.map(({ type }, i) => [i, wordsOf(type.dtype, reals(random, elementsOf(type.shape)))]))

test.each(seeds(40))('a random program, cut anywhere, seed %i', (seed) => {
  const random = seededRandom(seed)
  const program = randomProgram(random)
  const { micro } = program
  const { count } = microPlaces(program)
  const inputs = inputsOf(program, random)
  const whole = evaluateWords(micro, Object.fromEntries(micro.inputs.map(({ name }, i) => [name, inputs.get(i)!])))
  for (const stages of [1, 2, 3, count].filter((n) => n <= count)) {
    const plan = partition(program, stages, random.bool() ? {} : { cuts: randomCuts(random, count, stages) })
    expect(new Map([...runStages(program, plan, inputs)].sort())).toEqual(new Map([...whole].sort()))
    const listed = plan.stages.flatMap(({ forward, backward }) => [...forward, ...backward])
    const ids = listed.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, i) => first + i))
    expect(ids.sort((a, b) => a - b)).toEqual(micro.nodes.map((_, i) => micro.inputs.length + i))
    expect(plan.stages.reduce((sum, { blocks }) => sum + blocks, 0n)).toBe(graphCost(micro).blocks)
    expect(plan.stages.flatMap(({ state }) => state).sort((a, b) => a - b)).toEqual([...program.state.keys()])
  }
})

test('tied weights live in the first stage that reads them on the way up, and are shared with the other', () => {
  let tied = 0
  for (let seed = 1000; seed < 1020; seed++) {
    const program = randomProgram(seededRandom(seed))
    const plan = partition(program, 2)
    const [below, above] = plan.stages.map((_, s) => stageParts(program, plan, s).forward.reads)
    for (const index of program.gradients.keys()) {
      if (!below?.includes(index) || !above?.includes(index)) continue
      tied++
      expect(plan.stages[0]?.state).toContain(index)
      const { type } = program.state[index] as { type: unknown }
      expect(plan.shares).toContainEqual({ kind: 'state', index, from: 0, to: 1, type, bytes: 64 })
    }
  }
  expect(tied).toBeGreaterThan(0)
})

test.each(seeds(60))('a cut is the best one within the slack, seed %i', (seed) => {
  const random = seededRandom(seed)
  const count = 2 + random.below(8)
  const costs = Array.from({ length: count }, () => BigInt(random.below(20)))
  const bytes = Array.from({ length: count }, () => random.below(6))
  const stages = 1 + random.below(Math.min(count, 4))
  const all: number[][] = [[]]
  for (let s = 1; s < stages; s++) {
    for (const cuts of all.splice(0)) for (let p = (cuts.at(-1) ?? 0) + 1; p < count; p++) all.push([...cuts, p])
  }
  const worst = (cuts: readonly number[]): bigint =>
    [0, ...cuts].reduce((most, start, i) => {
      const cost = costs.slice(start, cuts[i]).reduce((sum, one) => sum + one, 0n)
      return cost > most ? cost : most
    }, 0n)
  const carried = (cuts: readonly number[]): number => cuts.reduce((sum, p) => sum + (bytes[p] as number), 0)
  const least = all.map(worst).reduce((a, b) => (a < b ? a : b))
  const good = all.filter((cuts) => worst(cuts) <= least + least / 8n)
  const fewest = Math.min(...good.map(carried))
  const best = good.filter((cuts) => carried(cuts) === fewest)
  const found = balance(costs, bytes, stages)
  expect(best).toContainEqual(found)
  expect(worst(found)).toBe(best.map(worst).reduce((a, b) => (a < b ? a : b)))
})

test('a gpt is cut between its blocks, with each parameter beside its gradient', () => {
  const model = { type: 'gpt', width: 32, layers: 4, heads: 2, context: 16, dropout: 0 } as const
  const program = buildProgram({ ...PRESETS['gpt-tiny'], model })
  const plan = partition(program, 2)
  const residual = 2 * 16 * 32 * 4
  const [up, down] = (['forward', 'backward'] as const).map((way) =>
    plan.transfers.filter(({ pass, bytes }) => pass === way && bytes >= residual).map(({ bytes }) => bytes),
  )
  expect([up, down]).toEqual([[residual], [residual]])
  for (const { forward, backward, state, sums } of plan.stages) {
    expect([forward.length, backward.length]).toEqual([1, 1])
    const parameters = state.filter((i) => i < program.gradients.length)
    expect(sums.filter((i) => i < program.gradients.length)).toEqual(parameters)
  }
  const names = (s: number) => plan.stages[s]?.state.map((i) => program.state[i]?.name ?? '') ?? []
  expect(names(0)).toEqual(expect.arrayContaining(['wte', 'm.wte', 'v.h0.mlp.down.weight', 'beta1Power']))
  expect(names(1)).toEqual(expect.arrayContaining(['head.weight', 'm.head.weight', 'v.h3.mlp.down.weight']))
  // Powers of AdamW are the only tensors that both updates read.
  expect(plan.shares.map(({ kind, bytes }) => ({ kind, bytes }))).toEqual([
    { kind: 'state', bytes: 4 },
    { kind: 'state', bytes: 4 },
  ])
  const run = { inFlight: 1, microBatches: 2, lanes: 2 }
  const [half] = plan.stages.map((_, s) => stageMemory(program, plan, s, run).total)
  const [full] = [stageMemory(program, partition(program, 1), 0, run).total]
  expect(half).toBeLessThan(0.6 * (full as number))
})

test('impossible cuts are refused', () => {
  const program = buildProgram(PRESETS['mlp-tiny'])
  const { count } = microPlaces(program)
  for (const stages of [0, 1.5, count + 1]) {
    expect(() => partition(program, stages)).toThrow(expect.objectContaining({ code: 'bad-plan' }))
  }
  for (const cuts of [[], [0], [count], [2, 1], [1.5]]) {
    expect(() => partition(program, 2, { cuts })).toThrow(expect.objectContaining({ code: 'bad-plan' }))
  }
  expect(() => stageParts(program, partition(program, 2), 2)).toThrow(expect.objectContaining({ code: 'bad-plan' }))
})
