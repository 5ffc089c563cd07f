/** Straight-line programs as vector expressions: every building block on all lanes at a time. */
import { NAN } from '#arith/blocks.ts'
import type { Arg, ElementProgram, Instr, Straight } from '#arith/types.ts'
import { type Body, type Expr, mask, vec } from './ir.ts'

const FLOAT = new Set(['fadd', 'fsub', 'fmul', 'fdiv', 'fsqrt', 'ffma', 'fmax'])
/** Arguments of these blocks are seen as numbers, never as bits. */
const NUMERIC = new Set(['fadd', 'fsub', 'fmul', 'fdiv', 'fsqrt', 'ffma', 'fmax', 'flt', 'fle', 'feq', 'f2i', 'canon'])
const SIGN = 0x80000000
const MAGNITUDE = 0x7fffffff

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

/** A value as words, or as a mask (set for 1, not set for 0), or both. */
interface Value {
  word?: Expr
  mask?: Expr
}

/**
 * Emits a straight program and returns its value, held by a local (or a plain expression that costs nothing).
 * @param argument the words of an argument that is not an instruction's result
 * @param observedResult whether the bits of a NaN result matter
 */
export function lower(body: Body, part: Straight, argument: (arg: Arg) => Expr, observedResult: boolean): Expr {
  const seen = observedInstrs(part, observedResult)
  const values: Value[] = []
  const asWord = (value: Value): Expr => {
    value.word ??= body.let(vec.ofMask(value.mask!))
    return value.word
  }
  const word = (arg: Arg): Expr => {
    if (arg.from === 'instr') return asWord(values[arg.n]!)
    return arg.from === 'const' ? vec.const(arg.bits) : argument(arg)
  }
  const maskOf = (arg: Arg): Expr | undefined => (arg.from === 'instr' ? values[arg.n]!.mask : undefined)

  part.forEach((instr, i) => {
    const masks = instr.args.map(maskOf)
    const asMask = lowerMask(instr, word, masks)
    if (asMask) {
      values.push({ mask: body.let(asMask) })
      return
    }
    let value: Expr
    if (instr.block === 'select') {
      const [condition, yes, no] = instr.args as [Arg, Arg, Arg]
      const chosen = masks[0] ?? mask.not(mask.ieq(word(condition), vec.const(0)))
      value = vec.select(chosen, word(yes), word(no))
    } else {
      value = lowerBlock(instr, instr.args.map(word))
    }
    let result: Expr = body.let(value)
    if (FLOAT.has(instr.block) && seen[i])
      result = body.let(vec.select(mask.feq(result, result), result, vec.const(NAN)))
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
      return mask.flt(...operands())
    case 'fle':
      return mask.fle(...operands())
    case 'feq':
      return mask.feq(...operands())
    case 'ilt':
      return mask.ilt(...operands())
    case 'ieq':
      return mask.ieq(...operands())
    case 'and':
      return masks[0] && masks[1] && mask.and(masks[0], masks[1])
    case 'or':
      return masks[0] && masks[1] && mask.or(masks[0], masks[1])
    case 'xor':
      return masks[0] && masks[1] && mask.xor(masks[0], masks[1])
    default:
      return undefined
  }
}

function lowerBlock({ block, args }: Instr, words: readonly Expr[]): Expr {
  const [a, b, c] = words as [Expr, Expr, Expr]
  switch (block) {
    case 'fadd':
    case 'fsub':
    case 'fmul':
    case 'fdiv':
    case 'fmax':
    case 'iadd':
    case 'isub':
    case 'imul':
    case 'and':
    case 'or':
    case 'xor':
      return vec[block](a, b)
    case 'fsqrt':
    case 'f2i':
    case 'i2f':
    case 'u2f':
    case 'canon':
      return vec[block](a)
    case 'ffma':
      return vec.fma(a, b, c)
    case 'shl':
    case 'shr': {
      const by = args[1]!
      return by.from === 'const' ? vec[block](a, by.bits & 31) : vec[`${block}v`](a, b)
    }
    default:
      throw new Error(`no lowering for ${block}`)
  }
}
