/** Quantised contractions of all layouts, sizes and hard words give the bits of the interpreter, on every engine. */
import { afterAll, expect, test } from 'vitest'
import { words } from '#arith/hard.ts'
import { interpret } from '#arith/interpret.ts'
import { hardVector } from '#arith/testing-quantised.ts'
import type { ElementProgram, QuantisedOrder } from '#arith/types.ts'
import { primitive } from '#graph/primitives/index.ts'
import { elementsOf } from '#graph/shape.ts'
import { methodOf } from '../kernel/select.ts'
import { compute, difference, everyEngine } from './testing.ts'

const engines = await everyEngine([['avx512-vnni', 2]])
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

interface Product {
  readonly order: QuantisedOrder
  readonly transposeA: boolean
  readonly transposeB: boolean
  readonly shapes: readonly [number[], number[]]
}

function expectEqual({ shapes, ...attrs }: Product, next: () => number, kind: number): void {
  const types = shapes.map((shape) => ({ dtype: 'f32' as const, shape }))
  const program = primitive('matmul').element(attrs, types)
  const operands = shapes.map((shape, side) => hardVector(next, elementsOf(shape), kind + 3 * side))
  const expected = interpret(program, operands)
  for (const engine of engines) {
    const at = difference(compute(engine, program, operands), expected)
    if (at >= 0) expect.fail(JSON.stringify({ engine: engine.name, ...attrs, shapes, kind, at }))
  }
}

const product = (
  order: QuantisedOrder,
  flags: number,
  batches: readonly number[][],
  [m, k, n]: readonly number[],
): Product => {
  const [transposeA, transposeB] = [(flags & 1) !== 0, (flags & 2) !== 0]
  const left = [...batches[0]!, ...(transposeA ? [k!, m!] : [m!, k!])]
  const right = [...batches[1]!, ...(transposeB ? [n!, k!] : [k!, n!])]
  return { order, transposeA, transposeB, shapes: [left, right] }
}

test.each([0, 1, 2, 3])('small products of any size, transposes %i', (flags) => {
  const next = words(40 + flags)
  for (let i = 0; i < 24; i++) {
    const size = [1 + (next() % 20), 1 + (next() % 20), 1 + (next() % 40)]
    const batch = i % 3 === 0 ? [2] : i % 3 === 1 ? [3, 2] : []
    const batches = [i % 2 === 0 ? batch : batch.map(() => 1), batch]
    expectEqual(product(i % 4 < 2 ? 'q16' : 'q24', flags, batches, size), next, i)
  }
})

test.each([0, 1, 2, 3])('blocks of 256 and what is left of them, many panels, transposes %i', (flags) => {
  const next = words(50 + flags)
  const sizes = [
    [5, 256, 7],
    [3, 257, 50],
    [18, 255, 3],
    [33, 513, 13],
    // More columns than are packed at a time.
    [2, 256, 1300],
    [130, 12, 70],
  ]
  for (const [i, size] of sizes.entries()) {
    expectEqual(product((i + flags) % 2 === 0 ? 'q16' : 'q24', flags, [[], []], size), next, i + flags)
  }
})

test('results at both ends of the range: all scales at which the last step changes', () => {
  const next = words(60)
  // Exponents of values, 2^(e - 127): minus the sum of their shifts lies around -126, and around 88.
  for (const [left, right] of [
    [80, 80],
    [188, 188],
  ] as const) {
    for (let e = left - 14; e < left + 14; e++) {
      const types = [
        { dtype: 'f32' as const, shape: [3, 9] },
        { dtype: 'f32' as const, shape: [9, 18] },
      ]
      const program = primitive('matmul').element({ transposeA: false, transposeB: false, order: 'q16' }, types)
      const operands = [e, right].map((exponent, side) =>
        Uint32Array.from({ length: elementsOf(types[side]!.shape) }, () => {
          return ((next() & 0x807fffff) | ((exponent - (next() % 12)) << 23)) >>> 0
        }),
      )
      const expected = interpret(program, operands)
      for (const engine of engines) expect(difference(compute(engine, program, operands), expected)).toBe(-1)
    }
  }
})

test('programs in a quantised order that no primitive makes are refused', () => {
  const program = primitive('matmul').element(product('q16', 0, [[], []], [2, 2, 2]), [
    { dtype: 'f32', shape: [2, 2] },
    { dtype: 'f32', shape: [2, 2] },
  ])
  const [load] = program.loads
  const guard = [{ base: 0, strides: [1, 0, 0], below: 1 }]
  const changes: Partial<ElementProgram>[] = [
    { finish: [{ block: 'canon', args: [{ from: 'acc' }] }] },
    { loads: [{ ...load!, guard }, program.loads[1]!] },
    { out: { dtype: 'u32', shape: [2, 2] } },
  ]
  const target = { lanes: 4, tileRows: () => 6, tileVectors: 2 }
  for (const change of changes) {
    expect(() => methodOf({ ...program, ...change }, target)).toThrow('contraction in q16 with')
  }
})
