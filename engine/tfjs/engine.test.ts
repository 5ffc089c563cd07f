/** The engine against the definition, and what it refuses; skipped where the packages are not installed. */
import { afterAll, expect, test } from 'vitest'
import { Builder } from '#graph/builder.ts'
import { wasmEngine } from '../wasm/engine.ts'
import { tfjsEngine } from './engine.ts'
import { installed } from './testing.ts'
import { checkEngines } from './testing-engine.ts'

const exact = await wasmEngine()
const engines = await installed(['cpu', 'wasm'])
afterAll(() => Promise.all([exact, ...engines].map((engine) => engine.close())))

checkEngines(exact, engines)

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
