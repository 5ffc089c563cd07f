import { expect, test } from 'vitest'
import { interpret } from './interpret.ts'
import { acc, bits, float, instr, load, other, run, word } from './testing.ts'
import type { ElementProgram } from './types.ts'

const matmul = (m: number, n: number, k: number): ElementProgram => ({
  out: { dtype: 'f32', shape: [m, n] },
  loop: [k],
  order: 'chain512',
  loads: [
    { operand: 0, at: { base: 0, strides: [k, 0, 1] }, fill: 0 },
    { operand: 1, at: { base: 0, strides: [0, 1, n] }, fill: 0 },
  ],
  init: 0,
  step: [run('ffma', load(0), load(1), acc)],
  join: [run('fadd', acc, other)],
  finish: [],
})

test('a map applies its finish to every element', () => {
  const p: ElementProgram = {
    out: { dtype: 'f32', shape: [2, 3] },
    loop: [],
    order: 'chain512',
    loads: [{ operand: 0, at: { base: 0, strides: [1, 2] }, fill: 0 }],
    init: 0,
    step: [],
    join: [],
    finish: [run('fmul', load(0), bits(word(2))), run('fadd', instr(0), bits(word(1)))],
  }
  const x = Uint32Array.from([1, 2, 3, 4, 5, 6], word)
  expect([...interpret(p, [x])].map(float)).toEqual([3, 7, 11, 5, 9, 13])
})

test('a contraction folds k in a chain of fused multiply-adds', () => {
  const a = Uint32Array.from([1, 2, 3, 4, 5, 6], word)
  const b = Uint32Array.from([1, 0, 0, 1, 1, 1], word)
  expect([...interpret(matmul(2, 2, 3), [a, b])].map(float)).toEqual([4, 5, 10, 11])
})
