/** Contractions of all layouts and awkward sizes give the bits of the interpreter. */
import { afterAll, expect, test } from 'vitest'
import { interpret } from '#arith/interpret.ts'
import { nasty, words } from '#arith/testing.ts'
import { primitive } from '#graph/primitives/index.ts'
import { contractionOf } from '../kernel/contraction.ts'
import { compute, difference, everyEngine } from './testing.ts'

const engines = await everyEngine()
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

test.each([1, 2, 3, 4])('matmul, transposes %i', (seed) => {
  const next = words(seed)
  const flags = { transposeA: (seed & 1) !== 0, transposeB: (seed & 2) !== 0 }
  for (let i = 0; i < 25; i++) {
    const k = i % 8 === 0 ? 500 + (next() % 600) : 4 + (next() % 40)
    const [m, n] = [4 + (next() % 20), 4 + (next() % 30)]
    const batch = i % 3 === 0 ? [2] : i % 3 === 1 ? [3, 2] : []
    const left = i % 2 === 0 ? batch : batch.map(() => 1)
    const types = [
      { dtype: 'f32' as const, shape: [...left, ...(flags.transposeA ? [k, m] : [m, k])] },
      { dtype: 'f32' as const, shape: [...batch, ...(flags.transposeB ? [n, k] : [k, n])] },
    ]
    const program = primitive('matmul').element(flags, types)
    expect(contractionOf(program)).not.toBeNull()
    const tame = i % 2 === 0
    const operands = types.map(({ shape }) =>
      Uint32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
        tame ? ((next() & 0x807fffff) | ((120 + (next() % 10)) << 23)) >>> 0 : nasty(next),
      ),
    )
    const expected = interpret(program, operands)
    for (const engine of engines) {
      const at = difference(compute(engine, program, operands), expected)
      if (at >= 0) expect.fail(JSON.stringify({ seed, i, at, variant: engine.variant, m, n, k, types }))
    }
  }
})
