/**
 * The kernel IR: what every engine that compiles lowers to its own code. Typed expression trees over 32-bit integers (addresses,
 * indices), vectors of as many words as the target has lanes, and masks with a bit for each lane; statements in structured
 * control flow. Constants and address arithmetic are folded as they are built.
 */

export type ValType = 'i32' | 'vec' | 'mask'

/** What an expression computes. Of `imm`: the constant, the byte offset, or what the constructor below says. */
export type Op =
  | 'local'
  | `i32.${'const' | 'add' | 'sub' | 'mul' | 'divU' | 'remU' | 'and' | 'shl' | 'shrS' | 'shrU' | 'eqz' | 'eq' | 'ltS' | 'ltU' | 'load'}`
  | 'i32.pick'
  | `vec.${'const' | 'ramp' | 'splat' | 'load' | 'load.splat' | 'gather' | 'select' | 'down' | 'of.mask'}`
  | `vec.${'fadd' | 'fsub' | 'fmul' | 'fdiv' | 'fsqrt' | 'fma' | 'fmax' | 'canon' | 'f2i' | 'i2f' | 'u2f'}`
  | `vec.${'iadd' | 'isub' | 'imul' | 'and' | 'or' | 'xor' | 'shl' | 'shr' | 'shlv' | 'shrv'}`
  | `vec.${'imax' | 'sar' | 'dot16' | 'q2f'}`
  | `mask.${'feq' | 'flt' | 'fle' | 'ieq' | 'ilt' | 'iltU' | 'and' | 'or' | 'xor' | 'not' | 'all' | 'first' | 'any'}`
  | 'raw'

/** A pure value, or a load. It is evaluated wherever it is placed: put it into a local to use it twice. */
export interface Expr {
  readonly type: ValType
  readonly op: Op
  readonly args: readonly Expr[]
  readonly imm: readonly number[]
  /** Present for i32 constants. */
  readonly value?: number
}

export interface Local extends Expr {
  readonly index: number
}

export type Statement =
  | { readonly kind: 'set'; readonly to: Local; readonly value: Expr }
  /** The first `lanes` words of a vector, or an i32 (`lanes` is 1). */
  | {
      readonly kind: 'store'
      readonly address: Expr
      readonly value: Expr
      readonly offset: number
      readonly lanes: number
    }
  | { readonly kind: 'copy'; readonly to: Expr; readonly from: Expr; readonly bytes: Expr }
  /** Zeros. */
  | { readonly kind: 'clear'; readonly to: Expr; readonly bytes: Expr }
  /** Word r of the vectors at `from`, one for each lane, becomes the vector at `to + r * pitch`. */
  | { readonly kind: 'transpose'; readonly from: readonly Expr[]; readonly to: Expr; readonly pitch: number }
  | { readonly kind: 'call'; readonly callee: number; readonly args: readonly Expr[] }
  | { readonly kind: 'if'; readonly condition: Expr; readonly yes: Statement[]; readonly no: Statement[] }
  /** Once, then again as long as `again`, evaluated after each turn, is not 0. */
  | { readonly kind: 'repeat'; readonly body: Statement[]; readonly again: Expr }
  /** Instructions of one target alone, after its arguments. */
  | { readonly kind: 'raw'; readonly bytes: readonly number[]; readonly args: readonly Expr[] }

const expr = (type: ValType, op: Op, args: readonly Expr[], ...imm: number[]): Expr => ({ type, op, args, imm })

type Unary = (a: Expr) => Expr
type Binary = (a: Expr, b: Expr) => Expr
const binary =
  (type: ValType, op: Op): Binary =>
  (a, b) =>
    expr(type, op, [a, b])
const unary =
  (type: ValType, op: Op): Unary =>
  (a) =>
    expr(type, op, [a])

/** An instruction of one target alone: its bytes follow its arguments. */
export const raw = (type: ValType, bytes: readonly number[], ...args: Expr[]): Expr => expr(type, 'raw', args, ...bytes)

/** i32 arithmetic, wrapping; comparisons give 0 or 1. */
export const i32 = {
  const: (value: number): Expr => ({ ...expr('i32', 'i32.const', [], value | 0), value: value | 0 }),
  add: (a: Expr, b: Expr): Expr => {
    if (a.value !== undefined && b.value !== undefined) return i32.const(a.value + b.value)
    if (a.value === 0) return b
    if (b.value === 0) return a
    return expr('i32', 'i32.add', [a, b])
  },
  sub: binary('i32', 'i32.sub'),
  mul: (a: Expr, b: Expr): Expr => {
    if (a.value !== undefined && b.value !== undefined) return i32.const(Math.imul(a.value, b.value))
    if (a.value !== undefined) return i32.mul(b, a)
    if (b.value === 0) return b
    if (b.value === 1) return a
    if (b.value !== undefined && b.value > 0 && (b.value & (b.value - 1)) === 0) {
      return i32.shl(a, i32.const(31 - Math.clz32(b.value)))
    }
    return expr('i32', 'i32.mul', [a, b])
  },
  divU: (a: Expr, b: Expr): Expr => (b.value === 1 ? a : expr('i32', 'i32.divU', [a, b])),
  remU: (a: Expr, b: Expr): Expr => (b.value === 1 ? i32.const(0) : expr('i32', 'i32.remU', [a, b])),
  and: binary('i32', 'i32.and'),
  shl: binary('i32', 'i32.shl'),
  shrS: binary('i32', 'i32.shrS'),
  shrU: binary('i32', 'i32.shrU'),
  eqz: unary('i32', 'i32.eqz'),
  eq: binary('i32', 'i32.eq'),
  ltS: binary('i32', 'i32.ltS'),
  ltU: binary('i32', 'i32.ltU'),
  load: (address: Expr, offset = 0): Expr => expr('i32', 'i32.load', [address], offset),
}

/** `a` where `condition` is not 0, else `b`; both are evaluated. i32 only. */
export const pick = (condition: Expr, a: Expr, b: Expr): Expr => expr('i32', 'i32.pick', [condition, a, b])

/** Vectors: a 32-bit word a lane, whose meaning the operation gives. */
export const vec = {
  /** The same word in every lane. */
  const: (bits: number): Expr => expr('vec', 'vec.const', [], bits >>> 0),
  /** The word of lane l is `start + l * step`. */
  ramp: (start: number, step: number): Expr => expr('vec', 'vec.ramp', [], start | 0, step | 0),
  splat: (a: Expr): Expr => (a.value === undefined ? expr('vec', 'vec.splat', [a]) : vec.const(a.value)),
  load: (address: Expr, offset = 0): Expr => expr('vec', 'vec.load', [address], offset),
  /** The word at an address, in every lane. */
  loadSplat: (address: Expr, offset = 0): Expr => expr('vec', 'vec.load.splat', [address], offset),
  /**
   * Of each of the first `lanes` lanes the word at `base + 4 * index`, or `fill` where `inside` (if given) is not set; nothing is
   * read there. The other lanes may hold anything.
   */
  gather: (base: Expr, index: Expr, lanes: number, masked?: { readonly inside: Expr; readonly fill: Expr }): Expr =>
    expr('vec', 'vec.gather', masked ? [base, index, masked.inside, masked.fill] : [base, index], lanes),
  /** Words of `a` where the mask is set, else of `b`. */
  select: (mask: Expr, a: Expr, b: Expr): Expr => expr('vec', 'vec.select', [mask, a, b]),
  /** Lanes `by`..`2 * by - 1` in lanes 0..`by - 1`; the others may hold anything. */
  down: (a: Expr, by: number): Expr => expr('vec', 'vec.down', [a], by),
  /** 1 where the mask is set, else 0. */
  ofMask: unary('vec', 'vec.of.mask'),
  fadd: binary('vec', 'vec.fadd'),
  fsub: binary('vec', 'vec.fsub'),
  fmul: binary('vec', 'vec.fmul'),
  fdiv: binary('vec', 'vec.fdiv'),
  fsqrt: unary('vec', 'vec.fsqrt'),
  /** a * b + c, rounded once. */
  fma: (a: Expr, b: Expr, c: Expr): Expr => expr('vec', 'vec.fma', [a, b, c]),
  /** NaN if either is, and +0 > -0. */
  fmax: binary('vec', 'vec.fmax'),
  /** What an f32 store keeps: a NaN becomes the one NaN, a subnormal the zero of its sign. */
  canon: unary('vec', 'vec.canon'),
  /** Truncates, saturates; 0 for NaN. */
  f2i: unary('vec', 'vec.f2i'),
  i2f: unary('vec', 'vec.i2f'),
  u2f: unary('vec', 'vec.u2f'),
  iadd: binary('vec', 'vec.iadd'),
  isub: binary('vec', 'vec.isub'),
  imul: binary('vec', 'vec.imul'),
  /** The larger of signed integers. */
  imax: binary('vec', 'vec.imax'),
  /** `c` plus, of words as two signed 16-bit integers each, the product of the low ones and that of the high ones. */
  dot16: (a: Expr, b: Expr, c: Expr): Expr => expr('vec', 'vec.dot16', [a, b, c]),
  /**
   * The float nearest to `sum(digits[i] * 2^(bits * (last - i))) * 2^exponent`, ties to even; +0 for a sum of 0. Digits and
   * exponents (-1022..1023) are signed; the sum, taken from the first digit on, must be exact in binary64.
   */
  q2f: (digits: readonly Expr[], bits: number, exponent: Expr): Expr =>
    expr('vec', 'vec.q2f', [...digits, exponent], bits),
  and: binary('vec', 'vec.and'),
  or: binary('vec', 'vec.or'),
  xor: binary('vec', 'vec.xor'),
  /** Shifts by a constant, 0..31. */
  shl: (a: Expr, by: number): Expr => expr('vec', 'vec.shl', [a], by),
  shr: (a: Expr, by: number): Expr => expr('vec', 'vec.shr', [a], by),
  /** As `shr`, but the sign enters. */
  sar: (a: Expr, by: number): Expr => expr('vec', 'vec.sar', [a], by),
  /** Shifts by an amount for each lane, mod 32. */
  shlv: binary('vec', 'vec.shlv'),
  shrv: binary('vec', 'vec.shrv'),
}

export const mask = {
  feq: binary('mask', 'mask.feq'),
  flt: binary('mask', 'mask.flt'),
  fle: binary('mask', 'mask.fle'),
  ieq: binary('mask', 'mask.ieq'),
  ilt: binary('mask', 'mask.ilt'),
  iltU: binary('mask', 'mask.iltU'),
  and: binary('mask', 'mask.and'),
  or: binary('mask', 'mask.or'),
  xor: binary('mask', 'mask.xor'),
  not: unary('mask', 'mask.not'),
  /** All lanes or none, by an i32 that is 1 or 0. */
  all: unary('mask', 'mask.all'),
  /** The first `lanes` lanes. */
  first: (lanes: number): Expr => expr('mask', 'mask.first', [], lanes),
  /** An i32: not 0 if any lane is set. */
  any: unary('i32', 'mask.any'),
}

/** A function under construction: parameters, locals and statements in order. It has no result. */
export class Body {
  readonly params: readonly Local[]
  readonly locals: ValType[] = []
  readonly statements: Statement[] = []
  /** Registers are scarce here: a target should not keep constants in them. */
  readonly tight: boolean
  #open: Statement[] = this.statements

  constructor(params: readonly ValType[], { tight = false } = {}) {
    this.params = params.map((type, index) => local(type, index))
    this.tight = tight
  }

  /** A new local, zero at function entry. */
  local(type: ValType): Local {
    return local(type, this.params.length + this.locals.push(type) - 1)
  }

  /** A new local that holds `value` from here on. */
  let(value: Expr): Local {
    const to = this.local(value.type)
    this.set(to, value)
    return to
  }

  set(to: Local, value: Expr): void {
    this.#open.push({ kind: 'set', to, value })
  }

  /** Stores the first `lanes` words of a vector, or an i32 (then `lanes` is 1). */
  store(address: Expr, value: Expr, lanes: number, offset = 0): void {
    this.#open.push({ kind: 'store', address, value, offset, lanes })
  }

  copy(to: Expr, from: Expr, bytes: Expr): void {
    this.#open.push({ kind: 'copy', to, from, bytes })
  }

  /** Fills memory with zeros. */
  clear(to: Expr, bytes: Expr): void {
    this.#open.push({ kind: 'clear', to, bytes })
  }

  /** Stores the transpose of a square: word r of the vectors at `from`, one for each lane, at `to + r * pitch`. */
  transpose(from: readonly Expr[], to: Expr, pitch: number): void {
    this.#open.push({ kind: 'transpose', from, to, pitch })
  }

  call(callee: number, args: readonly Expr[]): void {
    this.#open.push({ kind: 'call', callee, args })
  }

  raw(bytes: readonly number[], ...args: Expr[]): void {
    this.#open.push({ kind: 'raw', bytes, args })
  }

  if(condition: Expr, then: () => void, otherwise?: () => void): void {
    this.#open.push({
      kind: 'if',
      condition,
      yes: this.#block(then),
      no: otherwise ? this.#block(otherwise) : [],
    })
  }

  /** Repeats `body` while `again` (evaluated after each turn) is not 0. */
  repeat(body: () => void, again: () => Expr): void {
    let condition: Expr | undefined
    const statements = this.#block(() => {
      body()
      condition = again()
    })
    this.#open.push({ kind: 'repeat', body: statements, again: condition! })
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

  #block(fill: () => void): Statement[] {
    const outer = this.#open
    const inner: Statement[] = []
    this.#open = inner
    fill()
    this.#open = outer
    return inner
  }
}

function local(type: ValType, index: number): Local {
  return { ...expr(type, 'local', [], index), index }
}
