/** Thousands of quantised contractions of random layout and size give the bits of the interpreter, on every engine. */
import { afterAll, expect, test } from 'vitest'
import { words } from '#arith/hard.ts'
import { interpret } from '#arith/interpret.ts'
import { hardVector } from '#arith/testing-quantised.ts'
import { primitive } from '#graph/primitives/index.ts'
import { elementsOf } from '#graph/shape.ts'
import { compute, difference, everyEngine } from './testing.ts'

const engines = await everyEngine([['avx512-vnni', 2]])
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

test.each(Array.from({ length: 16 }, (_, i) => i))('100 products, seed %i', { timeout: 3_600_000 }, (seed) => {
  const next = words(9_000 + seed)
  const size = (limit: number): number => 1 + (next() % (next() % 4 === 0 ? limit : 20))
  for (let i = 0; i < 100; i++) {
    const [m, n, k] = [size(150), size(250), size(700)]
    const attrs = { transposeA: (i & 1) !== 0, transposeB: (i & 2) !== 0, order: (i & 4) === 0 ? 'q16' : 'q24' }
    const batch = [[], [2], [3, 2]][next() % 3]!
    const types = [
      [...batch.map((n) => (next() % 2 === 0 ? n : 1)), ...(attrs.transposeA ? [k, m] : [m, k])],
      [...batch, ...(attrs.transposeB ? [n, k] : [k, n])],
    ].map((shape) => ({ dtype: 'f32' as const, shape }))
    const program = primitive('matmul').element(attrs, types)
    const operands = types.map(({ shape }) => hardVector(next, elementsOf(shape), next()))
    const expected = interpret(program, operands)
    for (const engine of engines) {
      const at = difference(compute(engine, program, operands), expected)
      if (at >= 0) expect.fail(JSON.stringify({ engine: engine.name, seed, i, attrs, types, at }))
    }
  }
})
