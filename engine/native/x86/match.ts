/** Whether operands fit a form, and which field of the instruction each of them fills. */
import type { Form, Kind, Slot } from './form.ts'
import type { Imm, Masked, Mem, Operand } from './operands.ts'

export interface Fields {
  reg: number
  rm: number | Mem
  vvvv: number
  /** Low bits of the opcode. */
  low: number
  /** Opmask register, 0 for none. */
  mask: number
  zero: boolean
  /** Immediate and its bytes. */
  imm: bigint
  immBytes: number
  /** A legacy byte register whose number needs a REX prefix. */
  rex: boolean
  /** Some vector register is above 15. */
  high: boolean
}

export const isMem = (operand: Operand): operand is Mem => typeof operand === 'object' && 'base' in operand
const isImm = (operand: Operand): operand is Imm => typeof operand === 'object' && 'imm' in operand
const isMasked = (operand: Operand): operand is Masked => typeof operand === 'object' && 'mask' in operand

const VECTOR = 'Xhpexy'
const isVector = (kind: Kind): boolean => VECTOR.includes(kind)

/** Registers of each kind: vectors have 32 in EVEX, and `Fields.high` says whether that is needed. */
const registers = (kind: Kind): number => (isVector(kind) ? 32 : kind === 'k' || kind === 't' ? 8 : 16)

/** The fields that the operands fill, or undefined if they do not fit the form. */
export function match(form: Form, bits: number, operands: readonly Operand[]): Fields | undefined {
  const { slots, sizes } = form
  if (operands.length !== slots.length || (sizes.length > 0 && !sizes.includes(bits))) return undefined
  const fields: Fields = {
    reg: Math.max(0, form.extension),
    rm: 0,
    vvvv: 0,
    low: 0,
    mask: 0,
    zero: false,
    imm: 0n,
    immBytes: 0,
    rex: false,
    high: false,
  }
  const fits = slots.every((slot, i) => place(fields, slot, operands[i]!, bits))
  return fits ? fields : undefined
}

function place(fields: Fields, slot: Slot, operand: Operand, bits: number): boolean {
  if (isMasked(operand)) {
    fields.mask = operand.mask
    fields.zero = operand.zero
    return operand.mask >= 1 && operand.mask <= 7 && place(fields, slot, operand.to, bits)
  }
  if (slot.place === 'i') return placeImmediate(fields, slot.kind, operand, bits)
  if (isMem(operand)) return placeMemory(fields, slot, operand)
  if (isImm(operand)) return false
  return placeRegister(fields, slot, operand)
}

function placeRegister(fields: Fields, { place, kind }: Slot, register: number): boolean {
  if (!(register >= 0 && register < registers(kind))) return false
  if (isVector(kind)) fields.high ||= register > 15
  if (kind === 'b') fields.rex ||= register >= 4
  if (place === 'r') fields.reg = register
  else if (place === 'm' || place === 'R') fields.rm = register
  else if (place === 'v') fields.vvvv = register
  else if (place === 'o') fields.low = register
  else if (place === 's') {
    fields.imm = BigInt(register << 4)
    fields.immBytes = 1
  } else return false
  return true
}

function placeMemory(fields: Fields, { place, kind }: Slot, memory: Mem): boolean {
  const index = memory.index
  if (memory.disp !== (memory.disp | 0)) return false
  const indexed = index !== undefined
  if (place === 'S' ? !indexed : place !== 'm' && place !== 'M') return false
  const vector = place === 'S' && isVector(kind)
  // A general register 4 (rsp) cannot be an index: its number means none.
  if (indexed && !(index >= 0 && index < (vector ? 32 : 16) && (vector || index !== 4))) return false
  if (vector) fields.high ||= index! > 15
  fields.rm = memory
  return true
}

function placeImmediate(fields: Fields, kind: Kind, operand: Operand, bits: number): boolean {
  if (!isImm(operand)) return false
  const value = BigInt(operand.imm)
  // A 32-bit operation takes a word of either reading.
  const signed = bits === 32 && value >> 31n === 1n ? value - (1n << 32n) : value
  if (kind === 'u') return immediate(fields, value, 1, value >= 0n && value < 256n)
  if (kind === 'b') return immediate(fields, signed, 1, BigInt.asIntN(8, signed) === signed)
  if (kind === 'd') return immediate(fields, signed, 4, BigInt.asIntN(32, signed) === signed)
  return immediate(
    fields,
    BigInt.asIntN(64, value),
    8,
    BigInt.asUintN(64, value) === value || BigInt.asIntN(64, value) === value,
  )
}

function immediate(fields: Fields, value: bigint, bytes: number, fits: boolean): boolean {
  fields.imm = value
  fields.immBytes = bytes
  return fits
}
