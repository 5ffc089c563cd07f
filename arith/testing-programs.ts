/** Programs for tests: the shapes that primitives have, and random ones; and a naive way to run any of them. */
import { ARITY, BLOCKS, evaluate } from './blocks.ts'
import { isQuantised } from './quantised.ts'
import { acc, axis, bits, instr, load, nasty, other, run, word } from './testing.ts'
import { exactDot } from './testing-quantised.ts'
import type { Affine, Arg, ElementProgram, Instr, Load, QuantisedOrder, Straight, Word } from './types.ts'

export const at = (base: number, ...strides: number[]): Affine => ({ base, strides })

/** [m, k] times [k, n]. */
export const matmul = (m: number, n: number, k: number): ElementProgram => ({
  out: { dtype: 'f32', shape: [m, n] },
  loop: [k],
  order: 'chain512',
  loads: [
    { operand: 0, at: at(0, k, 0, 1), fill: 0 },
    { operand: 1, at: at(0, 0, 1, n), fill: 0 },
  ],
  init: 0,
  step: [run('ffma', load(0), load(1), acc)],
  join: [run('fadd', acc, other)],
  finish: [],
})

/** The same contraction in a quantised order. */
export const quantised = (order: QuantisedOrder, m: number, n: number, k: number): ElementProgram => ({
  ...matmul(m, n, k),
  order,
  step: [],
  join: [],
})

/** Sum over the last axis of [rows, n]. */
export const sum = (rows: number, n: number): ElementProgram => ({
  out: { dtype: 'f32', shape: [rows] },
  loop: [n],
  order: 'lanes32',
  loads: [{ operand: 0, at: at(0, n, 1), fill: 0 }],
  init: 0,
  step: [run('fadd', acc, load(0))],
  join: [run('fadd', acc, other)],
  finish: [],
})

/** Rows of [rows, width] chosen by an index of [count]; a row that does not exist is 0. */
export const gather = (rows: number, width: number, count: number): ElementProgram => ({
  out: { dtype: 'f32', shape: [count, width] },
  loop: [],
  order: 'chain512',
  loads: [
    { operand: 1, at: at(0, 1, 0), fill: 0 },
    { operand: 0, at: at(0, 0, 1), fill: 0, via: { load: 0, stride: width, limit: rows } },
  ],
  init: 0,
  step: [],
  join: [],
  finish: [run('canon', load(1))],
})

/** Adds each row of [count, width] to the row of [rows, width] that its index names, in source order. */
export const scatterAdd = (rows: number, width: number, count: number): ElementProgram => ({
  out: { dtype: 'f32', shape: [rows, width] },
  loop: [count],
  order: 'chain512',
  loads: [
    { operand: 1, at: at(0, 0, 0, 1), fill: 0 },
    { operand: 0, at: at(0, 0, 1, width), fill: 0 },
  ],
  init: 0,
  step: [run('ieq', load(0), axis(0)), run('fadd', acc, load(1)), run('select', instr(0), instr(1), acc)],
  join: [run('fadd', acc, other)],
  finish: [],
})

/** 3x3 convolution of [n, h, w, c] with [3, 3, c, o], padded by 1, without im2col. */
export const convolution = (n: number, h: number, w: number, c: number, o: number): ElementProgram => ({
  out: { dtype: 'f32', shape: [n, h, w, o] },
  loop: [3, 3, c],
  order: 'chain512',
  loads: [
    {
      operand: 0,
      at: at(-(w * c) - c, h * w * c, w * c, c, 0, w * c, c, 1),
      fill: 0,
      guard: [
        { ...at(-1, 0, 1, 0, 0, 1, 0, 0), below: h },
        { ...at(-1, 0, 0, 1, 0, 0, 1, 0), below: w },
      ],
    },
    { operand: 1, at: at(0, 0, 0, 0, 1, 3 * c * o, c * o, o), fill: 0 },
  ],
  init: 0,
  step: [run('ffma', load(0), load(1), acc)],
  join: [run('fadd', acc, other)],
  finish: [run('fmax', acc, bits(0))],
})

/** A valid program of random shape, loads and blocks, with operands of nasty words. */
export function randomProgram(next: () => Word): { program: ElementProgram; operands: Uint32Array[] } {
  const below = (n: number): number => next() % n
  const shape = Array.from({ length: below(4) }, () => 1 + below(4))
  const loops = below(4) > 0
  const long = below(8) === 0
  const loop = loops ? Array.from({ length: 1 + below(3) }, () => (below(30) === 0 ? 0 : 1 + below(long ? 24 : 5))) : []
  const dims = [...shape, ...loop]
  const operands: Uint32Array[] = []
  const loads: Load[] = []
  for (let n = below(5); n > 0; n--) {
    const strides = dims.map((_, i) => (below(3) === 0 || (i >= shape.length && below(3) === 0) ? 0 : below(7) - 3))
    const reach = (pick: (a: number, b: number) => number): number =>
      strides.reduce((total, stride, i) => total + pick(0, stride * Math.max(dims[i]! - 1, 0)), 0)
    const through = loads.length > 0 && below(3) === 0
    const via = through ? { load: below(loads.length), stride: below(9) - 4, limit: below(6) } : undefined
    const jump = via === undefined ? 0 : via.stride * Math.max(via.limit - 1, 0)
    const base = 0 - reach(Math.min) - Math.min(jump, 0)
    const size = base + reach(Math.max) + Math.max(jump, 0) + 1
    const guarded = below(3) === 0
    const guard = guarded ? [{ ...at(below(5) - 2, ...dims.map(() => below(5) - 2)), below: 1 + below(6) }] : undefined
    operands.push(Uint32Array.from({ length: size }, () => (below(3) === 0 ? below(8) : nasty(next))))
    loads.push({
      operand: operands.length - 1,
      at: { base, strides },
      fill: nasty(next),
      ...(via && { via }),
      ...(guard && { guard }),
    })
  }
  const moves = (n: number): boolean => {
    const { at: address, guard = [], via } = loads[n]!
    const rank = shape.length
    return [address, ...guard].some((a) => a.strides.slice(rank).some((s) => s !== 0)) || (!!via && moves(via.load))
  }
  const still = loads.map((_, n) => n).filter((n) => !moves(n))
  const straight = (length: number, extra: readonly Arg[]): Straight => {
    const code: Instr[] = []
    while (code.length < length) {
      const block = BLOCKS[below(BLOCKS.length)]!
      const args = Array.from({ length: ARITY[block] }, (): Arg => {
        if (code.length > 0 && below(3) === 0) return instr(code.length - 1 - below(Math.min(code.length, 3)))
        return below(6) === 0 ? bits(nasty(next)) : extra[below(extra.length)]!
      })
      code.push({ block, args })
    }
    return code
  }
  const dtypes = ['f32', 'i32', 'u32', 'bool'] as const
  const outAxes = shape.map((_, n) => axis(n))
  const all = [acc, ...dims.map((_, n) => axis(n)), ...loads.map((_, n) => load(n))]
  const order = (['chain512', 'lanes32', 'q16', 'q24'] as const)[below(loops && loads.length >= 2 ? 4 : 2)]!
  const own = isQuantised(order)
  const program: ElementProgram = {
    out: { dtype: dtypes[below(4)]!, shape },
    loop,
    order,
    loads,
    init: own ? 0 : nasty(next),
    step: loops && !own ? straight(1 + below(4), all) : [],
    join: loops && !own ? straight(1 + below(3), [acc, other]) : [],
    finish: straight(below(6), [acc, ...outAxes, ...still.map(load)]),
  }
  return { program, operands }
}

/** One output element straight from the words of the specification: no odometer, no registers, no shared code. */
export function naive(p: ElementProgram, operands: readonly Uint32Array[], element: number): Word {
  const split = (index: number, shape: readonly number[]): number[] =>
    shape.map((dim, i) => Math.floor(index / shape.slice(i + 1).reduce((a, b) => a * b, 1)) % dim)
  const out = split(element, p.out.shape)
  const value = (a: Affine, x: readonly number[]): number => a.strides.reduce((v, s, i) => v + s * x[i]!, a.base)
  const bring = (n: number, x: readonly number[]): Word => {
    const { operand, at: address, fill, via, guard = [] } = p.loads[n]!
    if (guard.some((g) => value(g, x) < 0 || value(g, x) >= g.below)) return fill
    const index = via === undefined ? 0 : bring(via.load, x) | 0
    if (via !== undefined && (index < 0 || index >= via.limit)) return fill
    return operands[operand]![value(address, x) + (via?.stride ?? 0) * index]!
  }
  const execute = (straight: Straight, x: readonly number[], a: Word, b: Word): Word => {
    const results: Word[] = []
    for (const { block, args } of straight) {
      const words = args.map((arg): Word => {
        if (arg.from === 'load') return bring(arg.n, x)
        if (arg.from === 'instr') return results[arg.n]!
        if (arg.from === 'axis') return x[arg.n]!
        return arg.from === 'acc' ? a : arg.from === 'other' ? b : arg.bits
      })
      results.push(evaluate(block, words))
    }
    return results.at(-1)!
  }
  const step = (a: Word, position: number): Word => execute(p.step, [...out, ...split(position, p.loop)], a, 0)
  const join = (a: Word, b: Word): Word => execute(p.join, [], a, b)
  const cut = <T>(items: readonly T[], size: number): T[][] =>
    Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
  const lanes = <T>(items: readonly T[], fold: (a: Word, item: T) => Word): Word => {
    let row = Array.from({ length: 32 }, (_, lane) => items.filter((_, i) => i % 32 === lane).reduce(fold, p.init))
    while (row.length > 1) {
      const half = row.length / 2
      row = row.slice(0, half).map((a, i) => join(a, row[i + half]!))
    }
    return row[0]!
  }
  const positions = [...Array(p.loop.length === 0 ? 0 : p.loop.reduce((a, b) => a * b, 1)).keys()]
  let total = p.init
  if (positions.length > 0 && p.order === 'chain512') {
    total = cut(positions, 512)
      .map((block) => block.reduce(step, p.init))
      .reduce(join)
  } else if (isQuantised(p.order)) {
    const words = (n: number): Word[] => positions.map((i) => bring(n, [...out, ...split(i, p.loop)]))
    total = exactDot(p.order, words(0), words(1))
  } else if (positions.length > 0) {
    let values = cut(positions, 16384).map((block) => lanes(block, step))
    while (values.length > 1) values = cut(values, 16384).map((block) => lanes(block, join))
    total = values[0]!
  }
  const still = [...out, ...p.loop.map(() => 0)]
  const finished = p.finish.length > 0 ? execute(p.finish, still, total, 0) : total
  return p.out.dtype === 'f32' ? evaluate('canon', [finished]) : finished
}

/** Float data in -1..1 with a few zeros. */
export function floats(next: () => Word, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, () => (next() % 16 === 0 ? 0 : word((next() / 2 ** 32) * 2 - 1)))
}
