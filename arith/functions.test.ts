import { expect, test } from 'vitest'
import { Asm } from './assembler.ts'
import { execute } from './blocks.ts'
import { cos, erf, exp, geluGradient, log, pow, rsqrt, sigmoid, sin, tanh } from './functions.ts'
import { interpret } from './interpret.ts'
import { float, load, word } from './testing.ts'
import type { Arg, Word } from './types.ts'
import { MAX_STRAIGHT } from './types.ts'

/** The words of f at some words; the store is canonical. */
function apply(f: (p: Asm, x: Arg) => Arg, inputs: readonly Word[]): Word[] {
  const p = new Asm()
  f(p, load(0))
  const program = {
    out: { dtype: 'f32', shape: [inputs.length] },
    loop: [],
    order: 'chain512',
    loads: [{ operand: 0, at: { base: 0, strides: [1] }, fill: 0 }],
    init: 0,
    step: [],
    join: [],
    finish: p.code(),
  } as const
  return [...interpret(program, [Uint32Array.from(inputs)])]
}

const NAN = 0x7fc00000
const INF = 0x7f800000
const NEG_INF = 0xff800000
const NEG_ZERO = 0x80000000
const ONE = word(1)

test.each([
  [
    'exp',
    exp,
    [NAN, INF, NEG_INF, 0, NEG_ZERO, 1, 0x80000001, word(1000), word(-1000)],
    [NAN, INF, 0, ONE, ONE, ONE, ONE, INF, 0],
  ],
  [
    'log',
    log,
    [NAN, INF, NEG_INF, 0, NEG_ZERO, ONE, word(-1), 0x80000001],
    [NAN, INF, NAN, NEG_INF, NEG_INF, 0, NAN, NAN],
  ],
  [
    'tanh',
    tanh,
    [NAN, INF, NEG_INF, 0, NEG_ZERO, word(20), word(-20)],
    [NAN, ONE, word(-1), 0, NEG_ZERO, ONE, word(-1)],
  ],
  ['erf', erf, [NAN, INF, NEG_INF, 0, NEG_ZERO, word(5), word(-5)], [NAN, ONE, word(-1), 0, NEG_ZERO, ONE, word(-1)]],
  [
    'sin',
    sin,
    [NAN, INF, NEG_INF, 0, NEG_ZERO, word(65536), word(65536.01), word(-70000), word(2 ** -100), word(-Math.PI / 2)],
    [NAN, NAN, NAN, 0, NEG_ZERO, word(Math.sin(65536)), NAN, NAN, word(2 ** -100), word(-1)],
  ],
  [
    'cos',
    cos,
    [NAN, INF, 0, NEG_ZERO, word(-Math.PI), word(65537), word(Math.PI)],
    [NAN, NAN, ONE, ONE, word(-1), NAN, word(-1)],
  ],
  ['rsqrt', rsqrt, [NAN, INF, NEG_INF, 0, NEG_ZERO, word(4), word(-1)], [NAN, 0, NAN, INF, NEG_INF, word(0.5), NAN]],
  ['sigmoid', sigmoid, [NAN, INF, NEG_INF, 0, word(200), word(-200)], [NAN, ONE, 0, word(0.5), ONE, 0]],
] as const)('special values of %s', (_, f, inputs, expected) => {
  expect(apply(f, inputs)).toEqual(expected)
})

test('special values of pow', () => {
  const small = 0x006ce3ee
  const cases: [x: Word, y: Word, expected: Word][] = [
    [0, 0, ONE],
    [0, word(2), 0],
    [NEG_ZERO, word(-0.5), INF],
    [INF, NEG_ZERO, ONE],
    [INF, word(3), INF],
    [INF, word(-3), 0],
    [ONE, word(1e30), ONE],
    [word(2), INF, INF],
    [word(2), NEG_INF, 0],
    [word(0.5), NEG_INF, INF],
    [word(2), word(128), INF],
    [word(2), word(-127), 0],
    [small, word(-1), INF],
    [word(-2), word(2), NAN],
    [NAN, 0, NAN],
    [word(2), NAN, NAN],
    [0, NAN, NAN],
    [INF, NAN, NAN],
    [word(9), word(0.5), word(3)],
    [word(10), word(2), word(100)],
  ]
  for (const [x, y, expected] of cases) {
    expect(
      apply((p, a) => pow(p, a, { from: 'const', bits: y }), [x]),
      `${float(x)}^${float(y)}`,
    ).toEqual([expected])
  }
})

test('exp at the ends of its range', () => {
  const largest = 0x42b17217
  const least = 0xc2aeac4f
  const [top, over, bottom, under] = apply(exp, [largest, largest + 1, least, least + 1])
  expect(float(top!)).toBeLessThan(2 ** 128)
  expect(float(top!)).toBeGreaterThan(2 ** 127.9999)
  expect([over, under]).toEqual([INF, 0])
  expect(float(bottom!)).toBeGreaterThanOrEqual(2 ** -126)
  expect(float(bottom!)).toBeLessThan(2 ** -125.9999)
})

test('log of a subnormal', () => {
  const [least, largest] = apply(log, [1, 0x007fffff]).map(float)
  expect(least).toBeCloseTo(-149 * Math.LN2, 5)
  expect(largest).toBeCloseTo(-126 * Math.LN2, 5)
})

test('tanh and erf are odd and join without a jump', () => {
  for (const f of [tanh, erf]) {
    const inputs = Array.from({ length: 2000 }, (_, i) => word(0.001 + i / 500))
    const positive = apply(f, inputs)
    const negative = apply(
      f,
      inputs.map((x) => (x | 0x80000000) >>> 0),
    )
    expect(negative).toEqual(positive.map((y) => (y | 0x80000000) >>> 0))
    for (let i = 1; i < positive.length; i++) expect(positive[i]!).toBeGreaterThanOrEqual(positive[i - 1]!)
  }
})

test('every function fits a straight program with room to spare', () => {
  for (const f of [exp, log, tanh, erf, sin, cos, geluGradient]) {
    const p = new Asm()
    f(p, load(0))
    expect(p.length).toBeLessThan(MAX_STRAIGHT)
  }
})

test('a 65th block is refused', () => {
  const p = new Asm()
  for (let i = 0; i < MAX_STRAIGHT; i++) p.emit('fsqrt', load(0))
  expect(() => p.emit('fsqrt', load(0))).toThrow(/at most 64/)
  expect(() => new Asm().emit('ffma', load(0))).toThrow(/3 arguments/)
})

test('execute refuses a code that no block has', () => {
  expect(() =>
    execute(new Int32Array([26, 0, 0, 0, 0]), { u32: new Uint32Array(1), f32: new Float32Array(1) }),
  ).toThrow()
})
