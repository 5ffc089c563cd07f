/** Where the nodes of graphs are computed, and that plans bring every value before it is read and let it go once. */
import { describe, expect, test } from 'vitest'
import { Builder } from '#graph/builder.ts'
import { PRESETS } from '#graph/presets.ts'
import { buildProgram } from '#graph/program.ts'
import { elementsOf } from '#graph/shape.ts'
import { seeds } from '#graph/testing.ts'
import type { Graph } from '#graph/types.ts'
import type { Plan } from './plan.ts'
import { split } from './split.ts'
import { randomGraph } from './testing-graphs.ts'

const ABLE = { scatters: true }

const waits = ({ steps }: Plan): string[] =>
  steps.flatMap((step) => (step.on === 'host' ? step.part.graph.nodes.map(({ op }) => op) : []))

/** Goes through a plan as an engine does. */
function follow(graph: Graph, plan: Plan): void {
  const there = new Set<number>(graph.inputs.keys())
  const bring = (ids: readonly number[]): void => {
    for (const id of ids) there.add(id)
  }
  const need = (ids: readonly number[]): void => {
    for (const id of ids) expect(there.has(id), `value ${id} of ${graph.name}`).toBe(true)
  }
  for (const part of [plan.constants, plan.prelude]) {
    need(part?.inputs ?? [])
    bring(part?.outputs ?? [])
  }
  const kept = new Set([...there, ...plan.outputs.map(({ value }) => value)])
  for (const step of plan.steps) {
    const [inputs, outputs] = step.on === 'host' ? [step.part.inputs, step.part.outputs] : [step.inputs, [step.out]]
    need(inputs)
    bring(outputs)
    need(step.free)
    for (const id of step.free) there.delete(id)
  }
  need(plan.outputs.map(({ value }) => value))
  // Nothing stays behind but inputs, constants, what the prelude made and outputs.
  for (const id of there) expect(kept.has(id), `value ${id} of ${graph.name} is never let go`).toBe(true)
}

describe.each(Object.entries(PRESETS))('%s', (_, spec) => {
  const program = buildProgram(spec)

  test('a step never waits for the exact engine, but for rows that a backend does not sum', () => {
    for (const graph of [program.micro, program.combine, program.update, program.evaluate]) {
      const plan = split(graph, ABLE)
      expect(waits(plan)).toEqual([])
      follow(graph, plan)
      for (const op of waits(split(graph, { scatters: false }))) expect(op).toBe('scatterAdd')
    }
  })

  test('the initial state is all of the exact engine', () => {
    const plan = split(program.init, ABLE)
    expect(plan.steps).toEqual([])
    for (const { on } of plan.outputs) expect(on).toBe('host')
    follow(program.init, plan)
  })
})

test('dropout is drawn before the backend starts; a causal mask is made once, without the axes it does not depend on', () => {
  const { constants, prelude } = split(buildProgram(PRESETS['gpt-dropout']).micro, ABLE)
  expect(prelude!.graph.nodes.filter(({ type }) => type.dtype === 'u32').length).toBeGreaterThan(10)
  const masks = constants!.graph.nodes.filter(({ type }) => type.dtype === 'bool')
  expect(masks.map(({ type }) => elementsOf(type.shape))).toEqual([8 * 8])
})

test('labels of float records are read from the input, not from the backend', () => {
  const b = new Builder()
  const records = b.input('records', 'f32', [4, 3])
  const label = b.toInt(b.slice(records, [0, 2], [4, 1]))
  const hit = b.equal(b.iota([4, 5], 1), label)
  const logits = b.matmul(b.slice(records, [0, 0], [4, 2]), b.input('weight', 'f32', [2, 5]))
  b.output('y', b.sum(b.select(hit, logits, 0)))
  const graph = b.finish('labels')
  const plan = split(graph, ABLE)
  expect(waits(plan)).toEqual([])
  expect(plan.prelude!.inputs).toEqual([0])
  follow(graph, plan)
})

test('what no backend has goes to the exact engine: quantised contractions, bits of floats, seven axes', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [2, 3])
  const square = b.mul(x, x)
  b.output('quantised', b.matmul(square, square, { transposeB: true, arithmetic: 'q16' }))
  b.output('bits', b.toFloat(b.toInt(square)))
  b.output('axes', b.neg(b.reshape(square, [1, 2, 1, 3, 1, 1, 1])))
  const graph = b.record('rare')
  const plan = split(graph, ABLE)
  expect(waits(plan).sort()).toEqual(['map', 'map', 'map', 'matmul', 'reshape'])
  follow(graph, plan)
})

test.each(seeds(40))('random graph %i', (seed) => {
  const { graph } = randomGraph(seed)
  for (const scatters of [true, false]) follow(graph, split(graph, { scatters }))
})
