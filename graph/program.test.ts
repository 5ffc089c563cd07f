/** Whole programs: ports that agree, splits that agree, padding that does not count, and learning. */
import { expect, test } from 'vitest'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import { PRESETS, type PresetName } from './presets.ts'
import { buildPrediction, buildProgram } from './program.ts'
import { elementsOf, sameType } from './shape.ts'
import type { ProgramSpec } from './spec.ts'
import { evaluate, typeOf } from './testing.ts'
import type { Graph, Port, Program } from './types.ts'

const names = Object.keys(PRESETS) as PresetName[]
const metric = (name: string): Port => ({ name, type: { dtype: 'f32', shape: [] } })
const prefixed = (side: string, ports: readonly Port[]) => ports.map(({ name, type }) => ({ name: side + name, type }))
const outputsOf = (graph: Graph) => graph.outputs.map(({ name, value }) => ({ name, type: typeOf(graph, value) }))

test.each(names)('%s: the graphs agree on their ports', (name) => {
  const spec: ProgramSpec = PRESETS[name]
  const { init, micro, combine, update, evaluate: evaluation, state, gradients, metrics } = buildProgram(spec)
  const b = spec.batch / spec.microBatches
  const records = {
    name: 'records',
    type: { dtype: spec.data.format === 'csv' ? 'f32' : 'i32', shape: [b, spec.data.features + 1] },
  }
  const seed = { name: 'seed', type: { dtype: 'u32', shape: [2] } }
  const step = { name: 'step', type: { dtype: 'u32', shape: [] } }
  const position = { name: 'position', type: { dtype: 'u32', shape: [b] } }
  const sums = [...gradients, ...metrics]
  expect(init.inputs).toEqual([seed])
  expect(outputsOf(init)).toEqual(state)
  expect(micro.inputs).toEqual([...state, seed, step, position, records])
  expect(outputsOf(micro)).toEqual(sums)
  expect(combine.inputs).toEqual([...prefixed('a.', sums), ...prefixed('b.', sums)])
  expect(outputsOf(combine)).toEqual(sums)
  expect(update.inputs).toEqual([...state, step, ...sums])
  expect(outputsOf(update)).toEqual([...state, metric('loss'), metric('learningRate')])
  expect(evaluation.inputs).toEqual([...state, records])
  expect(outputsOf(evaluation)).toEqual(metrics)
  for (const [i, gradient] of gradients.entries()) {
    expect(gradient.name).toBe(`grad.${state[i]?.name}`)
    expect(sameType(gradient.type, (state[i] as Port).type)).toBe(true)
  }
})

/** Records whose class shows in their features: the part of the record that is high. Texts repeat abc. */
function toyRecords(spec: ProgramSpec, count: number, random: SeededRandom): number[][] {
  const { features, classes, format } = spec.data
  return Array.from({ length: count }, () => {
    if (format === 'text') {
      const start = random.below(3)
      return Array.from({ length: features + 1 }, (_, i) => 97 + ((start + i) % 3))
    }
    const label = random.below(classes)
    const values = Array.from({ length: features }, (_, i) => {
      const high = Math.floor((i * classes) / features) === label
      return format === 'csv' ? random.u32() / 2 ** 32 + (high ? 1.5 : 0) : random.below(80) + (high ? 150 : 0)
    })
    return [...values, label]
  })
}

type State = Record<string, number[]>
const sumNames = (program: Program) => [...program.gradients, ...program.metrics].map(({ name }) => name)

/** One global step over `records`, micro-batches added left to right. */
function sumOf(program: Program, spec: ProgramSpec, state: State, step: number, records: number[][]): State {
  const size = spec.batch / spec.microBatches
  let sum: State | undefined
  for (let m = 0; m < spec.microBatches; m++) {
    const mine = records.slice(m * size, (m + 1) * size)
    const position = mine.map((_, i) => step * spec.batch + m * size + i)
    const part = evaluate(program.micro, { ...state, seed: [3, 4], step: [step], position, records: mine.flat() })
    if (!sum) {
      sum = part
      continue
    }
    const sides: State = {}
    for (const name of sumNames(program)) {
      sides[`a.${name}`] = sum[name] as number[]
      sides[`b.${name}`] = part[name] as number[]
    }
    sum = evaluate(program.combine, sides)
  }
  return sum as State
}

test.each(['mlp-tiny', 'cnn-tiny', 'gpt-dropout'] as const)(
  '%s: the split into micro-batches hardly changes the gradient',
  (name) => {
    const spec: ProgramSpec = PRESETS[name]
    const whole = { ...spec, microBatches: 1 }
    const records = toyRecords(spec, spec.batch, seededRandom(2))
    const state = evaluate(buildProgram(spec).init, { seed: [5, 6] })
    const [split, one] = [spec, whole].map((s) => sumOf(buildProgram(s), s, state, 7, records)) as [State, State]
    for (const key of Object.keys(one)) {
      for (const [i, value] of (one[key] as number[]).entries()) {
        expect(Math.abs((split[key]?.[i] as number) - value), `${key}[${i}]`).toBeLessThan(2e-6 * (1 + Math.abs(value)))
      }
    }
  },
)

/** The smallest GPT with dropout that still learns a period of three letters. */
const smallGpt: ProgramSpec = {
  model: { type: 'gpt', width: 8, layers: 1, heads: 2, context: 6, dropout: Math.fround(0.1) },
  data: { format: 'text', height: 0, width: 0, features: 6, classes: 256 },
  optimizer: { ...PRESETS['gpt-tiny'].optimizer, learningRate: 0.03 },
  batch: 2,
  microBatches: 2,
}

test.each<[string, ProgramSpec, number, number]>([
  ['mlp', PRESETS['mlp-tiny'], 40, 0.5],
  ['cnn', PRESETS['cnn-tiny'], 20, 0.7],
  ['gpt', smallGpt, 15, 0.7],
])('%s learns', (_name, spec, steps, ratio) => {
  const program = buildProgram(spec)
  const random = seededRandom(8)
  let state = evaluate(program.init, { seed: [1, 1] })
  const losses: number[] = []
  for (let step = 0; step < steps; step++) {
    const sum = sumOf(program, spec, state, step, toyRecords(spec, spec.batch, random))
    expect(sum['count']).toEqual([spec.batch])
    state = evaluate(program.update, { ...state, ...sum, step: [step] })
    losses.push(state['loss']?.[0] as number)
  }
  const last = losses.slice(-5).reduce((sum, loss) => sum + loss / 5, 0)
  expect(last).toBeLessThan(ratio * (losses[0] as number))

  const size = spec.batch / spec.microBatches
  const records = toyRecords(spec, size, random)
  const result = evaluate(program.evaluate, { ...state, records: records.flat() })
  expect(result['count']).toEqual([size])
  expect((result['loss']?.[0] as number) / size).toBeLessThan(ratio * (losses[0] as number))
  if (result['correct']) expect(result['correct'][0]).toBeGreaterThanOrEqual(size / 2)
})

test.each(['mlp-tiny', 'cnn-tiny', 'gpt-tiny'] as const)('%s: evaluation does not count padding', (name) => {
  const spec: ProgramSpec = PRESETS[name]
  const program = buildProgram(spec)
  const state = evaluate(program.init, { seed: [1, 1] })
  const [record] = toyRecords(spec, 1, seededRandom(4)) as [number[]]
  const size = spec.batch / spec.microBatches
  const padding = new Array<number>(record.length).fill(0).with(-1, -1)
  const padded = [record, ...new Array<number[]>(size - 1).fill(padding)]
  const one = evaluate(program.evaluate, { ...state, records: padded.flat() })
  const all = evaluate(program.evaluate, { ...state, records: new Array(size).fill(record).flat() })
  expect(one['count']).toEqual([1])
  expect(all['count']).toEqual([size])
  expect((one['loss']?.[0] as number) * size).toBeCloseTo(all['loss']?.[0] as number, 4)
})

test('initial weights have the standard deviation that the model asks for', () => {
  const { init, state } = buildProgram(PRESETS['gpt-tiny'])
  const values = evaluate(init, { seed: [9, 9] })
  const deviation = (name: string) => {
    const x = values[name] as number[]
    return Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length)
  }
  expect(deviation('wte')).toBeCloseTo(0.02, 3)
  expect(deviation('h1.mlp.down.weight')).toBeCloseTo(0.02 / 2, 3)
  expect(values['lnf.gain']?.every((v) => v === 1)).toBe(true)
  expect(values['beta1Power']).toEqual([1])
  const nonzero = state.filter(({ name }) => values[name]?.some((v) => v !== 0)).map(({ name }) => name)
  expect(nonzero.some((name) => /^[mv]\.|bias$/.test(name))).toBe(false)
})

test('a prediction graph gives the logits that the loss is made of', () => {
  const spec = PRESETS['mlp-tiny']
  const program = buildProgram(spec)
  const state = evaluate(program.init, { seed: [1, 1] })
  const records = toyRecords(spec, 2, seededRandom(6))
  const graph = buildPrediction(spec, 2)
  expect(graph.inputs.map(({ name }) => name)).toEqual([
    ...program.gradients.map(({ name }) => name.slice(5)),
    'records',
  ])
  const logits = evaluate(graph, { ...state, records: records.flat() })['logits'] as number[]
  const loss = records.reduce((sum, record, i) => {
    const row = logits.slice(3 * i, 3 * i + 3)
    return sum + Math.log(row.reduce((all, v) => all + Math.exp(v), 0)) - (row[record[4] as number] as number)
  }, 0)
  const result = evaluate(program.evaluate, { ...state, records: records.flat() })
  expect(result['loss']?.[0]).toBeCloseTo(loss, 4)
  expect(elementsOf(typeOf(graph, graph.outputs[0]?.value as number).shape)).toBe(6)
})
