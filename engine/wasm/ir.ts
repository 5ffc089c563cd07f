/**
 * The kernel IR: typed expression trees over i32 addresses and v128 vectors, and function bodies built from statements.
 * Expressions carry their opcode bytes, so lowering is a walk; constants and address arithmetic are folded on the way.
 */
import type { FunctionBody, ValType } from './module.ts'
import { s32, u32, valtype } from './module.ts'

/** A pure value, or a load. It is evaluated wherever it is placed: put it into a local to use it twice. */
export interface Expr {
  readonly type: ValType
  /** Opcode and immediates, emitted after the arguments. */
  readonly op: readonly number[]
  readonly args: readonly Expr[]
  /** Present for i32 constants. */
  readonly value?: number
}

export interface Local extends Expr {
  readonly index: number
}

const SIMD = 0xfd
const ATOMIC = 0xfe

const expr = (type: ValType, op: readonly number[], ...args: Expr[]): Expr => ({ type, op, args })
const simd = (code: number, ...immediates: number[]): number[] => [SIMD, ...u32(code), ...immediates]
const memarg = (align: number, offset: number): number[] => [align, ...u32(offset)]

type Unary = (a: Expr) => Expr
type Binary = (a: Expr, b: Expr) => Expr

const i32op = (code: number): Binary => {
  return (a, b) => expr('i32', [code], a, b)
}
const unary = (code: number): Unary => {
  const op = simd(code)
  return (a) => expr('v128', op, a)
}
const binary = (code: number): Binary => {
  const op = simd(code)
  return (a, b) => expr('v128', op, a, b)
}
const shift = (code: number): Binary => binary(code)

/** i32 arithmetic; comparisons give 0 or 1. */
export const i32 = {
  const: (value: number): Expr => ({ type: 'i32', op: [0x41, ...s32(value)], args: [], value: value | 0 }),
  add: (a: Expr, b: Expr): Expr => {
    if (a.value !== undefined && b.value !== undefined) return i32.const(a.value + b.value)
    if (a.value === 0) return b
    if (b.value === 0) return a
    return expr('i32', [0x6a], a, b)
  },
  sub: i32op(0x6b),
  mul: (a: Expr, b: Expr): Expr => {
    if (a.value !== undefined && b.value !== undefined) return i32.const(Math.imul(a.value, b.value))
    if (a.value !== undefined) return i32.mul(b, a)
    if (b.value === 0) return b
    if (b.value === 1) return a
    if (b.value !== undefined && b.value > 0 && (b.value & (b.value - 1)) === 0) {
      return expr('i32', [0x74], a, i32.const(31 - Math.clz32(b.value)))
    }
    return expr('i32', [0x6c], a, b)
  },
  divU: (a: Expr, b: Expr): Expr => (b.value === 1 ? a : expr('i32', [0x6e], a, b)),
  remU: (a: Expr, b: Expr): Expr => (b.value === 1 ? i32.const(0) : expr('i32', [0x70], a, b)),
  and: i32op(0x71),
  shl: i32op(0x74),
  shrU: i32op(0x76),
  eqz: (a: Expr): Expr => expr('i32', [0x45], a),
  eq: i32op(0x46),
  ltS: i32op(0x48),
  ltU: i32op(0x49),
  load: (address: Expr, offset = 0): Expr => expr('i32', [0x28, ...memarg(2, offset)], address),
  atomicLoad: (address: Expr, offset = 0): Expr => expr('i32', [ATOMIC, 0x10, ...memarg(2, offset)], address),
  atomicAdd: (address: Expr, by: Expr, offset = 0): Expr =>
    expr('i32', [ATOMIC, 0x1e, ...memarg(2, offset)], address, by),
}

/** Picks `a` where `condition` is not 0. */
export const pick = (condition: Expr, a: Expr, b: Expr): Expr =>
  expr(a.type, [0x1c, 1, valtype(a.type)], a, b, condition)

const fourBytes = (bits: number): number[] => [bits & 0xff, (bits >>> 8) & 0xff, (bits >>> 16) & 0xff, bits >>> 24]

/** 128-bit vectors regardless of lane type. */
export const v128 = {
  /** Four words given as bit patterns. */
  const: (a: number, b: number, c: number, d: number): Expr =>
    expr('v128', simd(0x0c, ...fourBytes(a), ...fourBytes(b), ...fourBytes(c), ...fourBytes(d))),
  splat: (bits: number): Expr => v128.const(bits, bits, bits, bits),
  load: (address: Expr, offset = 0): Expr => expr('v128', simd(0x00, ...memarg(2, offset)), address),
  loadSplat: (address: Expr, offset = 0): Expr => expr('v128', simd(0x09, ...memarg(2, offset)), address),
  loadZero: (address: Expr, offset = 0): Expr => expr('v128', simd(0x5c, ...memarg(2, offset)), address),
  loadLane: (address: Expr, vector: Expr, lane: number, offset = 0): Expr =>
    expr('v128', simd(0x56, ...memarg(2, offset), lane), address, vector),
  /** Chooses four words of the eight words of `a` then `b`. */
  shuffle: (a: Expr, b: Expr, lanes: readonly [number, number, number, number]): Expr =>
    expr('v128', simd(0x0d, ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte))), a, b),
  not: unary(0x4d),
  and: binary(0x4e),
  andnot: binary(0x4f),
  or: binary(0x50),
  xor: binary(0x51),
  /** Bits of `a` where the mask is 1, else of `b`. */
  bitselect: (a: Expr, b: Expr, mask: Expr): Expr => expr('v128', simd(0x52), a, b, mask),
  anyTrue: (a: Expr): Expr => expr('i32', simd(0x53), a),
}

export const i32x4 = {
  splat: (a: Expr): Expr => (a.value === undefined ? expr('v128', simd(0x11), a) : v128.splat(a.value)),
  extract: (a: Expr, lane: number): Expr => expr('i32', simd(0x1b, lane), a),
  replace: (a: Expr, lane: number, word: Expr): Expr => expr('v128', simd(0x1c, lane), a, word),
  eq: binary(0x37),
  ne: binary(0x38),
  ltS: binary(0x39),
  ltU: binary(0x3a),
  shl: shift(0xab),
  shrU: shift(0xad),
  add: binary(0xae),
  sub: binary(0xb1),
  mul: binary(0xb5),
  /** Like `bitselect`; exact only where every lane of the mask is all ones or all zeros. Relaxed SIMD. */
  laneselect: (a: Expr, b: Expr, mask: Expr): Expr => expr('v128', simd(0x10b), a, b, mask),
  truncSatF32x4: unary(0xf8),
}

export const f32x4 = {
  eq: binary(0x41),
  ne: binary(0x42),
  lt: binary(0x43),
  le: binary(0x45),
  ge: binary(0x46),
  abs: unary(0xe0),
  sqrt: unary(0xe3),
  add: binary(0xe4),
  sub: binary(0xe5),
  mul: binary(0xe6),
  div: binary(0xe7),
  max: binary(0xe9),
  convertI32x4: unary(0xfa),
  convertU32x4: unary(0xfb),
  /** a * b + c, rounded once or twice as the host likes: probed before use. Relaxed SIMD. */
  relaxedMadd: (a: Expr, b: Expr, c: Expr): Expr => expr('v128', simd(0x105), a, b, c),
  /** Two binary64 lanes to words 0 and 1; words 2 and 3 are +0. */
  demoteF64x2: unary(0x5e),
}

export const f64x2 = {
  lt: binary(0x49),
  gt: binary(0x4a),
  add: binary(0xf0),
  sub: binary(0xf1),
  mul: binary(0xf2),
  /** Words 0 and 1 to binary64. */
  promoteF32x4: unary(0x5f),
}

export const i64x2 = {
  const: (low: number, high: number): Expr => v128.const(low, high, low, high),
  add: binary(0xce),
  eq: binary(0xd6),
}

/** A function under construction: parameters, locals and statements in order. */
export class Body {
  readonly params: readonly Local[]
  readonly #parameters: number
  readonly #locals: ValType[] = []
  readonly #code: number[] = []
  readonly #constants = new Map<number, Local>()

  constructor(params: readonly ValType[]) {
    this.#parameters = params.length
    this.params = params.map((type, index) => local(type, index))
  }

  /** A new local, zero at function entry. */
  local(type: ValType): Local {
    return local(type, this.#parameters + this.#locals.push(type) - 1)
  }

  /** A new local that holds `value` from here on. */
  let(value: Expr): Local {
    const to = this.local(value.type)
    this.set(to, value)
    return to
  }

  /**
   * Four times the same word, kept from function entry on: inside loops a host reloads it in one instruction, where it
   * would build a literal from several.
   */
  constant(bits: number): Expr {
    let known = this.#constants.get(bits)
    if (!known) {
      known = this.local('v128')
      this.#constants.set(bits, known)
    }
    return known
  }

  set(to: Local, value: Expr): void {
    this.#emit(value)
    this.#push([0x21, ...u32(to.index)])
  }

  storeI32(address: Expr, value: Expr, offset = 0): void {
    this.#emit(address, value)
    this.#push([0x36, ...memarg(2, offset)])
  }

  atomicStore(address: Expr, value: Expr, offset = 0): void {
    this.#emit(address, value)
    this.#push([ATOMIC, 0x17, ...memarg(2, offset)])
  }

  store(address: Expr, value: Expr, offset = 0): void {
    this.#emit(address, value)
    this.#push(simd(0x0b, ...memarg(2, offset)))
  }

  /** Stores one word of a vector. */
  storeLane(address: Expr, value: Expr, lane: number, offset = 0): void {
    this.#emit(address, value)
    this.#push(simd(0x5a, ...memarg(2, offset), lane))
  }

  /** Stores words 0 and 1 of a vector. */
  storeLow(address: Expr, value: Expr, offset = 0): void {
    this.#emit(address, value)
    this.#push(simd(0x5b, ...memarg(2, offset), 0))
  }

  memoryCopy(to: Expr, from: Expr, bytes: Expr): void {
    this.#emit(to, from, bytes)
    this.#push([0xfc, 0x0a, 0x00, 0x00])
  }

  memoryFill(to: Expr, byte: Expr, bytes: Expr): void {
    this.#emit(to, byte, bytes)
    this.#push([0xfc, 0x0b, 0x00])
  }

  /** Sleeps while the word at `address` is `expected`; wakes by `notify`. */
  atomicWait(address: Expr, expected: Expr): void {
    this.#emit(address, expected)
    const forever = [0x42, 0x7f]
    const drop = 0x1a
    this.#push([...forever, ATOMIC, 0x01, ...memarg(2, 0), drop])
  }

  atomicNotify(address: Expr): void {
    this.#emit(address, i32.const(-1))
    this.#push([ATOMIC, 0x00, ...memarg(2, 0), 0x1a])
  }

  /** Traps. */
  unreachable(): void {
    this.#push([0x00])
  }

  call(index: number, args: readonly Expr[]): void {
    this.#emit(...args)
    this.#push([0x10, ...u32(index)])
  }

  if(condition: Expr, then: () => void, otherwise?: () => void): void {
    this.#emit(condition)
    this.#push([0x04, 0x40])
    then()
    if (otherwise) {
      this.#push([0x05])
      otherwise()
    }
    this.#push([0x0b])
  }

  /** Repeats `body` while `again` (evaluated after each turn) is not 0. */
  repeat(body: () => void, again: () => Expr): void {
    this.#push([0x03, 0x40])
    body()
    this.#emit(again())
    this.#push([0x0d, 0x00, 0x0b])
  }

  /** Repeats `body` as long as `condition`, evaluated before each turn, is not 0. */
  while(condition: Expr, body: () => void): void {
    this.if(condition, () => this.repeat(body, () => condition))
  }

  /** `for (i = from; i < to; i += step)`, signed. `to` must be a constant or a local that the body leaves alone. */
  range(from: Expr, to: Expr, step: number, body: (i: Local) => void): void {
    if (from.value !== undefined && to.value !== undefined && from.value >= to.value) return
    const i = this.let(from)
    const turn = (): void => {
      body(i)
      this.set(i, i32.add(i, i32.const(step)))
    }
    if (from.value !== undefined && to.value !== undefined) this.repeat(turn, () => i32.ltS(i, to))
    else this.if(i32.ltS(i, to), () => this.repeat(turn, () => i32.ltS(i, to)))
  }

  return(...values: Expr[]): void {
    this.#emit(...values)
    this.#push([0x0f])
  }

  /** Leaves `value` as the function's result; the last statement of a function with a result. */
  result(value: Expr): void {
    this.#emit(value)
  }

  finish(): FunctionBody {
    const body = this.#code.splice(0)
    for (const [bits, to] of this.#constants) this.set(to, v128.splat(bits))
    return { locals: this.#locals, code: [...this.#code, ...body] }
  }

  #emit(...values: readonly Expr[]): void {
    for (const value of values) {
      this.#emit(...value.args)
      this.#push(value.op)
    }
  }

  #push(bytes: readonly number[]): void {
    for (const byte of bytes) this.#code.push(byte)
  }
}

/** A call as a value. */
export const call = (index: number, type: ValType, ...args: Expr[]): Expr => expr(type, [0x10, ...u32(index)], ...args)

function local(type: ValType, index: number): Local {
  return { type, op: [0x20, ...u32(index)], args: [], index }
}
