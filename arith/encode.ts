/** Canonical bytes of an element program: docs/spec/arithmetic.md, Encoding. Graph leaves and the chain hold them. */
import { Reader, Writer } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { ARITY, BLOCK_CODE, BLOCKS } from './blocks.ts'
import { MAX_GUARDS, MAX_LOADS, MAX_RANK } from './program.ts'
import type { Affine, Arg, DType, ElementProgram, Guard, Load, Order, Straight } from './types.ts'
import { MAX_STRAIGHT } from './types.ts'

const VERSION = 1
const DTYPES: readonly DType[] = ['f32', 'i32', 'u32', 'bool']
const ORDERS: readonly Order[] = ['chain512', 'lanes32', 'q16', 'q24']
const SOURCES = ['load', 'instr', 'acc', 'other', 'axis', 'const'] as const

/**
 * Encodes a program that `checkProgram` accepts.
 * @throws `bad-input` or `over-limit` for values that have no encoding
 */
export function encodeProgram(p: ElementProgram): Uint8Array {
  const w = new Writer()
  w.u8(VERSION).u8(DTYPES.indexOf(p.out.dtype))
  shape(w, p.out.shape)
  shape(w, p.loop)
  w.u8(ORDERS.indexOf(p.order))
    .u32(p.init)
    .u8(limited(p.loads.length, MAX_LOADS, 'loads'))
  for (const load of p.loads) {
    w.u8(load.operand).u32(load.fill)
    affine(w, load.at)
    if (load.via === undefined) w.u8(0)
    else i32(i32(w.u8(1).u8(load.via.load), load.via.stride), load.via.limit)
    const guards = load.guard ?? []
    w.u8(limited(guards.length, MAX_GUARDS, 'guards'))
    for (const guard of guards) {
      affine(w, guard)
      i32(w, guard.below)
    }
  }
  for (const straight of [p.step, p.join, p.finish]) writeStraight(w, straight)
  return w.finish()
}

/**
 * Decodes exactly what `encodeProgram` wrote; the shape of the program is bounded by its limits, but its references are
 * for `checkProgram` to check.
 * @throws `bad-encoding` or `over-limit`
 */
export function decodeProgram(bytes: Uint8Array): ElementProgram {
  const r = new Reader(bytes)
  if (r.u8() !== VERSION) fail('bad-encoding', 'an element program of another version')
  const dtype = oneOf(r, DTYPES, 'dtype')
  const out = { dtype, shape: readShape(r) }
  const loop = readShape(r)
  const order = oneOf(r, ORDERS, 'order')
  const init = r.u32()
  const loads = list(r, MAX_LOADS, () => readLoad(r, out.shape.length + loop.length))
  const step = readStraight(r)
  const join = readStraight(r)
  const finish = readStraight(r)
  r.end()
  return { out, loop, order, loads, init, step, join, finish }
}

function i32(w: Writer, value: number): Writer {
  if ((value | 0) !== value) fail('bad-input', `${value} is not an i32`)
  return w.u32(value >>> 0)
}

function limited(count: number, limit: number, what: string): number {
  if (count > limit) fail('over-limit', `${count} ${what}, at most ${limit}`)
  return count
}

function shape(w: Writer, dims: readonly number[]): void {
  w.u8(limited(dims.length, MAX_RANK, 'axes'))
  for (const dim of dims) w.u32(dim)
}

function affine(w: Writer, { base, strides }: Affine): void {
  i32(w, base)
  for (const stride of strides) i32(w, stride)
}

function argument(w: Writer, arg: Arg): void {
  w.u8(SOURCES.indexOf(arg.from))
  if (arg.from === 'const') w.u32(arg.bits)
  else if (arg.from === 'load' || arg.from === 'instr' || arg.from === 'axis') w.u8(arg.n)
}

function oneOf<T>(r: Reader, values: readonly T[], what: string): T {
  const code = r.u8()
  return values[code] ?? fail('bad-encoding', `no ${what} has code ${code}`)
}

function list<T>(r: Reader, limit: number, read: () => T): T[] {
  return Array.from({ length: limited(r.u8(), limit, 'items') }, read)
}

function readShape(r: Reader): number[] {
  return list(r, MAX_RANK, () => r.u32())
}

function readAffine(r: Reader, axes: number): Affine {
  const base = r.u32() | 0
  return { base, strides: Array.from({ length: axes }, () => r.u32() | 0) }
}

function readLoad(r: Reader, axes: number): Load {
  const operand = r.u8()
  const fill = r.u32()
  const at = readAffine(r, axes)
  const via = r.bool() ? { load: r.u8(), stride: r.u32() | 0, limit: r.u32() | 0 } : undefined
  const guard = list(r, MAX_GUARDS, (): Guard => ({ ...readAffine(r, axes), below: r.u32() | 0 }))
  return { operand, at, fill, ...(via && { via }), ...(guard.length > 0 && { guard }) }
}

/** Appends a straight program: u8 count, then each block's code and its arguments. */
export function writeStraight(w: Writer, straight: Straight): void {
  w.u8(limited(straight.length, MAX_STRAIGHT, 'blocks'))
  for (const { block, args } of straight) {
    w.u8(BLOCK_CODE[block])
    for (const arg of args) argument(w, arg)
  }
}

/** Reads what `writeStraight` wrote. @throws `bad-encoding` or `over-limit` */
export function readStraight(r: Reader): Straight {
  return list(r, MAX_STRAIGHT, () => {
    const code = r.u8()
    const block = BLOCKS[code - 1] ?? fail('bad-encoding', `no block has code ${code}`)
    return { block, args: Array.from({ length: ARITY[block] }, () => readArg(r)) }
  })
}

function readArg(r: Reader): Arg {
  const from = oneOf(r, SOURCES, 'argument')
  if (from === 'const') return { from, bits: r.u32() }
  return from === 'acc' || from === 'other' ? { from } : { from, n: r.u8() }
}
