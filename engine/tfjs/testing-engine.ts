/** For tests: what an engine on any backend has to do, against an exact engine. */
import { describe, expect, test } from 'vitest'
import { Builder } from '#graph/builder.ts'
import { PRESETS } from '#graph/presets.ts'
import { buildProgram } from '#graph/program.ts'
import { seeds } from '#graph/testing.ts'
import { allSuites } from '../conformance/cases.ts'
import { Replica } from '../testing.ts'
import type { Engine } from '../types.ts'
import type { TfjsEngine } from './engine.ts'
import { deviation, type Vector, vectorsOf } from './testing.ts'
import { randomGraph } from './testing-graphs.ts'

const SEEDS = seeds(12)
// Of the quick one, whose words are hard, all kinds are in the others.
const suites = [...allSuites()].filter(({ name }) => name !== 'quick')
/** Far more than rounding, far less than a mistake. */
const NEAR = 1e-4

/** Integers and truth values to the bit, floats near. */
function compare(expected: readonly Vector[], actual: readonly Vector[]): void {
  for (const [i, { name, type, words }] of expected.entries()) {
    if (type.dtype !== 'f32') expect(actual[i]!.words, name).toEqual(words)
    // Infinities, NaN, subnormals and the ends of the range are where the definition and vendors part.
    else if (!/hard|wild|dense|chain/.test(name)) expect(deviation(words, actual[i]!.words), name).toBeLessThan(NEAR)
  }
}

/** Declares the tests that every backend has to pass. */
export function checkEngines(exact: Engine, engines: readonly TfjsEngine[]): void {
  if (engines.length === 0) test.todo('no backend of TensorFlow.js is installed')
  describe.each(engines)('$name', (engine) => checkEngine(exact, engine))
}

function checkEngine(exact: Engine, engine: TfjsEngine): void {
  // Those of maps are full of subnormals, which libtensorflow flushes, and of NaN, of which WebGPU promises nothing.
  const plain = ['tfjs-cpu', 'tfjs-wasm'].includes(engine.name)
  const tame = suites.filter(({ name }) => plain || !name.startsWith('map'))
  test.each(tame)('$name: integers to the bit, floats near', (suite) => {
    compare(vectorsOf(exact, suite), vectorsOf(engine, suite))
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
    const held = engine.memory()
    for (let step = 3; step < 5; step++) b.step(step)
    expect(engine.memory()).toBe(held)
  })

  test.each(SEEDS)('random graph %i', (seed) => {
    const suite = randomGraph(seed)
    compare(vectorsOf(exact, suite), vectorsOf(engine, suite))
  })
}
