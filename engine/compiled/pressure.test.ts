/** Programs with more live values than any machine has registers give the bits of the interpreter. */
import { afterAll, expect, test } from 'vitest'
import { interpret } from '#arith/interpret.ts'
import { nasty, words } from '#arith/testing.ts'
import type { Arg, ElementProgram, Instr, Straight } from '#arith/types.ts'
import { compute, difference, everyEngine } from './testing.ts'

const engines = await everyEngine()
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

const instr = (n: number): Arg => ({ from: 'instr', n })

/** 30 products (or comparisons, which are masks), all made before the first is used, then used in reverse order. */
function crowded(first: Arg, second: Arg, masks: boolean): Straight {
  const made = Array.from({ length: 30 }, (_, i): Instr => {
    const word: Arg = { from: 'const', bits: (0x3f000000 + i * 0x00080001) >>> 0 }
    return masks && i % 2 === 1
      ? { block: 'flt', args: [i % 4 === 1 ? first : second, word] }
      : { block: 'fmul', args: [i % 3 === 0 ? first : second, word] }
  })
  const used = Array.from({ length: 29 }, (_, i): Instr => {
    const [sum, next] = [instr(i === 0 ? 29 : 29 + i), instr(28 - i)]
    if (masks && i === 0) return { block: 'select', args: [sum, next, first] }
    if (masks && (28 - i) % 2 === 1) return { block: 'select', args: [next, sum, second] }
    return { block: 'fadd', args: [sum, next] }
  })
  return [...made, ...used]
}

const SIZE = 77
const load = (operand: number, strides: readonly number[]) => ({ operand, at: { base: 0, strides }, fill: 0 })
const [x, y]: readonly [Arg, Arg] = [
  { from: 'load', n: 0 },
  { from: 'load', n: 1 },
]

function map(masks: boolean): ElementProgram {
  return {
    out: { dtype: 'f32', shape: [SIZE] },
    loop: [],
    order: 'chain512',
    loads: [load(0, [1]), load(1, [1])],
    init: 0,
    step: [],
    join: [],
    finish: crowded(x, y, masks),
  }
}

/** Several vectors walk through the loop together, each with all of the values. */
function loop(masks: boolean): ElementProgram {
  return {
    ...map(masks),
    loop: [5],
    loads: [load(0, [1, SIZE]), load(1, [1, SIZE])],
    step: [...crowded(x, y, masks), { block: 'fadd', args: [{ from: 'acc' }, instr(58)] }],
    join: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'other' }] }],
    finish: [],
  }
}

test.each([
  ['a map', map(false)],
  ['a map with masks', map(true)],
  ['a loop', loop(false)],
  ['a loop with masks', loop(true)],
] as const)('%s', (_, program) => {
  const next = words(5)
  for (const wild of [false, true]) {
    const operands = [0, 1].map(() =>
      Uint32Array.from({ length: SIZE * 5 }, () =>
        wild ? nasty(next) : ((next() & 0x807fffff) | ((120 + (next() % 10)) << 23)) >>> 0,
      ),
    )
    const expected = interpret(program, operands)
    for (const engine of engines) {
      const at = difference(compute(engine, program, operands), expected)
      expect({ variant: engine.variant, wild, at }).toEqual({ variant: engine.variant, wild, at: -1 })
    }
  }
})
