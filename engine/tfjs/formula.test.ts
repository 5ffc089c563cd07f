/** Which elementwise programs become formulas, and how. */
import { describe, expect, test } from 'vitest'
import { bits } from '#arith/assembler.ts'
import type { Straight } from '#arith/types.ts'
import { Builder, type Value } from '#graph/builder.ts'
import type { MapAttrs } from '#graph/primitives/map.ts'
import { lower, type Operand } from './formula.ts'

const FLOAT: Operand = { kind: 'f32', device: true }
const LABEL: Operand = { kind: 'integer', device: false }

/** The one map that a chain of elementwise operations is fused into. */
function fused(make: (b: Builder, x: Value, y: Value) => Value): Straight {
  const b = new Builder()
  b.output('y', make(b, b.input('x', 'f32', [4]), b.input('z', 'f32', [4])))
  const { nodes } = b.finish('fused')
  expect(nodes).toHaveLength(1)
  return (nodes[0]!.attrs as MapAttrs).program
}

const ops = (program: Straight): string[] | undefined =>
  lower(program, [FLOAT, FLOAT], 'f32')?.formula.code.map(({ op }) => op)

describe('elementary functions are found in fused chains', () => {
  test.each([
    ['exp', (b: Builder, x: Value) => b.exp(b.sub(x, 1)), ['sub', 'exp']],
    ['tanh', (b: Builder, x: Value, y: Value) => b.tanh(b.fma(x, y, 2)), ['mul', 'add', 'tanh']],
    ['gelu', (b: Builder, x: Value) => b.gelu(x), ['mul', 'erf', 'mul', 'add', 'mul']],
    ['pow', (b: Builder, x: Value, y: Value) => b.pow(x, y), ['pow']],
    ['log', (b: Builder, x: Value) => b.neg(b.log(x)), ['log', 'neg']],
    [
      'sin',
      (b: Builder, x: Value) => b.mul(b.elementwise('sin', [x]), b.elementwise('cos', [x])),
      ['sin', 'cos', 'mul'],
    ],
    ['relu', (b: Builder, x: Value) => b.relu(x), ['maximum']],
    ['select', (b: Builder, x: Value, y: Value) => b.select(b.less(x, y), x, 0), ['less', 'where']],
  ])('%s', (_, make, expected) => {
    expect(ops(fused(make))).toEqual(expected)
  })

  test('not where a single constant is another one', () => {
    const program = fused((b, x) => b.exp(x))
    const at = program.findIndex(({ block }) => block === 'ffma') + 3
    const other = program.map((instr, i) =>
      i === at ? { ...instr, args: [...instr.args.slice(0, -1), bits(0x3f800001)] } : instr,
    )
    expect(ops(program)).toEqual(['exp'])
    expect(lower(other, [FLOAT], 'f32')).toBeNull()
  })
})

test('what depends on integers alone is a leaf: a label compared with a coordinate, as truth or as a factor', () => {
  const hit: Straight = [
    {
      block: 'ieq',
      args: [
        { from: 'axis', n: 1 },
        { from: 'load', n: 1 },
      ],
    },
    { block: 'select', args: [{ from: 'instr', n: 0 }, { from: 'load', n: 0 }, bits(0)] },
  ]
  expect(lower(hit, [FLOAT, LABEL], 'f32')).toEqual({
    formula: {
      code: [
        {
          op: 'where',
          args: [
            { at: 'operand', n: 0 },
            { at: 'operand', n: 1 },
            { at: 'constant', kind: 'f32', value: 0 },
          ],
        },
      ],
      result: { at: 'result', n: 0 },
    },
    operands: [
      { from: 'leaf', arg: { from: 'instr', n: 0 }, kind: 'bool' },
      { from: 'load', n: 0 },
    ],
  })
})

test('logic of words that are no truth values is no logic of truth values', () => {
  const test: Straight = [
    { block: 'flt', args: [{ from: 'load', n: 0 }, bits(0)] },
    {
      block: 'and',
      args: [
        { from: 'instr', n: 0 },
        { from: 'load', n: 1 },
      ],
    },
    { block: 'select', args: [{ from: 'instr', n: 1 }, { from: 'load', n: 0 }, bits(0)] },
  ]
  expect(lower(test, [FLOAT, LABEL], 'f32')).toBeNull()
  expect(lower(test, [FLOAT, { kind: 'bool', device: false }], 'f32')).not.toBeNull()
})
