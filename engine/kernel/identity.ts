/** Recognises programs that give the words of their operand in the operand's own order. */
import type { ElementProgram } from '#arith/types.ts'
import { nestOf } from './nest.ts'

/** True for programs whose result is the operand's words as they are (made canonical, if f32): reshape and the like. */
export function isIdentity(p: ElementProgram): boolean {
  const [load, more] = p.loads
  if (p.loop.length > 0 || !load || more || load.guard?.length || load.via || load.at.base !== 0) return false
  if (!isCopy(p)) return false
  const { out, loads } = nestOf(p)
  return out.length === 0 || (out.length === 1 && loads[0]!.at.strides[0] === 1)
}

/** True if the finish is one block that passes load 0 through: `canon` of an f32, or `or` with 0. */
export function isCopy(p: ElementProgram): boolean {
  const [instr, more] = p.finish
  if (!instr || more) return false
  const [a, b] = instr.args
  if (a?.from !== 'load' || a.n !== 0) return false
  if (instr.block === 'canon') return p.out.dtype === 'f32'
  return instr.block === 'or' && b?.from === 'const' && b.bits === 0
}
