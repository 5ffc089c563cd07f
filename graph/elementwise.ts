/** The elementwise operations of the builder: how each is written in building blocks, and its gradient. */
import { type Asm, bits, float } from '#arith/assembler.ts'
import * as functions from '#arith/functions.ts'
import type { Arg, Block, DType } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import type { Builder, Value } from './builder.ts'

export interface Elementwise {
  readonly arity: number
  /** The result's dtype. @throws bad-shape if the operands' dtypes do not fit */
  result(ins: readonly DType[]): DType
  /** Writes the blocks; the last one emitted is the value. */
  emit(asm: Asm, args: readonly Arg[], ins: readonly DType[]): void
  /**
   * Gradients of the operands in the result's shape (the caller sums broadcast axes away); null: none flows.
   * Absent: the operation has no gradient.
   */
  vjp?(b: Builder, ins: readonly Value[], out: Value, grad: Value): readonly (Value | null)[]
}

const SIGN = bits(0x80000000)
const TRUE = bits(1)

function same(op: string, ins: readonly DType[], ...allowed: DType[]): DType {
  const [first] = ins
  if (first === undefined || !allowed.includes(first) || ins.some((dtype) => dtype !== first)) {
    fail('bad-shape', `${op} takes ${allowed.join(' or ')} operands of one dtype, got ${ins.join(', ')}`)
  }
  return first
}

/** An operation of one block on f32 and, if given, one on integers. */
function arithmetic(op: string, float: Block, integer: Block | undefined, vjp: Elementwise['vjp']): Elementwise {
  return {
    arity: 2,
    result: (ins) => (integer ? same(op, ins, 'f32', 'i32', 'u32') : same(op, ins, 'f32')),
    emit: (asm, args, ins) => {
      asm.emit(ins[0] === 'f32' || !integer ? float : integer, ...args)
    },
    ...(vjp && { vjp }),
  }
}

function comparison(op: string, float: Block, integer: Block | undefined): Elementwise {
  const allowed: DType[] = integer === 'ieq' ? ['f32', 'i32', 'u32', 'bool'] : integer ? ['f32', 'i32'] : ['f32']
  return {
    arity: 2,
    result: (ins) => {
      same(op, ins, ...allowed)
      return 'bool'
    },
    emit: (asm, args, ins) => {
      asm.emit(ins[0] === 'f32' || !integer ? float : integer, ...args)
    },
  }
}

function bitwise(op: string, block: Block, dtypes: DType[]): Elementwise {
  return {
    arity: 2,
    result: (ins) => same(op, ins, ...dtypes),
    emit: (asm, args) => {
      asm.emit(block, ...args)
    },
  }
}

function emitOne(emit: (asm: Asm, x: Arg) => Arg): Elementwise['emit'] {
  return (asm, args) => {
    emit(asm, args[0] as Arg)
  }
}

/** An f32 function of one operand. */
function unary(op: string, emit: (asm: Asm, x: Arg) => Arg, vjp: NonNullable<Elementwise['vjp']>): Elementwise {
  return {
    arity: 1,
    result: (ins) => same(op, ins, 'f32'),
    emit: emitOne(emit),
    vjp,
  }
}

function conversion(from: DType, to: DType, emit: (asm: Asm, x: Arg) => Arg): Elementwise {
  return {
    arity: 1,
    result: (ins) => {
      same(`${from} to ${to}`, ins, from)
      return to
    },
    emit: emitOne(emit),
  }
}

const copy: Elementwise = {
  arity: 1,
  result: (ins) => ins[0] as DType,
  emit: (asm, args, ins) => {
    if (ins[0] === 'f32') asm.emit('canon', args[0] as Arg)
    else asm.emit('or', args[0] as Arg, bits(0))
  },
}

const INTEGERS: DType[] = ['i32', 'u32']
const LOGIC: DType[] = ['i32', 'u32', 'bool']
const TWO_OVER_ROOT_PI = 1.1283791670955126

type Two = readonly [Value, Value]

export const ELEMENTWISE = {
  add: arithmetic('add', 'fadd', 'iadd', (_b, _ins, _out, g) => [g, g]),
  sub: arithmetic('sub', 'fsub', 'isub', (b, ins, _out, g) => [g, b.neg(b.sumTo(g, (ins[1] as Value).type.shape))]),
  mul: arithmetic('mul', 'fmul', 'imul', (b, ins, _out, g) => {
    const [x, y] = ins as Two
    return [b.mul(g, y), b.mul(g, x)]
  }),
  div: arithmetic('div', 'fdiv', undefined, (b, ins, out, g) => {
    const scaled = b.div(g, ins[1] as Value)
    return [scaled, b.neg(b.mul(scaled, out))]
  }),
  max: arithmetic('max', 'fmax', undefined, (b, ins, _out, g) => {
    // At a tie the left operand takes the gradient.
    const right = b.less(...(ins as Two))
    return [b.select(right, 0, g), b.select(right, g, 0)]
  }),
  relu: unary(
    'relu',
    (asm, x) => asm.emit('fmax', x, float(0)),
    (b, ins, _out, g) => [b.select(b.less(0, ins[0] as Value), g, 0)],
  ),
  neg: unary(
    'neg',
    (asm, x) => asm.emit('xor', x, SIGN),
    (b, _ins, _out, g) => [b.neg(g)],
  ),
  sqrt: unary(
    'sqrt',
    (asm, x) => asm.emit('fsqrt', x),
    (b, _ins, out, g) => [b.div(b.mul(g, 0.5), out)],
  ),
  exp: unary('exp', functions.exp, (b, _ins, out, g) => [b.mul(g, out)]),
  log: unary('log', functions.log, (b, ins, _out, g) => [b.div(g, ins[0] as Value)]),
  tanh: unary('tanh', functions.tanh, (b, _ins, out, g) => [b.mul(g, b.sub(1, b.mul(out, out)))]),
  erf: unary('erf', functions.erf, (b, ins, _out, g) => {
    const [x] = ins as readonly [Value]
    return [b.mul(g, b.mul(TWO_OVER_ROOT_PI, b.exp(b.neg(b.mul(x, x)))))]
  }),
  sin: unary('sin', functions.sin, (b, ins, _out, g) => [b.mul(g, b.cos(ins[0] as Value))]),
  cos: unary('cos', functions.cos, (b, ins, _out, g) => [b.neg(b.mul(g, b.sin(ins[0] as Value)))]),
  /** x^y for x >= 0. */
  pow: {
    arity: 2,
    result: (ins) => same('pow', ins, 'f32'),
    emit: (asm, args) => {
      functions.pow(asm, args[0] as Arg, args[1] as Arg)
    },
    vjp: (b, ins, out, g) => {
      const [x, y] = ins as Two
      return [b.mul(g, b.mul(y, b.pow(x, b.sub(y, 1)))), b.mul(g, b.mul(out, b.log(x)))]
    },
  },
  /** x Phi(x), the exact GELU. */
  gelu: unary('gelu', functions.gelu, (b, ins, _out, g) => [b.mul(g, b.geluGradient(ins[0] as Value))]),
  geluGradient: { arity: 1, result: (ins) => same('geluGradient', ins, 'f32'), emit: emitOne(functions.geluGradient) },
  /** a * b + c with one rounding. */
  fma: {
    arity: 3,
    result: (ins) => same('fma', ins, 'f32'),
    emit: (asm, args) => {
      asm.emit('ffma', ...args)
    },
    vjp: (b, ins, _out, g) => [b.mul(g, ins[1] as Value), b.mul(g, ins[0] as Value), g],
  },
  /** condition ? a : b */
  select: {
    arity: 3,
    result: ([condition, ...sides]) => {
      if (condition !== 'bool') fail('bad-shape', `select takes a bool condition, got ${condition}`)
      return same('select', sides, 'f32', 'i32', 'u32', 'bool')
    },
    emit: (asm, args) => {
      asm.emit('select', ...args)
    },
    vjp: (b, ins, _out, g) => {
      const condition = ins[0] as Value
      return [null, b.select(condition, g, 0), b.select(condition, 0, g)]
    },
  },
  less: comparison('less', 'flt', 'ilt'),
  lessEqual: comparison('lessEqual', 'fle', undefined),
  equal: comparison('equal', 'feq', 'ieq'),
  and: bitwise('and', 'and', LOGIC),
  or: bitwise('or', 'or', LOGIC),
  xor: bitwise('xor', 'xor', LOGIC),
  shiftLeft: bitwise('shiftLeft', 'shl', INTEGERS),
  shiftRight: bitwise('shiftRight', 'shr', INTEGERS),
  not: conversion('bool', 'bool', (asm, x) => asm.emit('xor', x, TRUE)),
  floatOfInt: conversion('i32', 'f32', (asm, x) => asm.emit('i2f', x)),
  floatOfUint: conversion('u32', 'f32', (asm, x) => asm.emit('u2f', x)),
  /** Truncates toward zero, saturates; NaN gives 0. */
  intOfFloat: conversion('f32', 'i32', (asm, x) => asm.emit('f2i', x)),
  uintOfInt: conversion('i32', 'u32', (asm, x) => asm.emit('or', x, bits(0))),
  /** The operand, spread by broadcasting. */
  broadcast: { ...copy, vjp: (_b, _ins, _out, g) => [g] },
  /** The operand, without a gradient. */
  stopGradient: copy,
} satisfies Record<string, Elementwise>

export type ElementwiseOp = keyof typeof ELEMENTWISE
