/** A function framed by `enter` and `leave` computes as IEEE 754 says and gives everything back to its caller. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { Assembler } from './assembler.ts'
import { CALLEE_SAVED, enter, leave } from './frame.ts'
import { gate } from './testing.ts'
import { imm, mem, RAX, RBP, RBX, RDI, RDX, RSI, RSP } from './x86/operands.ts'

const { host, why } = await gate()

/** The functions that `emit` makes, mapped until the test ends: entry offsets become addresses. */
function mapped(emit: (asm: Assembler) => number[]): number[] {
  const asm = new Assembler()
  const entries = emit(asm)
  const block = host!.map(asm.finish())
  onTestFinished(() => block.close())
  return entries.map((entry) => block.address + entry)
}

/** Round towards zero, flush to zero, subnormal inputs are zero, all exceptions masked. */
const ALTERED = 0xffc0

const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer)

/** () -> bits of (smallest normal number * 0.5) + the same: subnormal, so 0 if those are flushed. */
function halve(asm: Assembler): void {
  asm.fix('vmovss', 0, asm.constant(word(0x00800000)))
  asm.fix('vmulss', 0, 0, asm.constant(word(0x3f000000)))
  asm.fix('vmovd.rx', RAX, 0)
}

/**
 * (function) -> its result, called under the altered MXCSR; its upper half is the MXCSR afterwards. What the caller had
 * is restored.
 */
function emitCaller(asm: Assembler): number {
  asm.align(16)
  const start = asm.length
  asm.gpr('sub', 64, RSP, imm(24))
  asm.fix('stmxcsr', mem(RSP, 8))
  asm.fix('ldmxcsr', asm.constant(word(ALTERED)))
  asm.gpr('call', 64, RDI)
  asm.fix('stmxcsr', mem(RSP))
  asm.fix('ldmxcsr', mem(RSP, 8))
  asm.gpr('mov', 32, RDX, mem(RSP))
  asm.gpr('shl', 64, RDX, imm(32))
  asm.gpr('or', 64, RAX, RDX)
  asm.gpr('add', 64, RSP, imm(24))
  asm.op('ret')
  return start
}

describe.skipIf(!host)(`a framed function${why}`, () => {
  it('keeps subnormal numbers where its caller flushes them, and gives MXCSR back', () => {
    const [caller, framed, bare] = mapped((asm) => {
      const entries = [emitCaller(asm), asm.length]
      enter(asm)
      halve(asm)
      leave(asm)
      entries.push(asm.length)
      halve(asm)
      asm.op('ret')
      return entries
    })
    const call = host!.bind(caller!, 1)
    const split = (result: number) => [result % 2 ** 32, Math.floor(result / 2 ** 32)]
    expect(split(call(framed!))).toEqual([0x00400000, ALTERED])
    // Without the frame the number is flushed, and the flags of that stay behind: the test above can fail.
    const [flushed, mxcsr] = split(call(bare!))
    expect([flushed, mxcsr! & ALTERED]).toEqual([0, ALTERED])
  })

  it('gives callee-saved registers and the stack back, whatever it did to them', () => {
    const saved = [RBP, ...CALLEE_SAVED]
    const [caller, framed] = mapped((asm) => {
      const start = asm.length
      for (const register of saved) asm.gpr('push', 64, register)
      for (const [i, register] of saved.entries()) asm.gpr('mov', 32, register, imm(3 ** (i + 1)))
      asm.gpr('mov', 64, mem(RSP, -256), RSP)
      asm.gpr('call', 64, RDI)
      asm.gpr('xor', 32, RAX, RAX)
      for (const register of saved) asm.gpr('add', 64, RAX, register)
      for (const register of saved.toReversed()) asm.gpr('pop', 64, register)
      asm.op('ret')
      asm.align(16)
      const entry = asm.length
      enter(asm, 1000)
      for (const register of CALLEE_SAVED) asm.gpr('mov', 32, register, imm(12345))
      for (let i = 0; i < 1000; i += 8) asm.gpr('mov', 64, mem(RSP, i), RBX)
      asm.gpr('push', 64, RBX)
      leave(asm)
      return [start, entry]
    })
    expect(host!.bind(caller!, 1)(framed!)).toBe(saved.reduce((sum, _, i) => sum + 3 ** (i + 1), 0))
  })

  it('has local memory at a multiple of 64, and its arguments', () => {
    const [framed] = mapped((asm) => {
      enter(asm, 320)
      asm.gpr('mov', 64, RAX, RSP)
      asm.gpr('and', 64, RAX, imm(63))
      asm.gpr('add', 64, RAX, RDI)
      asm.gpr('add', 64, RAX, RSI)
      asm.gpr('add', 64, RAX, mem(RBP, 16))
      leave(asm)
      return [0]
    })
    expect(host!.bind(framed!, 7)(100, 20, 0, 0, 0, 0, 3)).toBe(123)
  })
})

describe('a frame', () => {
  it('has at most 65536 bytes', () => {
    for (const bytes of [-1, 65537, Number.NaN]) expect(() => enter(new Assembler(), bytes)).toThrow('a frame of')
  })
})
