/** The engine against the definition: integers to the bit, floats nearby; skipped where the packages are not installed. */
import { afterAll, describe, expect, test } from 'vitest'
import { Builder } from '#graph/builder.ts'
import { PRESETS } from '#graph/presets.ts'
import { buildProgram } from '#graph/program.ts'
import { allSuites } from '../conformance/cases.ts'
import { Replica } from '../testing.ts'
import { wasmEngine } from '../wasm/engine.ts'
import { tfjsEngine } from './engine.ts'
import { deviation, installed, vectorsOf } from './testing.ts'

const exact = await wasmEngine()
const engines = await installed(['cpu', 'wasm'])
afterAll(() => Promise.all([exact, ...engines].map((engine) => engine.close())))

// Of the quick one, whose words are hard, all kinds are in the others.
const suites = [...allSuites()].filter(({ name }) => name !== 'quick')
/** Far more than rounding, far less than a mistake. */
const NEAR = 1e-4

describe.each(engines)('$name', (engine) => {
  test.each(suites)('$name: integers to the bit, floats near', (suite) => {
    const expected = vectorsOf(exact, suite)
    const actual = vectorsOf(engine, suite)
    for (const [i, { name, type, words }] of expected.entries()) {
      if (type.dtype !== 'f32') expect(actual[i]!.words, name).toEqual(words)
      // Infinities, NaN and the ends of the range are where the definition and vendors part.
      else if (!/hard|wild|dense/.test(name)) expect(deviation(words, actual[i]!.words), name).toBeLessThan(NEAR)
    }
  })

  test('the elementary functions are those of the backend', () => {
    const b = new Builder()
    const x = b.input('x', 'f32', [1000])
    const y = b.add(b.mul(x, x), 0.5)
    for (const name of ['exp', 'tanh', 'erf', 'sin', 'cos', 'gelu', 'geluGradient'] as const) {
      b.output(name, b.elementwise(name, [x]))
    }
    b.output('log', b.log(y))
    b.output('pow', b.pow(y, x))
    b.output('sqrt', b.sqrt(y))
    const graph = b.finish('functions')
    const kernel = engine.compile(graph) as ReturnType<typeof engine.compile> & { report: unknown }
    expect(kernel.report).toMatchObject({ prelude: 0, waits: [] })
    const words = new Uint32Array(Float32Array.from({ length: 1000 }, (_, i) => (i - 500) / 100).buffer)
    const suite = { name: 'functions', graph, inputs: [words] }
    for (const [i, { name, words }] of vectorsOf(exact, suite).entries()) {
      expect(deviation(words, vectorsOf(engine, suite)[i]!.words), name).toBeLessThan(1e-5)
    }
  })

  test.each(Object.entries(PRESETS))('%s trains beside the exact engine', (_, spec) => {
    const program = buildProgram(spec)
    const plan = { ...spec, below: spec.data.classes }
    const [a, b] = [exact, engine].map((one) => new Replica(one, program, plan, 3)) as [Replica, Replica]
    // The initial state is computed by the exact engine.
    expect(b.words()).toEqual(a.words())
    for (let step = 0; step < 3; step++) expect(Math.abs(a.step(step) - b.step(step))).toBeLessThan(1e-4)
    expect(deviation(a.words(), b.words())).toBeLessThan(NEAR)
    expect(b.words()).not.toEqual(a.words())
  })
})

test.runIf(engines.length > 0)('a value is tapped, memory is counted, limits and strangers are refused', async () => {
  const engine = await tfjsEngine({ backend: 'cpu', limit: 2 ** 20 })
  const b = new Builder()
  const x = b.input('x', 'f32', [2, 3])
  const sum = b.sum(b.mul(x, 2), [1])
  b.output('y', b.neg(sum))
  const graph = b.finish('small')
  const kernel = engine.compile(graph)
  const input = engine.alloc({ dtype: 'f32', shape: [2, 3] })
  input.words().set(new Uint32Array(new Float32Array([1, 2, 3, 4, 5, 6]).buffer))
  const output = engine.alloc({ dtype: 'f32', shape: [2] })
  kernel.run([input], [output])
  expect([...new Float32Array(output.words().slice().buffer)]).toEqual([-12, -30])
  const value = graph.nodes.findIndex(({ op }) => op === 'reduce') + 1
  expect([...new Float32Array(kernel.tap([input], value).buffer)]).toEqual([12, 30])
  expect(engine.memory()).toBeGreaterThanOrEqual(32)
  expect(engine.peak()).toBeGreaterThanOrEqual(engine.memory())
  expect(() => kernel.run([output], [output])).toThrow(/input 0 of 'small' is f32\[2,3\]/)
  expect(() => kernel.run([], [output])).toThrow(/has 1 inputs, got 0/)
  engine.free(input)
  expect(() => kernel.run([input], [output])).toThrow(/not held/)
  const big = new Builder()
  big.output('y', big.mul(big.input('x', 'f32', [1024, 1024]), 2))
  expect(() => engine.compile(big.finish('big'))).toThrow(
    expect.objectContaining({ code: 'over-limit', next: expect.stringMatching(/micro-batches/) }),
  )
  await engine.close()
  expect(() => engine.compile(graph)).toThrow(expect.objectContaining({ code: 'worker-lost' }))
})
