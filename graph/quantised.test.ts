/** Contractions in a quantised arithmetic: their elements, gradients, encodings, and programs that name one. */
import { expect, test } from 'vitest'
import { quantisedDot } from '#arith/quantised.ts'
import { bytesEqual, toHex } from '#proto/bytes.ts'
import { seededRandom } from '#proto/testing.ts'
import { gradients } from './autodiff.ts'
import { Builder } from './builder.ts'
import { decodeGraph, encodeGraph, programRoot } from './encode.ts'
import { PRESETS } from './presets.ts'
import { type MatmulAttrs, matmul } from './primitives/matmul.ts'
import { buildPrediction, buildProgram } from './program.ts'
import { evaluate, reals, seeds } from './testing.ts'
import { type Graph, PHASES } from './types.ts'

const ORDERS = ['q16', 'q24'] as const
const orders = (graph: Graph) =>
  graph.nodes.flatMap(({ op, attrs }) => (op === 'matmul' ? [(attrs as MatmulAttrs).order ?? 'f32'] : []))

test.each(seeds(12))('an element is the dot product of its row and column, seed %i', (seed) => {
  const random = seededRandom(seed)
  const [m, n] = [1 + random.below(4), 1 + random.below(4)]
  const k = random.pick([1, 3, 255, 256, 257, 600])
  const [transposeA, transposeB, arithmetic] = [random.bool(), random.bool(), random.pick(ORDERS)]
  const b = new Builder()
  const x = b.input('x', 'f32', [2, ...(transposeA ? [k, m] : [m, k])])
  const w = b.input('w', 'f32', transposeB ? [n, k] : [k, n])
  b.output('y', b.matmul(x, w, { transposeA, transposeB, arithmetic }))
  const [xs, ws] = [reals(random, 2 * m * k), reals(random, k * n)]
  const { y } = evaluate(b.finish('quantised'), { x: xs, w: ws })
  const along = (length: number, read: (i: number) => number | undefined) =>
    Float32Array.from({ length }, (_, i) => read(i) as number)
  const expected = Array.from({ length: 2 * m * n }, (_, at) => {
    const [batch, row, column] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n]
    const left = along(k, (i) => xs[batch * m * k + (transposeA ? i * m + row : row * k + i)])
    const right = along(k, (i) => ws[transposeB ? column * k + i : i * n + column])
    return quantisedDot(arithmetic, left, right)
  })
  expect(y).toEqual(expected)
})

test('gradients are contracted in the arithmetic of their contraction, the others in that of the builder', () => {
  const b = new Builder('q16')
  const [x, v, w] = ['x', 'v', 'w'].map((name) => b.input(name, 'f32', [2, 2]))
  if (!x || !v || !w) throw new Error('three inputs')
  const y = b.matmul(b.matmul(b.matmul(x, v), w, { arithmetic: 'q24' }), x, { arithmetic: 'f32' })
  const outputs = gradients(b, b.sum(y), [x, v, w])
  for (const [i, g] of outputs.entries()) b.output(`g${i}`, g)
  // The forward product of the last contraction is dead: a sum does not need it for its gradient.
  expect(orders(b.finish('gradients')).sort()).toEqual(['f32', 'f32', 'q16', 'q16', 'q16', 'q24', 'q24', 'q24'])
})

test('flags: one order or none; everything else is no canonical form', () => {
  const bytes = (flags: number) => new Uint8Array(Int32Array.of(flags).buffer)
  for (let flags = 0; flags < 12; flags++) {
    expect(bytesEqual(matmul.attrs.encode(matmul.attrs.decode(bytes(flags))), bytes(flags))).toBe(true)
  }
  expect(matmul.attrs.decode(bytes(6))).toEqual({ transposeA: false, transposeB: true, order: 'q16' })
  expect(matmul.attrs.decode(bytes(9))).toEqual({ transposeA: true, transposeB: false, order: 'q24' })
  for (const flags of [12, 13, 16, 20, -1, 2 ** 30]) {
    expect(() => matmul.attrs.decode(bytes(flags))).toThrow('canonical')
  }
})

test('every contraction of a program is in the arithmetic of its job, and f32 is the default', () => {
  for (const spec of Object.values(PRESETS)) {
    const root = toHex(programRoot(buildProgram(spec)))
    expect(toHex(programRoot(buildProgram({ ...spec, arithmetic: 'f32' })))).toBe(root)
    for (const arithmetic of ORDERS) {
      const program = buildProgram({ ...spec, arithmetic })
      expect(toHex(programRoot(program))).not.toBe(root)
      const found = [...PHASES.map((phase) => program[phase]), buildPrediction({ ...spec, arithmetic }, 1)].flatMap(
        orders,
      )
      expect(found.length).toBeGreaterThan(3)
      expect(new Set(found)).toEqual(new Set([arithmetic]))
      expect(decodeGraph(encodeGraph(program.micro))).toEqual(program.micro)
    }
  }
})
