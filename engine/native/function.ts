/**
 * A kernel IR function as machine code. Inside the module, arguments lie in the caller's frame, eight bytes each; every register
 * but RSP, R14 (the stack at entry, for faults) and R15 (the base of memory) may be changed by a call.
 */
import type { Body } from '../kernel/ir.ts'
import { type Allocation, allocate, type Place } from './allocate.ts'
import type { Assembler } from './assembler.ts'
import type { Instruction, Isa, RegisterClass, VirtualCode } from './machine.ts'
import { select } from './select.ts'
import { Vectors } from './simd.ts'
import {
  imm,
  type Label,
  type Mem,
  mem,
  R8,
  R9,
  R10,
  R11,
  R12,
  R13,
  RBP,
  RBX,
  RCX,
  RDI,
  RSI,
  RSP,
} from './x86/operands.ts'

type Registers = Readonly<Record<RegisterClass, readonly number[]>>

const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i)
/** RAX and RDX serve inside instructions; so do opmasks 6 and 7, and opmask 0 cannot select. */
const GENERAL = { allocated: [RBX, RBP, R8, R9, R10, R11, R12, R13], spare: [RCX, RSI, RDI] }
const WORD = 8

/** Registers to allocate, and those that carry what lies in the frame into an instruction and back. */
function registersOf(
  avx512: boolean,
  spills: Readonly<Record<RegisterClass, boolean>>,
): Record<'allocated' | 'spare', Registers> {
  const vectors = avx512 ? 32 : 16
  const own = spills.vector ? vectors - 5 : vectors
  return {
    allocated: {
      general: GENERAL.allocated,
      vector: upTo(own),
      opmask: spills.opmask ? [1, 2, 3] : [1, 2, 3, 4, 5],
    },
    spare: { general: GENERAL.spare, vector: upTo(vectors - own, own), opmask: [4, 5] },
  }
}

/** Emits the function at `label`. @param functions labels of the functions it may call */
export function compileFunction(asm: Assembler, body: Body, label: Label, isa: Isa, functions: readonly Label[]): void {
  const code = select(body, isa, functions)
  const avx512 = isa !== 'avx2'
  const spills: Record<RegisterClass, boolean> = { general: true, vector: false, opmask: false }
  let registers = registersOf(avx512, spills)
  let allocation = allocate(code, registers.allocated)
  if (allocation.slots.vector > 0 || allocation.slots.opmask > 0) {
    spills.vector = allocation.slots.vector > 0
    spills.opmask = allocation.slots.opmask > 0
    registers = registersOf(avx512, spills)
    allocation = allocate(code, registers.allocated)
    // Less room may have displaced the other class's too; both keep their spare registers from here on.
    if ((allocation.slots.opmask > 0 && !spills.opmask) || (allocation.slots.vector > 0 && !spills.vector)) {
      registers = registersOf(avx512, { general: true, vector: true, opmask: true })
      allocation = allocate(code, registers.allocated)
    }
  }
  asm.align(16)
  asm.bind(label)
  new Emission(asm, code, allocation, registers.spare, isa, mostArguments(body)).run()
}

/** Arguments of the call with the most of them. */
function mostArguments(body: Body): number {
  let most = 0
  const visit = (statements: Body['statements']): void => {
    for (const statement of statements) {
      if (statement.kind === 'call') most = Math.max(most, statement.args.length)
      if (statement.kind === 'if') visit([...statement.yes, ...statement.no])
      if (statement.kind === 'repeat') visit(statement.body)
    }
  }
  visit(body.statements)
  return most
}

class Emission {
  readonly #asm: Assembler
  readonly #code: VirtualCode
  readonly #allocation: Allocation
  readonly #spare: Registers
  readonly #avx512: boolean
  readonly #vectors: Vectors
  /** Offsets from RSP of the slots of each class. */
  readonly #slots: Readonly<Record<RegisterClass, number>>
  readonly #frame: number

  constructor(asm: Assembler, code: VirtualCode, allocation: Allocation, spare: Registers, isa: Isa, args: number) {
    this.#asm = asm
    this.#code = code
    this.#allocation = allocation
    this.#spare = spare
    this.#avx512 = isa !== 'avx2'
    const { slots } = allocation
    const general = WORD * args
    const opmask = general + WORD * slots.general
    const vector = opmask + WORD * slots.opmask
    this.#slots = { general, opmask, vector }
    this.#frame = Math.ceil((vector + this.#vectorBytes * slots.vector) / 16) * 16 + WORD
    const never = (): never => {
      throw new Error('no selection here')
    }
    this.#vectors = new Vectors({ isa, temporary: never, value: never, memory: never, emit: never })
  }

  get #vectorBytes(): number {
    return this.#avx512 ? 64 : 32
  }

  run(): void {
    const asm = this.#asm
    asm.gpr('sub', 64, RSP, imm(this.#frame))
    for (let param = 0; param < this.#code.params; param++) {
      const place = this.#allocation.places[param]
      if (place && 'register' in place) asm.gpr('mov', 32, place.register, this.#slot(param, place))
    }
    for (const virtual of this.#allocation.zeroed) this.#zero(virtual)
    for (const instruction of this.#code.instructions) this.#instruction(instruction)
    asm.gpr('add', 64, RSP, imm(this.#frame))
    asm.op('ret')
  }

  #zero(virtual: number): void {
    const kind = this.#code.classes[virtual]!
    const place = this.#allocation.places[virtual]!
    const register = 'register' in place ? place.register : this.#spare[kind][0]!
    if (kind === 'general') this.#asm.gpr('xor', 32, register, register)
    else this.#vectors.zero(this.#asm, register, kind === 'opmask')
    if ('slot' in place) this.#keep(virtual, register, place)
  }

  #instruction({ uses, defs, emit }: Instruction): void {
    const carried = new Map<number, number>()
    const next: Record<RegisterClass, number> = { general: 0, vector: 0, opmask: 0 }
    const carry = (virtual: number): boolean => {
      const place = this.#allocation.places[virtual]
      if (!place || 'register' in place || carried.has(virtual)) return false
      const kind = this.#code.classes[virtual]!
      const register = this.#spare[kind][next[kind]++]
      if (register === undefined) throw new Error('an instruction takes more from the frame than there are registers')
      carried.set(virtual, register)
      return true
    }
    for (const virtual of uses) if (carry(virtual)) this.#fetch(virtual, carried.get(virtual)!)
    for (const virtual of defs) carry(virtual)
    emit(this.#asm, (virtual) => {
      const place = this.#allocation.places[virtual]!
      return 'register' in place ? place.register : carried.get(virtual)!
    })
    for (const virtual of defs) {
      const place = this.#allocation.places[virtual]
      if (place && 'slot' in place) this.#keep(virtual, carried.get(virtual)!, place)
    }
  }

  #fetch(virtual: number, register: number): void {
    const kind = this.#code.classes[virtual]!
    const from = this.#slot(virtual, this.#allocation.places[virtual]!)
    if (kind === 'general') this.#asm.gpr('mov', 32, register, from)
    else if (kind === 'opmask') this.#asm.fix('kmovw', register, from)
    else this.#asm.vec('vmovups', this.#avx512 ? 512 : 256, register, from)
  }

  #keep(virtual: number, register: number, place: Place): void {
    const kind = this.#code.classes[virtual]!
    const to = this.#slot(virtual, place)
    if (kind === 'general') this.#asm.gpr('mov', 32, to, register)
    else if (kind === 'opmask') this.#asm.fix('kmovw', to, register)
    else this.#asm.vec('vmovups', this.#avx512 ? 512 : 256, to, register)
  }

  #slot(virtual: number, place: Place): Mem {
    // Parameters stay where the caller put them: behind this frame and the return address.
    if (virtual < this.#code.params) return mem(RSP, this.#frame + WORD + WORD * virtual)
    const slot = 'slot' in place ? place.slot : 0
    const kind = this.#code.classes[virtual]!
    return mem(RSP, this.#slots[kind] + slot * (kind === 'vector' ? this.#vectorBytes : WORD))
  }
}
