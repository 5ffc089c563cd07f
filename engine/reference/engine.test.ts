/** The reference engine's buffers, kernels and taps. */
import { expect, test } from 'vitest'
import { Builder } from '#graph/builder.ts'
import { PRESETS } from '#graph/presets.ts'
import { buildProgram } from '#graph/program.ts'
import { evaluateWords } from '#graph/testing.ts'
import { seededRandom } from '#proto/testing.ts'
import { referenceEngine } from './engine.ts'

const vector = { dtype: 'f32', shape: [3] } as const

function sample() {
  const b = new Builder()
  const x = b.input('x', 'f32', [3])
  const y = b.input('y', 'f32', [3])
  const sum = b.sum(b.mul(x, y))
  b.output('a', b.add(x, sum))
  b.output('b', x)
  return b.finish('sample')
}

function filled(values: number[]) {
  const engine = referenceEngine()
  const buffer = engine.alloc(vector)
  new Float32Array(buffer.words().buffer).set(values)
  return { engine, buffer }
}

test('runs a graph, in place and with inputs passed through', () => {
  const { engine, buffer: x } = filled([1, 2, 3])
  const { buffer: y } = filled([10, 20, 30])
  // Output a overwrites x, output b (which is x) overwrites y: both must see the inputs as they were.
  engine.compile(sample()).run([x, y], [x, y])
  expect([...new Float32Array(x.words().buffer)]).toEqual([141, 142, 143])
  expect([...new Float32Array(y.words().buffer)]).toEqual([1, 2, 3])
})

test('taps every value without changing an input', () => {
  const { engine, buffer: x } = filled([1, 2, 3])
  const { buffer: y } = filled([10, 20, 30])
  const graph = sample()
  const kernel = engine.compile(graph)
  const numbers = (id: number) => [...new Float32Array(kernel.tap([x, y], id).buffer)]
  expect(numbers(1)).toEqual([10, 20, 30])
  expect(numbers(2)).toEqual([10, 40, 90])
  expect(numbers(3)).toEqual([140])
  expect(numbers(4)).toEqual([141, 142, 143])
  kernel.tap([x, y], 0).fill(0)
  expect(numbers(0)).toEqual([1, 2, 3])
  for (const id of [-1, 5, 0.5]) expect(() => kernel.tap([x, y], id)).toThrow(`has no value ${id}`)
})

test('refuses buffers that do not fit the ports', () => {
  const { engine, buffer: x } = filled([1, 2, 3])
  const kernel = engine.compile(sample())
  const wrong = engine.alloc({ dtype: 'i32', shape: [3] })
  expect(() => kernel.run([x], [x, x])).toThrow('has 2 inputs')
  expect(() => kernel.run([x, x], [x])).toThrow('has 2 outputs')
  expect(() => kernel.run([x, wrong], [x, x])).toThrow("input 'y' is f32[3], its buffer i32[3]")
  expect(() => kernel.run([x, x], [wrong, x])).toThrow("output 'a' is f32[3], its buffer i32[3]")
})

test('counts its memory and frees it', async () => {
  const engine = referenceEngine()
  const buffer = engine.alloc({ dtype: 'i32', shape: [5, 2] })
  expect(engine.memory()).toBe(40)
  engine.free(buffer)
  expect(engine.memory()).toBe(0)
  expect(engine.peak()).toBe(40)
  expect(() => engine.free(buffer)).toThrow('not held')
  engine.alloc(vector)
  await engine.close()
  expect(engine.memory()).toBe(0)
})

test('agrees with the direct interpretation of a micro-batch', () => {
  const { micro, init } = buildProgram(PRESETS['gpt-dropout'])
  const engine = referenceEngine()
  const random = seededRandom(3)
  const inputs: Record<string, Uint32Array> = Object.fromEntries(evaluateWords(init, { seed: new Uint32Array([1, 2]) }))
  inputs['records'] = Uint32Array.from(random.bytes(9))
  inputs['seed'] = new Uint32Array([5, 6])
  const buffers = micro.inputs.map(({ name, type }) => {
    const buffer = engine.alloc(type)
    const words = inputs[name]
    if (words) buffer.words().set(words)
    return buffer
  })
  const expected = evaluateWords(micro, inputs)
  const outputs = micro.outputs.map(({ value }) =>
    engine.alloc((micro.inputs[value] ?? micro.nodes[value - micro.inputs.length] ?? { type: vector }).type),
  )
  engine.compile(micro).run(buffers, outputs)
  for (const [i, { name }] of micro.outputs.entries()) expect(outputs[i]?.words(), name).toEqual(expected.get(name))
})
