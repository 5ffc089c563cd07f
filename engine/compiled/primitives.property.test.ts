/** Every primitive, over random shapes and nasty values, gives the bits of the interpreter. */
import { afterAll, expect, test } from 'vitest'
import { interpret } from '#arith/interpret.ts'
import { elements } from '#arith/program.ts'
import { nasty, words } from '#arith/testing.ts'
import type { Arg, DType, Straight, TensorType, Word } from '#arith/types.ts'
import { Builder } from '#graph/builder.ts'
import { ELEMENTWISE, type ElementwiseOp } from '#graph/elementwise.ts'
import { elementOf, PRIMITIVES } from '#graph/primitives/index.ts'
import { compute, difference, everyEngine } from './testing.ts'

const engines = await everyEngine()
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

type Next = () => Word
interface Case {
  readonly attrs: unknown
  readonly ins: readonly TensorType[]
}

const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 31, 32, 33]
const size = (next: Next): number => SIZES[next() % SIZES.length]!
const between = (next: Next, low: number, high: number): number => low + (next() % (high - low + 1))
const list = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
const shapeOf = (next: Next, low: number, high: number): number[] => list(between(next, low, high), () => size(next))
const f32 = (...shape: number[]): TensorType => ({ dtype: 'f32', shape })
const i32 = (...shape: number[]): TensorType => ({ dtype: 'i32', shape })
const any = (next: Next, shape: number[]): TensorType => ({
  dtype: (['f32', 'i32', 'u32', 'bool'] as const)[next() % 4]!,
  shape,
})

const CASES: Readonly<Record<string, (next: Next) => Case>> = {
  map: (next) => {
    const shape = shapeOf(next, 0, 3)
    const cut = shape.map((n) => (next() % 3 === 0 ? 1 : n)).slice(next() % (shape.length + 1))
    const program: Straight = [
      { block: 'fmul', args: [load(0), load(1)] },
      { block: 'ffma', args: [load(1), instr(0), load(0)] },
      { block: 'flt', args: [instr(0), instr(1)] },
      { block: 'select', args: [instr(2), instr(1), load(0)] },
    ]
    return {
      attrs: { program, dtype: 'f32', shape },
      ins: next() % 2 ? [f32(...shape), f32(...cut)] : [f32(...cut), f32(...shape)],
    }
  },
  matmul: (next) => {
    const [transposeA, transposeB] = [next() % 2 === 0, next() % 2 === 0]
    const [m, n, k] = [size(next), size(next), next() % 12 === 0 ? between(next, 500, 1100) : size(next)]
    const batch = list(next() % 3, () => between(next, 1, 3))
    return {
      attrs: { transposeA, transposeB },
      ins: [
        f32(...batch, ...(transposeA ? [k, m] : [m, k])),
        f32(...batch.slice(next() % 2), ...(transposeB ? [n, k] : [k, n])),
      ],
    }
  },
  reduce: (next) => {
    const shape = shapeOf(next, 1, 4)
    const axes = shape.flatMap((_, axis) => (next() % 2 ? [axis] : []))
    return {
      attrs: { kind: next() % 2 ? 'sum' : 'max', axes: axes.length > 0 ? axes : [0], keepDims: next() % 2 === 0 },
      ins: [f32(...shape)],
    }
  },
  reshape: (next) => {
    const shape = shapeOf(next, 0, 3)
    return { attrs: { shape: [elements(shape)] }, ins: [any(next, shape)] }
  },
  transpose: (next) => {
    const shape = shapeOf(next, 1, 4)
    const permutation = shape.map((_, axis) => axis)
    for (let i = permutation.length - 1; i > 0; i--) {
      const j = next() % (i + 1)
      ;[permutation[i], permutation[j]] = [permutation[j]!, permutation[i]!]
    }
    return { attrs: { permutation }, ins: [any(next, shape)] }
  },
  slice: (next) => {
    const shape = shapeOf(next, 1, 3)
    const strides = shape.map(() => 1 + (next() % 3))
    const starts = shape.map((n) => next() % n)
    const sizes = shape.map((n, i) => between(next, 1, Math.ceil((n - starts[i]!) / strides[i]!)))
    return { attrs: { starts, sizes, strides }, ins: [any(next, shape)] }
  },
  pad: (next) => {
    const shape = shapeOf(next, 1, 3)
    const amount = (): number[] => shape.map(() => next() % 4)
    return { attrs: { low: amount(), high: amount(), fill: 0 }, ins: [any(next, shape)] }
  },
  concat: (next) => {
    const shape = shapeOf(next, 1, 3)
    const axis = next() % shape.length
    const { dtype } = any(next, shape)
    return {
      attrs: { axis },
      ins: list(between(next, 1, 4), () => ({ dtype, shape: shape.map((n, i) => (i === axis ? size(next) : n)) })),
    }
  },
  gather: (next) => ({ attrs: {}, ins: [any(next, [between(next, 1, 6), size(next)]), i32(...shapeOf(next, 0, 2))] }),
  scatterAdd: (next) => {
    const index = next() % 8 === 0 ? [between(next, 600, 1200)] : shapeOf(next, 1, 2)
    return { attrs: { rows: between(next, 1, 6) }, ins: [i32(...index), f32(...index, size(next))] }
  },
  window: (next) => ({ attrs: patch(next), ins: [any(next, image(next))] }),
  fold: (next) => {
    const { height, width } = patch(next)
    const [b, h, w, c] = image(next) as [number, number, number, number]
    return { attrs: {}, ins: [f32(b, h, w, height, width, c)] }
  },
}

const load = (n: number): Arg => ({ from: 'load', n })
const instr = (n: number): Arg => ({ from: 'instr', n })
const patch = (next: Next) => ({ height: 1 + 2 * (next() % 3), width: 1 + 2 * (next() % 3) })
const image = (next: Next): number[] => [
  between(next, 1, 2),
  between(next, 1, 9),
  between(next, 1, 9),
  between(next, 1, 9),
]

/** Index words are mostly small, other words nasty, or tame reals so that sums stay finite. */
function operand({ dtype, shape }: TensorType, tame: boolean, next: Next): Uint32Array {
  const word = (): Word => {
    if (dtype === 'bool') return next() % 2
    if (dtype === 'i32' && next() % 8 > 0) return next() % 7
    return tame && dtype === 'f32' ? ((next() & 0x807fffff) | ((120 + (next() % 10)) << 23)) >>> 0 : nasty(next)
  }
  return Uint32Array.from({ length: elements(shape) }, word)
}

test('every primitive has cases', () => {
  expect(Object.keys(CASES).sort()).toEqual(PRIMITIVES.map(({ name }) => name).sort())
})

test.each(Object.keys(CASES))('%s', (op) => {
  const seed = op.length
  const next = words(seed)
  for (let i = 0; i < 60; i++) {
    const { attrs, ins } = CASES[op]!(next)
    const program = elementOf({ op, attrs }, ins)
    const operands = ins.map((type) => operand(type, i % 2 === 0, next))
    const expected = interpret(program, operands)
    for (const engine of engines) {
      const at = difference(compute(engine, program, operands), expected)
      if (at >= 0) expect.fail(JSON.stringify({ seed, i, at, variant: engine.variant, attrs, ins }))
    }
  }
})

const elementwise = Object.keys(ELEMENTWISE) as ElementwiseOp[]

test.each(elementwise)('elementwise %s', (name) => {
  const next = words(3)
  const count = 3001
  for (const dtype of ['f32', 'i32', 'u32', 'bool'] as DType[]) {
    const b = new Builder()
    const inputs = list(ELEMENTWISE[name].arity, (i) =>
      b.input(`x${i}`, i === 0 && name === 'select' ? 'bool' : dtype, [count]),
    )
    try {
      ELEMENTWISE[name].result(inputs.map(({ type }) => type.dtype))
    } catch {
      continue
    }
    b.output('y', b.elementwise(name, inputs))
    const graph = b.finish('test')
    const node = graph.nodes[0]
    if (!node) continue
    const program = elementOf(
      node,
      inputs.map(({ type }) => type),
    )
    const operands = inputs.map(({ type }) => operand(type, false, next))
    const expected = interpret(program, operands)
    for (const engine of engines) {
      expect({ dtype, variant: engine.variant, at: difference(compute(engine, program, operands), expected) }).toEqual({
        dtype,
        variant: engine.variant,
        at: -1,
      })
    }
  }
})
