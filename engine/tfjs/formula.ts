/**
 * Elementwise programs as formulas of a TensorFlow.js backend: float operations on float tensors, tests that give truth
 * values, and leaves - whatever depends on integers, truth values of the host and coordinates alone, which the exact
 * engine computes.
 */
import type { Arg, Block, Instr, Straight } from '#arith/types.ts'
import { callAt, type Elementary } from './elementary.ts'

export type FormulaOp =
  | Elementary
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'maximum'
  | 'sqrt'
  | 'neg'
  | 'abs'
  | 'less'
  | 'lessEqual'
  | 'equal'
  | 'logicalAnd'
  | 'logicalOr'
  | 'logicalXor'
  | 'where'

/** What a value of a formula is: a float, or a truth value. */
export type Kind = 'f32' | 'bool'

export type Term =
  | { readonly at: 'operand'; readonly n: number }
  | { readonly at: 'result'; readonly n: number }
  | { readonly at: 'constant'; readonly kind: Kind; readonly value: number }

export interface Formula {
  readonly code: readonly { readonly op: FormulaOp; readonly args: readonly Term[] }[]
  readonly result: Term
}

/** An operand that the exact engine computes: the value of `arg` in the program, as `kind`. */
export interface Leaf {
  readonly arg: Arg
  readonly kind: Kind
}

/** An operand of the formula: load `n` of the program, or a leaf. */
export type Source = { readonly from: 'load'; readonly n: number } | ({ readonly from: 'leaf' } & Leaf)

export interface Lowered {
  readonly formula: Formula
  readonly operands: readonly Source[]
}

/** A load of the program: `device` where the tensor lies on the backend, else the exact engine has its words. */
export interface Operand {
  readonly kind: Kind | 'integer'
  readonly device: boolean
}

const FLOAT: Partial<Record<Block, FormulaOp>> = {
  fadd: 'add',
  fsub: 'sub',
  fmul: 'mul',
  fdiv: 'div',
  fsqrt: 'sqrt',
  fmax: 'maximum',
}
const TEST: Partial<Record<Block, FormulaOp>> = { flt: 'less', fle: 'lessEqual', feq: 'equal' }
const LOGIC: Partial<Record<Block, FormulaOp>> = { and: 'logicalAnd', or: 'logicalOr', xor: 'logicalXor' }
const SIGN = 0x80000000
const MAGNITUDE = 0x7fffffff

const words = new Uint32Array(1)
const floats = new Float32Array(words.buffer)

function floatOf(word: number): number {
  words[0] = word
  return floats[0]!
}

/** For every instruction, whether it depends on no tensor of the device. */
function hostResults(program: Straight, operands: readonly Operand[]): readonly boolean[] {
  const host: boolean[] = []
  const isHost = (arg: Arg): boolean => {
    if (arg.from === 'load') return !operands[arg.n]!.device
    return arg.from !== 'instr' || host[arg.n]!
  }
  for (const { args } of program) host.push(args.every(isHost))
  return host
}

/** Whether the words of an argument are 0 or 1. */
function isTruth(program: Straight, operands: readonly Operand[], arg: Arg): boolean {
  if (arg.from === 'const') return arg.bits <= 1
  if (arg.from === 'load') return operands[arg.n]!.kind === 'bool'
  if (arg.from !== 'instr') return false
  const { block, args } = program[arg.n]!
  if (block in TEST || block === 'ilt' || block === 'ieq') return true
  const inner = block in LOGIC ? args : block === 'select' ? args.slice(1) : []
  return inner.length > 0 && inner.every((one) => isTruth(program, operands, one))
}

/** Raised where a backend has no operation for a block: the exact engine computes the whole map. */
class Unrepresentable extends Error {}

/** The formula of a map, or null where it needs the bits of a float that lies on the device. */
export function lower(program: Straight, operands: readonly Operand[], kind: Kind): Lowered | null {
  const writer = new Writer(program, operands)
  try {
    const result = writer.term({ from: 'instr', n: program.length - 1 }, kind)
    return { formula: { code: writer.code, result }, operands: writer.sources }
  } catch (error) {
    if (error instanceof Unrepresentable) return null
    throw error
  }
}

class Writer {
  readonly code: { op: FormulaOp; args: readonly Term[] }[] = []
  readonly sources: Source[] = []
  readonly #program: Straight
  readonly #operands: readonly Operand[]
  readonly #host: readonly boolean[]
  readonly #known = new Map<string, Term>()

  constructor(program: Straight, operands: readonly Operand[]) {
    this.#program = program
    this.#operands = operands
    this.#host = hostResults(program, operands)
  }

  /** The term that holds the value of an argument, each written once. */
  term(arg: Arg, kind: Kind): Term {
    if (arg.from === 'const') {
      return { at: 'constant', kind, value: kind === 'f32' ? floatOf(arg.bits) : arg.bits === 0 ? 0 : 1 }
    }
    if (arg.from === 'acc' || arg.from === 'other') throw new Unrepresentable()
    const key = `${arg.from}${arg.n} ${kind}`
    const known = this.#known.get(key) ?? this.#write(arg, kind)
    this.#known.set(key, known)
    return known
  }

  #write(arg: Extract<Arg, { n: number }>, kind: Kind): Term {
    const operand = arg.from === 'load' ? this.#operands[arg.n]! : undefined
    if (operand?.kind === kind) return this.#operand({ from: 'load', n: arg.n })
    const host = operand ? !operand.device : arg.from === 'axis' || this.#host[arg.n]!
    if (host) return this.#operand({ from: 'leaf', arg, kind })
    if (arg.from !== 'instr') throw new Unrepresentable()
    return kind === 'f32' ? this.#float(arg.n) : this.#truth(arg.n)
  }

  #float(n: number): Term {
    const call = callAt(this.#program, n)
    if (call) return this.#emit(call.name, call.args, 'f32')
    const { block, args } = this.#program[n]!
    const op = FLOAT[block]
    if (op) return this.#emit(op, args, 'f32')
    switch (block) {
      case 'canon':
        return this.term(args[0]!, 'f32')
      case 'ffma': {
        const product = this.#emit('mul', args.slice(0, 2), 'f32')
        return this.#push('add', [product, this.term(args[2]!, 'f32')])
      }
      case 'select':
        return this.#select(args, 'f32')
      case 'xor':
        return this.#bit(args, SIGN, 'neg')
      case 'and':
        return this.#bit(args, MAGNITUDE, 'abs')
      default:
        throw new Unrepresentable()
    }
  }

  #truth(n: number): Term {
    const { block, args }: Instr = this.#program[n]!
    const test = TEST[block]
    if (test) return this.#emit(test, args, 'f32')
    const logic = LOGIC[block]
    if (logic && args.every((arg) => isTruth(this.#program, this.#operands, arg)))
      return this.#emit(logic, args, 'bool')
    if (block === 'select') return this.#select(args, 'bool')
    throw new Unrepresentable()
  }

  #select(args: readonly Arg[], kind: Kind): Term {
    return this.#push('where', [this.term(args[0]!, 'bool'), this.term(args[1]!, kind), this.term(args[2]!, kind)])
  }

  /** A float whose sign bit is flipped or cleared by a mask on either side. */
  #bit(args: readonly Arg[], mask: number, op: 'neg' | 'abs'): Term {
    const at = args.findIndex((arg) => arg.from === 'const' && arg.bits === mask)
    if (at < 0) throw new Unrepresentable()
    return this.#push(op, [this.term(args[1 - at]!, 'f32')])
  }

  #emit(op: FormulaOp, args: readonly Arg[], kind: Kind): Term {
    return this.#push(
      op,
      args.map((arg) => this.term(arg, kind)),
    )
  }

  #push(op: FormulaOp, args: readonly Term[]): Term {
    return { at: 'result', n: this.code.push({ op, args }) - 1 }
  }

  #operand(source: Source): Term {
    return { at: 'operand', n: this.sources.push(source) - 1 }
  }
}
