/** Any valid element program gives the bits of the interpreter, however fma is computed. */
import { afterAll, expect, test } from 'vitest'
import { interpret } from '#arith/interpret.ts'
import { words } from '#arith/testing.ts'
import { compute, difference, everyEngine, randomCase } from './testing.ts'

const engines = await everyEngine()
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

test.each([1, 2, 3, 4])('random element programs, seed %i', (seed) => {
  const next = words(seed)
  let lively = 0
  for (let i = 0; i < 150; i++) {
    const { program, operands } = randomCase(next)
    const expected = interpret(program, operands)
    if (new Set(expected).size > expected.length / 4) lively++
    for (const engine of engines) {
      const got = compute(engine, program, operands)
      const at = difference(got, expected)
      if (at >= 0) {
        const detail = { seed, i, variant: engine.variant, at, got: got[at], expected: expected[at], program }
        expect.fail(JSON.stringify(detail))
      }
    }
  }
  // Programs whose results are all alike would hide a wrong address or order.
  expect(lively).toBeGreaterThan(60)
})
