/**
 * Finds the elementary functions in straight-line programs: exact arithmetic spells `exp` and its like out in building
 * blocks, many of them on the bits of floats, which a backend computes by one operation of its own.
 */
import { Asm } from '#arith/assembler.ts'
import { cos, erf, exp, log, pow, sin, tanh } from '#arith/functions.ts'
import type { Arg, Straight } from '#arith/types.ts'
import { Folder } from '#graph/straight.ts'

export type Elementary = 'exp' | 'log' | 'tanh' | 'erf' | 'sin' | 'cos' | 'pow'

interface Pattern {
  readonly name: Elementary
  readonly program: Straight
}

const X: Arg = { from: 'load', n: 0 }
const Y: Arg = { from: 'load', n: 1 }

/** A function as a folded program holds it. */
function pattern(name: Elementary, emit: (asm: Asm) => void): Pattern {
  const asm = new Asm()
  emit(asm)
  const folder = new Folder()
  return {
    name,
    program: folder.finish(
      folder.append(asm.code(), (arg) => arg),
      true,
    ),
  }
}

/** No pattern contains a whole other one. */
const PATTERNS: readonly Pattern[] = [
  pattern('pow', (asm) => pow(asm, X, Y)),
  pattern('exp', (asm) => exp(asm, X)),
  pattern('log', (asm) => log(asm, X)),
  pattern('tanh', (asm) => tanh(asm, X)),
  pattern('erf', (asm) => erf(asm, X)),
  pattern('sin', (asm) => sin(asm, X)),
  pattern('cos', (asm) => cos(asm, X)),
]

/** A call that instruction `n` of a program ends. */
export interface Call {
  readonly name: Elementary
  readonly args: readonly Arg[]
}

/** The elementary function whose value is that of instruction `n`, or null. */
export function callAt(program: Straight, n: number): Call | null {
  for (const { name, program: wanted } of PATTERNS) {
    if (n + 1 < wanted.length || wanted.at(-1)!.block !== program[n]!.block) continue
    const bound = match(wanted, program, n)
    if (bound) return { name, args: bound }
  }
  return null
}

/** What the loads of `wanted` stand for where instruction `n` of `program` computes it, or null where it does not. */
function match(wanted: Straight, program: Straight, n: number): readonly Arg[] | null {
  const loads: Arg[] = []
  const matched = new Map<number, number>()
  const instruction = (w: number, p: number): boolean => {
    const known = matched.get(w)
    if (known !== undefined) return known === p
    const [want, have] = [wanted[w]!, program[p]!]
    matched.set(w, p)
    return want.block === have.block && want.args.every((arg, i) => argument(arg, have.args[i]!))
  }
  const argument = (want: Arg, have: Arg): boolean => {
    if (want.from === 'load') {
      const known = loads[want.n]
      if (known === undefined) loads[want.n] = have
      return known === undefined || same(known, have)
    }
    if (want.from === 'instr') return have.from === 'instr' && instruction(want.n, have.n)
    return want.from === 'const' && have.from === 'const' && want.bits === have.bits
  }
  return instruction(wanted.length - 1, n) ? loads : null
}

function same(a: Arg, b: Arg): boolean {
  if (a.from === 'const') return b.from === 'const' && a.bits === b.bits
  if (a.from === 'acc' || a.from === 'other') return a.from === b.from
  return a.from === b.from && a.n === (b as { n: number }).n
}
