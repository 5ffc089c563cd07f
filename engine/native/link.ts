/** Kernel modules as x86-64 code: their functions, the barrier, and entries that JavaScript calls. */
import { BARRIER_COUNT, BARRIER_TURN, FAULT, SLEEPERS } from '../compiled/control.ts'
import type { KernelModule } from '../kernel/module.ts'
import type { Target } from '../kernel/target.ts'
import { Assembler } from './assembler.ts'
import { ARGUMENTS, enter, leave } from './frame.ts'
import { compileFunction } from './function.ts'
import type { Isa } from './machine.ts'
import { imm, type Label, mem, R9, R10, R14, R15, RAX, RBP, RCX, RDI, RDX, RSI, RSP } from './x86/operands.ts'

const AVX512: Target = { lanes: 16, tileRows: (vectors) => [24, 12, 8, 6][vectors - 1]!, tileVectors: 4 }

/** The sums, the columns and one row value fill the 16 or 32 vector registers. */
export const TARGETS: Readonly<Record<Isa, Target>> = {
  avx2: { lanes: 8, tileRows: (vectors) => (vectors === 1 ? 12 : 6), tileVectors: 2 },
  avx512: AVX512,
  'avx512-vnni': AVX512,
}

export interface Linked {
  readonly code: Uint8Array
  /** Offsets of entries: see `ENTRY_ARGUMENTS`. */
  readonly run: number
  readonly tasks: readonly number[]
}

/** Base of memory, thread, scratch, arena, table; the result is 0, or 1 once a thread has failed. */
export const ENTRY_ARGUMENTS = 5

/** Looks at the other threads this often before it lets others have the core, and so often in between before it sleeps. */
const SPINS = 400
const YIELDS = 400
/** How long a thread sleeps at most before it looks again, in nanoseconds: who reports a fault cannot wake it. */
const NAP = 20_000_000
const FUTEX = 202
const SCHED_YIELD = 24
const [FUTEX_WAIT, FUTEX_WAKE] = [0, 1] as const

export function link(module: KernelModule, threads: number, isa: Isa): Linked {
  const asm = new Assembler()
  const labels = module.functions.map(() => asm.label())
  const fault = asm.label()
  module.functions.forEach((body, index) => {
    if (body) compileFunction(asm, body, labels[index]!, isa, labels)
    else emitBarrier(asm, labels[index]!, fault, threads)
  })
  const [run, ...tasks] = [module.run, ...module.tasks].map((index, nth) => {
    asm.align(16)
    const start = asm.length
    emitEntry(asm, labels[index]!, nth === 0 ? fault : asm.label())
    return start
  })
  return { code: asm.finish(), run: run!, tasks }
}

const LOCALS = { args: 0, rbp: 32, bytes: 64 } as const

function emitEntry(asm: Assembler, target: Label, fault: Label): void {
  const end = asm.label()
  enter(asm, LOCALS.bytes)
  asm.gpr('mov', 64, R15, ARGUMENTS[0])
  for (let arg = 1; arg < ENTRY_ARGUMENTS; arg++) {
    asm.gpr('mov', 64, mem(RSP, LOCALS.args + 8 * (arg - 1)), ARGUMENTS[arg]!)
  }
  asm.gpr('mov', 64, mem(RSP, LOCALS.rbp), RBP)
  asm.gpr('mov', 64, R14, RSP)
  asm.call(target)
  asm.gpr('xor', 32, RAX, RAX)
  asm.jmp(end)
  // From anywhere inside: the frames in between are dropped.
  asm.bind(fault)
  asm.gpr('mov', 64, RSP, R14)
  asm.gpr('mov', 32, RAX, imm(1))
  asm.bind(end)
  asm.gpr('mov', 64, RBP, mem(RSP, LOCALS.rbp))
  leave(asm)
}

/**
 * Threads wait until all have come: a counter, and a turn that the last one advances. It goes to `fault` once a thread has
 * failed, who says so before it advances the turn: whoever looks at the turn first cannot miss both.
 */
function emitBarrier(asm: Assembler, start: Label, fault: Label, threads: number): void {
  const [count, turn] = [mem(R15, BARRIER_COUNT), mem(R15, BARRIER_TURN)]
  const [wait, spin, give, sleep, done] = [asm.label(), asm.label(), asm.label(), asm.label(), asm.label()]
  const failed = (): void => {
    asm.gpr('mov', 32, RCX, mem(R15, FAULT))
    asm.gpr('test', 32, RCX, RCX)
    asm.jcc('ne', fault)
  }
  asm.align(16)
  asm.bind(start)
  asm.gpr('mov', 32, RAX, turn)
  failed()
  asm.gpr('mov', 32, RCX, imm(1))
  asm.gpr('lock.xadd', 32, count, RCX)
  asm.gpr('cmp', 32, RCX, imm(threads - 1))
  asm.jcc('ne', wait)

  asm.gpr('mov', 32, count, imm(0))
  asm.gpr('add', 32, RAX, imm(1))
  asm.gpr('xchg', 32, turn, RAX)
  asm.gpr('mov', 32, RCX, mem(R15, SLEEPERS))
  asm.gpr('test', 32, RCX, RCX)
  asm.jcc('e', done)
  emitFutex(asm, FUTEX_WAKE, () => asm.gpr('mov', 32, RDX, imm(threads)))
  asm.jmp(done)

  asm.bind(wait)
  asm.gpr('mov', 32, RCX, imm(SPINS))
  asm.bind(spin)
  asm.op('pause')
  asm.gpr('cmp', 32, RAX, turn)
  asm.jcc('ne', done)
  asm.gpr('sub', 32, RCX, imm(1))
  asm.jcc('ne', spin)

  // Threads that share a core with a stranger, or with each other, would wait for the end of a time slice.
  asm.gpr('mov', 32, RDX, imm(YIELDS))
  asm.bind(give)
  asm.gpr('push', 64, RAX)
  asm.gpr('mov', 32, RAX, imm(SCHED_YIELD))
  asm.op('syscall')
  asm.gpr('pop', 64, RAX)
  asm.gpr('cmp', 32, RAX, turn)
  asm.jcc('ne', done)
  asm.gpr('sub', 32, RDX, imm(1))
  asm.jcc('ne', give)

  asm.bind(sleep)
  asm.gpr('mov', 32, RCX, imm(1))
  asm.gpr('lock.add', 32, mem(R15, SLEEPERS), RCX)
  // The system call keeps every register but RAX, RCX and R11.
  asm.gpr('push', 64, RAX)
  asm.gpr('mov', 32, RDX, RAX)
  asm.gpr('sub', 64, RSP, imm(16))
  asm.gpr('mov', 64, mem(RSP, 0), imm(0))
  asm.gpr('mov', 64, mem(RSP, 8), imm(NAP))
  asm.gpr('mov', 64, R10, RSP)
  emitFutex(asm, FUTEX_WAIT, () => {})
  asm.gpr('add', 64, RSP, imm(16))
  asm.gpr('pop', 64, RAX)
  asm.gpr('mov', 32, RCX, imm(1))
  asm.gpr('lock.sub', 32, mem(R15, SLEEPERS), RCX)
  failed()
  asm.gpr('cmp', 32, RAX, turn)
  asm.jcc('e', sleep)
  asm.bind(done)
  failed()
  asm.op('ret')
}

function emitFutex(asm: Assembler, operation: number, value: () => void): void {
  value()
  asm.gpr('lea', 64, RDI, mem(R15, BARRIER_TURN))
  asm.gpr('mov', 32, RSI, imm(operation))
  if (operation === FUTEX_WAKE) asm.gpr('xor', 32, R10, R10)
  asm.gpr('xor', 32, R9, R9)
  asm.gpr('mov', 32, RAX, imm(FUTEX))
  asm.op('syscall')
}
