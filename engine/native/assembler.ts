/** An assembler for x86-64: instructions by name and operands, labels, constants; the result runs at any address. */
import { fail } from '#proto/errors.ts'
import { ARITHMETIC } from './x86/arithmetic.ts'
import { Code } from './x86/code.ts'
import { encode } from './x86/encode.ts'
import { FIXED, type Fixed } from './x86/fixed.ts'
import { type Form, parseForms } from './x86/form.ts'
import { CONDITIONS, type Condition, GENERAL, type General, PLAIN, type Plain } from './x86/general.ts'
import { MOVEMENT } from './x86/movement.ts'
import type { Label, Mem, Operand } from './x86/operands.ts'

/** Vector instructions: their forms are in arithmetic.ts and movement.ts. */
export const VECTOR = { ...ARITHMETIC, ...MOVEMENT } as const
export type Vector = keyof typeof VECTOR

type Name = General | Vector | Fixed
const parsed = new Map<string, readonly Form[]>()

/** The forms of an instruction, parsed once. */
function formsOf(table: Readonly<Record<string, string>>, name: Name): readonly Form[] {
  const known = parsed.get(name)
  if (known) return known
  const forms = parseForms(table[name] ?? fail('internal', `no instruction ${name}`))
  parsed.set(name, forms)
  return forms
}

const hex = (code: number): string => code.toString(16)
const set = (condition: Condition) => parseForms(`L np.0f.w0 ${hex(0x90 + CONDITIONS[condition])}/0 mb`)
const move = (condition: Condition) => parseForms(`L np.0f.w0 ${hex(0x40 + CONDITIONS[condition])} rg mg`)

/**
 * Emits machine code. Operands are in the order of the processor manuals, destination first; a register is its number
 * (general 0 to 15, vector 0 to 31, opmask and tile 0 to 7), the rest is built by operands.ts. Every method throws
 * `internal` for operands that no form of the instruction takes.
 */
export class Assembler {
  readonly #code = new Code()

  /** Bytes of code so far. */
  get length(): number {
    return this.#code.length
  }

  /** General-purpose instruction of 32 or 64 bits, as in `gpr('add', 64, RAX, imm(8))`. */
  gpr(name: General, bits: 32 | 64, ...operands: readonly Operand[]): void {
    encode(this.#code, name, formsOf(GENERAL, name), bits, operands)
  }

  /**
   * Vector instruction of 128, 256 or 512 bits, as in `vec('vaddps', 512, merged(0, K1), 17, broadcast(mem(RAX)))`.
   * VEX is taken where it can express the operands, otherwise EVEX (registers above 15, opmasks, broadcasts, 512 bits).
   * For instructions that change the width of lanes, `bits` is that of the wider operand.
   */
  vec(name: Vector, bits: 128 | 256 | 512, ...operands: readonly Operand[]): void {
    encode(this.#code, name, formsOf(VECTOR, name), bits, operands)
  }

  /** Instruction of one size: opmasks, scalars, moves between general and vector registers, tiles, prefetches, MXCSR. */
  fix(name: Fixed, ...operands: readonly Operand[]): void {
    const forms = formsOf(FIXED, name)
    encode(this.#code, name, forms, forms[0]!.sizes[0] ?? 128, operands)
  }

  /** Instruction without operands. */
  op(name: Plain): void {
    this.#code.append(Buffer.from(PLAIN[name], 'hex'))
  }

  /** Sets the byte register or memory to 1 if the condition holds, else to 0. */
  setcc(condition: Condition, to: number | Mem): void {
    encode(this.#code, `set${condition}`, set(condition), 32, [to])
  }

  /** Copies if the condition holds. A 32-bit copy clears the upper half either way. */
  cmovcc(condition: Condition, bits: 32 | 64, to: number, from: number | Mem): void {
    encode(this.#code, `cmov${condition}`, move(condition), bits, [to, from])
  }

  label(): Label {
    return { at: undefined }
  }

  /** Places a label here. */
  bind(label: Label): void {
    this.#code.bind(label)
  }

  jmp(to: Label): void {
    this.#code.byte(0xe9)
    this.#code.reference(to, 0, 0)
  }

  jcc(condition: Condition, to: Label): void {
    this.#code.byte(0x0f)
    this.#code.byte(0x80 + CONDITIONS[condition])
    this.#code.reference(to, 0, 0)
  }

  call(to: Label): void {
    this.#code.byte(0xe8)
    this.#code.reference(to, 0, 0)
  }

  /** Memory operand of the code or data at a label. */
  at(label: Label, disp = 0): Mem {
    return { base: null, disp, label }
  }

  /** Fills up with nops to a multiple of `bytes`, a power of two up to 64. */
  align(bytes: number): void {
    this.#code.align(bytes)
  }

  /**
   * Memory operand of a constant behind the code, aligned to its size: 1, 2, 4, ... 64 bytes. Equal constants are stored
   * once.
   */
  constant(bytes: Uint8Array): Mem {
    return this.#code.constant(bytes)
  }

  /** The code with its constants, for an address that is a multiple of 64. Nothing can be emitted afterwards. */
  finish(): Uint8Array {
    return this.#code.finish()
  }
}
