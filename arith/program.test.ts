import { expect, test } from 'vitest'
import { checkProgram, MAX_INT, MAX_LOADS } from './program.ts'
import { acc, axis, bits, instr, load, other, run, word } from './testing.ts'
import { at, convolution, gather, matmul, quantised, scatterAdd, sum } from './testing-programs.ts'
import type { ElementProgram, Instr, Load } from './types.ts'

const copy = (change: Partial<ElementProgram> = {}): ElementProgram => ({
  out: { dtype: 'f32', shape: [4] },
  loop: [],
  order: 'chain512',
  loads: [{ operand: 0, at: at(0, 1), fill: 0 }],
  init: 0,
  step: [],
  join: [],
  finish: [run('canon', load(0))],
  ...change,
})
const reading = (change: Partial<Load>): ElementProgram =>
  copy({ loads: [{ operand: 0, at: at(0, 1), fill: 0, ...change }] })

test('the programs of primitives are valid for operands of exactly their size', () => {
  checkProgram(matmul(2, 3, 5), [10, 15])
  checkProgram(quantised('q16', 2, 3, 5), [10, 15])
  checkProgram(sum(2, 40_000), [80_000])
  checkProgram(gather(5, 3, 2), [15, 2])
  checkProgram(scatterAdd(4, 2, 7), [14, 7])
  checkProgram(convolution(2, 4, 5, 3, 2), [120, 54])
})

test('one word less is refused, since an address could leave the operand', () => {
  expect(() => checkProgram(matmul(2, 3, 5), [9, 15])).toThrow(/load 0 may read words 0..9 of an operand of 9/)
  expect(() => checkProgram(quantised('q24', 2, 3, 5), [10, 14])).toThrow(/load 1 may read words 0..14/)
  expect(() => checkProgram(sum(2, 40_000), [79_999])).toThrow(/may read/)
  expect(() => checkProgram(gather(5, 3, 2), [14, 2])).toThrow(/may read/)
  expect(() => checkProgram(convolution(2, 4, 5, 3, 2), [119, 54])).toThrow(/may read/)
})

test.each([
  ['a slice of a wider pad', reading({ at: at(-2, 1), guard: [{ ...at(-2, 1), below: 2 }] }), 2],
  ['a reversed axis', reading({ at: at(3, -1) }), 4],
  ['every other word', reading({ at: at(0, 2) }), 7],
  ['a guard with a negative stride', reading({ at: at(2, -1), guard: [{ ...at(2, -1), below: 3 }] }), 3],
])('%s stays inside', (_, p, size) => {
  checkProgram(p, [size])
  expect(() => checkProgram(p, [size - 1])).toThrow(/may read/)
})

test.each([
  ['its guard never holds', reading({ at: at(100, 1), guard: [{ ...at(-1, 0), below: 5 }] })],
  ['its guard has no room', reading({ at: at(0, 1), guard: [{ ...at(9, 1), below: 9 }] })],
  ['there is no element', copy({ out: { dtype: 'f32', shape: [0] } })],
])('a load that never happens because %s reads nothing', (_, p) => {
  checkProgram(p, [0])
})

test('without its guard a padded load is refused', () => {
  expect(() => checkProgram(reading({ at: at(-2, 1) }), [4])).toThrow(/words -2..1/)
})

const folded = (step: Instr[], join: Instr[], finish: Instr[] = []): ElementProgram => ({
  ...copy({ loop: [3], step, join, finish }),
  loads: [{ operand: 0, at: at(0, 0, 1), fill: 0 }],
})
const add = run('fadd', acc, load(0))
const both = run('fadd', acc, other)
const product = (change: Partial<ElementProgram>): ElementProgram => {
  const { loads, ...rest } = folded([], [])
  return { ...rest, order: 'q16', loads: [...loads, ...loads], ...change }
}

test.each<[string, ElementProgram, RegExp]>([
  ['an operand that is not there', reading({ operand: 1 }), /operand 1 of 1/],
  ['a load that is not there', copy({ finish: [run('canon', load(1))] }), /load 1 of 1/],
  ['its own result', copy({ finish: [run('canon', instr(0))] }), /instr 0 of 0/],
  ['a fractional reference', copy({ finish: [run('canon', load(0.5))] }), /load 0.5/],
  ['too few arguments', copy({ finish: [run('fadd', load(0))] }), /takes 2/],
  ['a block that is not there', copy({ finish: [{ block: 'exp' as 'fadd', args: [] }] }), /no block 'exp'/],
  ['an inherited name', copy({ finish: [{ block: 'toString' as 'fadd', args: [] }] }), /no block/],
  ['an axis that is not there', copy({ finish: [run('canon', axis(1))] }), /axis 1 of 1/],
  ['a constant that is no word', copy({ finish: [run('canon', bits(-1))] }), /32-bit word/],
  ['an init that is no word', copy({ init: 2 ** 32 }), /32-bit word/],
  ['a fill that is no word', reading({ fill: 0.5 }), /32-bit word/],
  ['a gather through itself', reading({ via: { load: 0, stride: 1, limit: 1 } }), /through load 0/],
  ['strides for another rank', reading({ at: at(0, 1, 1) }), /2 strides for 1 axes/],
  ['a stride beyond 2^31', reading({ at: at(0, 2 ** 31) }), /out of range/],
  ['too many elements', copy({ out: { dtype: 'f32', shape: [65536, 65536] } }), /at most 2147483647/],
  ['too many elements behind a zero', copy({ out: { dtype: 'f32', shape: [0, MAX_INT, 2] } }), /at most/],
  ['a negative dimension', copy({ out: { dtype: 'f32', shape: [-1] } }), /dimension -1/],
  ['rank 9', copy({ out: { dtype: 'f32', shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] } }), /rank 9/],
  ['too many loads', copy({ loads: Array(MAX_LOADS + 1).fill(copy().loads[0]) }), /33 loads/],
  ['65 blocks', copy({ finish: Array(65).fill(run('canon', load(0))) }), /65 blocks/],
  ['a step without a loop', copy({ step: [add], join: [both] }), /without one/],
  ['a quantised order with a step', product({ step: [add] }), /q16 takes a loop, two loads/],
  ['a quantised order without a loop', copy({ order: 'q24' }), /q24 takes a loop/],
  ['a quantised order with one load', product({ loads: folded([], []).loads }), /two loads/],
  ['a quantised order with an init', product({ init: 1 }), /init \+0/],
  ['a loop without a join', folded([add], []), /with a loop/],
  ['other in step', folded([run('fadd', acc, other)], [both]), /second operand/],
  ['a load in join', folded([add], [run('fadd', acc, load(0))]), /two operands/],
  ['an axis in join', folded([add], [run('fadd', acc, axis(0))]), /two operands/],
  ['a loop axis in finish', folded([add], [both], [run('i2f', axis(1))]), /axis 1 of 1/],
  ['a load of the loop in finish', folded([add], [both], [run('fadd', acc, load(0))]), /has ended/],
])('%s is refused', (_, p, message) => {
  expect(() => checkProgram(p, [64])).toThrow(message)
})

test('a loop axis in step and a constant load in finish are fine', () => {
  const p = folded([run('iadd', acc, axis(1))], [run('iadd', acc, other)], [run('fmul', acc, bits(word(2)))])
  checkProgram(p, [64])
})
