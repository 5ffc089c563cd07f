/** Reductions over every choice of axes give the bits of the interpreter. */
import { afterAll, expect, test } from 'vitest'
import { interpret } from '#arith/interpret.ts'
import { nasty, words } from '#arith/testing.ts'
import { primitive } from '#graph/primitives/index.ts'
import { compute, difference, everyEngine } from './testing.ts'

const engines = (await everyEngine()).filter(({ variant }) => variant !== 'emulated')
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

const SHAPES = [[7], [33], [3, 65], [5, 3], [130, 20], [4, 31, 9], [2, 3, 4, 40], [1, 70000], [40000, 2], [600000]]
const cases = SHAPES.flatMap((shape) =>
  Array.from({ length: 2 ** shape.length - 1 }, (_, mask) => ({
    shape,
    axes: shape.flatMap((_, axis) => (((mask + 1) >> axis) & 1 ? [axis] : [])),
  })),
)

test.each(cases)('reduce $shape over $axes', ({ shape, axes }) => {
  const next = words(shape.length + axes.length)
  for (const kind of ['sum', 'max'] as const) {
    for (const wild of [false, true]) {
      const types = [{ dtype: 'f32' as const, shape }]
      const program = primitive('reduce').element({ kind, axes, keepDims: false }, types)
      const operand = Uint32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
        wild && next() % 64 === 0 ? nasty(next) : ((next() & 0x807fffff) | ((120 + (next() % 10)) << 23)) >>> 0,
      )
      const expected = interpret(program, [operand])
      for (const engine of engines) {
        const at = difference(compute(engine, program, [operand]), expected)
        const { variant } = engine
        expect({ variant, kind, wild, at }).toEqual({ variant, kind, wild, at: -1 })
      }
    }
  }
})
