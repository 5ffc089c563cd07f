/** The frame of a function that JavaScript calls: callee-saved registers, IEEE arithmetic, aligned local memory. */
import { check } from '#proto/errors.ts'
import type { Assembler } from './assembler.ts'
import { imm, mem, R12, R13, R14, R15, RBP, RBX, RSP } from './x86/operands.ts'

/** General registers that a function of the System V convention must give back, besides rbp and rsp. */
export const CALLEE_SAVED = [RBX, R12, R13, R14, R15] as const

/** Registers of the first six integer arguments: rdi, rsi, rdx, rcx, r8, r9. */
export const ARGUMENTS = [7, 6, 2, 1, 8, 9] as const

/** Round to nearest even, subnormal numbers kept, all exceptions masked: IEEE 754 as WebAssembly has it. */
export const MXCSR_IEEE = 0x1f80

/** Bytes below rbp: the saved registers, then the caller's MXCSR. */
const SAVED = CALLEE_SAVED.length * 8
const CALLERS_MXCSR = mem(RBP, -SAVED - 8)

/** A frame whose local memory must be probed page by page is not supported. */
const MOST_LOCALS = 1 << 16

/**
 * Emits the entry of a function: saves `CALLEE_SAVED` and the caller's MXCSR, sets IEEE arithmetic, and makes room for
 * `locals` bytes, at most 65536, at rsp, a multiple of 64. All registers but rsp and rbp, the frame's base, are free then;
 * argument registers keep their values. Arguments beyond the sixth lie at [rbp + 16], [rbp + 24], ...
 */
export function enter(asm: Assembler, locals = 0): void {
  check(locals >= 0 && locals <= MOST_LOCALS, 'internal', `a frame of ${locals} bytes`)
  asm.gpr('push', 64, RBP)
  asm.gpr('mov', 64, RBP, RSP)
  for (const register of CALLEE_SAVED) asm.gpr('push', 64, register)
  asm.gpr('sub', 64, RSP, imm(locals + 8))
  asm.gpr('and', 64, RSP, imm(-64))
  asm.fix('stmxcsr', CALLERS_MXCSR)
  asm.fix('ldmxcsr', asm.constant(word(MXCSR_IEEE)))
}

/** Emits the return of a function that began with `enter`. Upper halves of vector registers are cleared. */
export function leave(asm: Assembler): void {
  asm.op('vzeroupper')
  asm.fix('ldmxcsr', CALLERS_MXCSR)
  asm.gpr('lea', 64, RSP, mem(RBP, -SAVED))
  for (const register of CALLEE_SAVED.toReversed()) asm.gpr('pop', 64, register)
  asm.gpr('pop', 64, RBP)
  asm.op('ret')
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}
