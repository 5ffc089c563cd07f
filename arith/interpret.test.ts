import { expect, test } from 'vitest'
import { isAssayError } from '#proto/errors.ts'
import { interpret } from './interpret.ts'
import { microStep } from './microstep.ts'
import { acc, bits, float, instr, load, other, run, word } from './testing.ts'
import { at, matmul, sum } from './testing-programs.ts'
import { trace } from './trace.ts'
import type { DType, ElementProgram, Straight } from './types.ts'

const map = (shape: number[], strides: number[], finish: Straight, dtype: DType = 'f32'): ElementProgram => ({
  out: { dtype, shape },
  loop: [],
  order: 'chain512',
  loads: [{ operand: 0, at: at(0, ...strides), fill: 0 }],
  init: 7,
  step: [],
  join: [],
  finish,
})
const floats = (...values: number[]): Uint32Array => Uint32Array.from(values, word)

test('a map applies its finish to every element', () => {
  const p = map([2, 3], [1, 2], [run('fmul', load(0), bits(word(2))), run('fadd', instr(0), bits(word(1)))])
  expect([...interpret(p, [floats(1, 2, 3, 4, 5, 6)])].map(float)).toEqual([3, 7, 11, 5, 9, 13])
})

test('a contraction folds k in a chain of fused multiply-adds', () => {
  const out = interpret(matmul(2, 2, 3), [floats(1, 2, 3, 4, 5, 6), floats(1, 0, 0, 1, 1, 1)])
  expect([...out].map(float)).toEqual([4, 5, 10, 11])
})

test('what f32 stores is canonical, what other dtypes store is not touched', () => {
  const subnormals = Uint32Array.of(1, 0x80000001, 0xffc00001)
  const same = [run('or', load(0), bits(0))]
  expect([...interpret(map([3], [1], same), [subnormals])]).toEqual([0, 0x80000000, 0x7fc00000])
  expect([...interpret(map([3], [1], same, 'u32'), [subnormals])]).toEqual([...subnormals])
})

test('inside a program nothing is flushed', () => {
  const p = map([], [], [run('fmul', load(0), bits(word(2 ** -24))), run('fmul', instr(0), bits(word(2 ** 24)))])
  expect(interpret(p, [floats(2 ** -120)])).toEqual(floats(2 ** -120))
})

test('a scalar, an empty output, an empty finish and an empty loop', () => {
  expect([...interpret(map([], [], []), [floats(1)])]).toEqual([0])
  expect([...interpret(map([], [], [], 'i32'), [floats(1)])]).toEqual([7])
  expect(interpret(map([0], [1], []), [floats()]).length).toBe(0)
  expect(interpret({ ...sum(2, 0), init: word(-3) }, [floats()])).toEqual(floats(-3, -3))
  expect(
    interpret({ ...sum(2, 4), loop: [0], order: 'chain512', init: word(2) }, [floats(...Array(8).fill(1))]),
  ).toEqual(floats(2, 2))
})

test('every lane starts from init, with or without a position', () => {
  const p: ElementProgram = { ...sum(1, 3), init: word(1) }
  expect(interpret(p, [floats(10, 20, 30)])).toEqual(floats(92))
})

test('a lane tree joins i and i + h, h from 16 down to 1', () => {
  // Joins that do not commute: 2 acc + other.
  const p: ElementProgram = { ...sum(1, 32), join: [run('ffma', acc, bits(word(2)), other)] }
  let lanes = Array.from({ length: 32 }, (_, i) => i)
  for (let h = 16; h >= 1; h /= 2) lanes = lanes.slice(0, h).map((x, i) => 2 * x + lanes[i + h]!)
  expect(interpret(p, [floats(...Array(32).keys())])).toEqual(floats(lanes[0]!))
})

test('operands that are too small, elements and micro-steps that are not there give typed errors', () => {
  const p = sum(2, 3)
  const wrong = [
    () => interpret(p, [floats(1, 2, 3, 4, 5)]),
    () => trace(p, [floats(1, 2, 3, 4, 5, 6)], 2),
    () => trace({ ...p, loop: [2 ** 30], loads: [] }, [], 0),
    () => microStep(p, -1, 0),
    () => microStep(p, 0, 35),
    () => microStep(p, 0, 0.5),
  ]
  const codes = wrong.map((act) => {
    try {
      act()
    } catch (error) {
      return isAssayError(error) ? error.code : String(error)
    }
    return 'nothing thrown'
  })
  expect(codes).toEqual(['bad-program', 'bad-input', 'bad-program', 'bad-input', 'bad-input', 'bad-input'])
})
