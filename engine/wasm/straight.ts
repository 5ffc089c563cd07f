/** Lowering of straight-line programs: every building block on four words at a time. */
import { NAN } from '#arith/blocks.ts'
import type { Arg, ElementProgram, Instr, Straight } from '#arith/types.ts'
import type { FmaMode } from './fma.ts'
import type { Body, Expr, Local } from './ir.ts'
import { call, f32x4, i32, i32x4, v128 } from './ir.ts'

/** What lowering knows about the module around it. */
export interface Target {
  readonly fma: FmaMode
  /** Index of the emulated fma's function; present where `fma` is 'emulated'. */
  readonly emulated: number
}

const FLOAT = new Set(['fadd', 'fsub', 'fmul', 'fdiv', 'fsqrt', 'ffma', 'fmax'])
/** Arguments of these blocks are seen as numbers, never as bits. */
const NUMERIC = new Set(['fadd', 'fsub', 'fmul', 'fdiv', 'fsqrt', 'ffma', 'fmax', 'flt', 'fle', 'feq', 'f2i', 'canon'])
const SIGN = 0x80000000
const MAGNITUDE = 0x7fffffff
const SMALLEST_NORMAL = 0x00800000

/**
 * Which parts of a program must deliver the one NaN because somebody looks at their bits; hosts may give a NaN any sign
 * and payload. `acc` says it of the accumulator, hence of the results of step and join; `result` of the value stored.
 */
export interface Observed {
  readonly acc: boolean
  readonly result: boolean
}

export function observed(p: ElementProgram): Observed {
  // A store of an f32 makes every NaN canonical.
  const result = p.out.dtype !== 'f32'
  const reads = (part: Straight, value: boolean): boolean => {
    const seen = observedInstrs(part, value)
    return part.some((instr, i) =>
      instr.args.some((arg, a) => (arg.from === 'acc' || arg.from === 'other') && exposes(instr, a, seen[i]!)),
    )
  }
  let acc = (p.finish.length === 0 && result) || reads(p.finish, result)
  acc ||= reads(p.step, false) || reads(p.join, false)
  return { acc, result }
}

/** Of each instruction, whether the bits of its result matter, given whether those of the last one do. */
function observedInstrs(part: Straight, last: boolean): boolean[] {
  const seen = part.map((_, i) => last && i === part.length - 1)
  for (let i = part.length - 1; i >= 0; i--) {
    part[i]!.args.forEach((arg, a) => {
      if (arg.from === 'instr' && exposes(part[i]!, a, seen[i]!)) seen[arg.n] = true
    })
  }
  return seen
}

/** Whether `instr` shows the bits of its argument `a`, given whether the bits of its own result are seen. */
function exposes(instr: Instr, a: number, seen: boolean): boolean {
  if (NUMERIC.has(instr.block)) return false
  if (instr.block === 'select') return a === 0 || seen
  const other = instr.args[1 - a]
  const constant = other?.from === 'const' ? other.bits : undefined
  // Changes of the sign keep a NaN a NaN and a number a number.
  const signOnly =
    (instr.block === 'xor' && constant === SIGN) ||
    (instr.block === 'or' && constant === SIGN) ||
    (instr.block === 'and' && constant === MAGNITUDE)
  return signOnly ? seen : true
}

/** A value as four words, or as four masks (all ones for 1, all zeros for 0), or both. */
interface Value {
  word?: Expr
  mask?: Expr
}

/**
 * Emits a straight program and returns its value, held by a local (or a plain expression that costs nothing).
 * @param argument the four words of an argument that is not an instruction's result
 * @param observedResult whether the bits of a NaN result matter
 */
export function lower(
  body: Body,
  target: Target,
  part: Straight,
  argument: (arg: Arg) => Expr,
  observedResult: boolean,
): Expr {
  const seen = observedInstrs(part, observedResult)
  const values: Value[] = []
  const asWord = (value: Value): Expr => {
    value.word ??= body.let(v128.and(value.mask!, body.constant(1)))
    return value.word
  }
  const word = (arg: Arg): Expr => {
    if (arg.from === 'instr') return asWord(values[arg.n]!)
    return arg.from === 'const' ? body.constant(arg.bits) : argument(arg)
  }
  const maskOf = (arg: Arg): Expr | undefined => (arg.from === 'instr' ? values[arg.n]!.mask : undefined)

  part.forEach((instr, i) => {
    const masks = instr.args.map(maskOf)
    const mask = lowerMask(instr, word, masks)
    if (mask) {
      values.push({ mask: body.let(mask) })
      return
    }
    let value: Expr
    if (instr.block === 'select') {
      const [condition, yes, no] = instr.args as [Arg, Arg, Arg]
      const chosen = masks[0] ?? v128.not(i32x4.eq(word(condition), v128.splat(0)))
      value = choose(target, word(yes), word(no), chosen)
    } else {
      value = lowerBlock(body, target, instr, instr.args.map(word))
    }
    const result = body.let(value)
    if (FLOAT.has(instr.block) && seen[i]) body.set(result, oneNan(body, target, result))
    values.push({ word: result })
  })
  return asWord(values.at(-1)!)
}

/** Comparisons, and logic on comparisons. */
function lowerMask(
  { block, args }: Instr,
  word: (arg: Arg) => Expr,
  masks: readonly (Expr | undefined)[],
): Expr | undefined {
  const operands = (): [Expr, Expr] => [word(args[0]!), word(args[1]!)]
  switch (block) {
    case 'flt':
      return f32x4.lt(...operands())
    case 'fle':
      return f32x4.le(...operands())
    case 'feq':
      return f32x4.eq(...operands())
    case 'ilt':
      return i32x4.ltS(...operands())
    case 'ieq':
      return i32x4.eq(...operands())
    case 'and':
      return masks[0] && masks[1] && v128.and(masks[0], masks[1])
    case 'or':
      return masks[0] && masks[1] && v128.or(masks[0], masks[1])
    case 'xor':
      return masks[0] && masks[1] && v128.xor(masks[0], masks[1])
    default:
      return undefined
  }
}

function lowerBlock(body: Body, target: Target, { block, args }: Instr, words: readonly Expr[]): Expr {
  const [a, b, c] = words as [Expr, Expr, Expr]
  switch (block) {
    case 'fadd':
      return f32x4.add(a, b)
    case 'fsub':
      return f32x4.sub(a, b)
    case 'fmul':
      return f32x4.mul(a, b)
    case 'fdiv':
      return f32x4.div(a, b)
    case 'fsqrt':
      return f32x4.sqrt(a)
    case 'ffma':
      return fma(target, a, b, c)
    case 'fmax':
      return f32x4.max(a, b)
    case 'iadd':
      return i32x4.add(a, b)
    case 'isub':
      return i32x4.sub(a, b)
    case 'imul':
      return i32x4.mul(a, b)
    case 'and':
      return v128.and(a, b)
    case 'or':
      return v128.or(a, b)
    case 'xor':
      return v128.xor(a, b)
    case 'shl':
    case 'shr':
      return shift(body, block, a, b, args[1]!)
    case 'f2i':
      return i32x4.truncSatF32x4(a)
    case 'i2f':
      return f32x4.convertI32x4(a)
    case 'u2f':
      return f32x4.convertU32x4(a)
    case 'canon':
      return canon(body, target, a)
    default:
      throw new Error(`no lowering for ${block}`)
  }
}

/** a * b + c, rounded once. */
export function fma(target: Target, a: Expr, b: Expr, c: Expr): Expr {
  return target.fma === 'fused' ? f32x4.relaxedMadd(a, b, c) : call(target.emulated, 'v128', a, b, c)
}

/** Words of `a` where the lanes of `mask` are all ones, of `b` where they are all zeros. */
export function choose(target: Target, a: Expr, b: Expr, mask: Expr): Expr {
  return target.fma === 'fused' ? i32x4.laneselect(a, b, mask) : v128.bitselect(a, b, mask)
}

/** Replaces every NaN by the one NaN. */
function oneNan(body: Body, target: Target, value: Local): Expr {
  return choose(target, value, body.constant(NAN), f32x4.eq(value, value))
}

/**
 * What an f32 store keeps: a NaN becomes the one NaN, a subnormal the zero of its sign.
 * @param constant how the body gets its constants
 */
export function canon(
  body: Body,
  target: Target,
  value: Expr,
  constant = (bits: number): Expr => body.constant(bits),
): Expr {
  const x = body.let(value)
  const keep = f32x4.ge(f32x4.abs(x), constant(SMALLEST_NORMAL))
  const flushed = v128.and(x, v128.or(keep, constant(SIGN)))
  return choose(target, flushed, constant(NAN), f32x4.eq(x, x))
}

/** SIMD shifts take one amount for all lanes; other amounts go lane by lane. Amounts are mod 32 as in the definition. */
function shift(body: Body, block: 'shl' | 'shr', a: Expr, b: Expr, amount: Arg): Expr {
  if (amount.from === 'const') {
    const by = i32.const(amount.bits & 31)
    return block === 'shl' ? i32x4.shl(a, by) : i32x4.shrU(a, by)
  }
  const one = block === 'shl' ? i32.shl : i32.shrU
  const from = body.let(a)
  const by = body.let(b)
  let result: Expr = v128.splat(0)
  for (let lane = 0; lane < 4; lane++) {
    result = i32x4.replace(result, lane, one(i32x4.extract(from, lane), i32x4.extract(by, lane)))
  }
  return result
}
