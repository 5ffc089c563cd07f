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
  /** Immediate, and how many bytes it has. */
  imm: number | bigint
  immBytes: number
  /** A legacy byte register whose number needs a REX prefix. */
  rex: boolean
  /** Some vector register is above 15. */
  high: boolean
}

export const isMem = (operand: Operand): operand is Mem => typeof operand === 'object' && 'base' in operand
const isImm = (operand: Operand): operand is Imm => typeof operand === 'object' && 'imm' in operand
const isMasked = (operand: Operand): operand is Masked => typeof operand === 'object' && 'mask' in operand

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
    imm: 0,
    immBytes: 0,
    rex: false,
    high: false,
  }
  const first = operands[0]
  const masked = first !== undefined && isMasked(first) ? first : undefined
  if (masked && !placeMask(fields, form, masked)) return undefined
  for (let i = 0; i < slots.length; i++) {
    if (!place(fields, slots[i]!, i === 0 && masked ? masked.to : operands[i]!, bits)) return undefined
  }
  return fields
}

/** Only a vector destination in a register can be zeroed. */
function placeMask(fields: Fields, { slots }: Form, { to, mask, zero }: Masked): boolean {
  fields.mask = mask
  fields.zero = zero
  return mask >= 1 && mask <= 7 && !(zero && (isMem(to) || !slots[0]?.vector))
}

function place(fields: Fields, slot: Slot, operand: Operand, bits: number): boolean {
  if (typeof operand === 'number') return placeRegister(fields, slot, operand)
  if (isImm(operand)) return slot.place === 'i' && placeImmediate(fields, slot.kind, operand, bits)
  return isMem(operand) && placeMemory(fields, slot, operand)
}

function placeRegister(fields: Fields, { place, kind, vector, registers }: Slot, register: number): boolean {
  if (!(register >= 0 && register < registers)) return false
  if (vector && register > 15) fields.high = true
  if (kind === 'b' && register >= 4) fields.rex = true
  if (place === 'r') fields.reg = register
  else if (place === 'm' || place === 'R') fields.rm = register
  else if (place === 'v') fields.vvvv = register
  else if (place === 'o') fields.low = register
  else if (place === 's') {
    fields.imm = register << 4
    fields.immBytes = 1
  } else return false
  return true
}

function placeMemory(fields: Fields, { place, vector }: Slot, memory: Mem): boolean {
  const { base, index, disp } = memory
  if (disp !== (disp | 0) || !(base === null || (base >= 0 && base < 16))) return false
  if (place === 'S' ? index === undefined : place !== 'm' && place !== 'M') return false
  if (index !== undefined && !isIndex(index, place === 'S' && vector)) return false
  if (place === 'S' && vector && index! > 15) fields.high = true
  fields.rm = memory
  return true
}

/** A general register 4 (rsp) cannot be an index: its number means none. */
const isIndex = (index: number, vector: boolean): boolean =>
  index >= 0 && (vector ? index < 32 : index < 16 && index !== 4)

function placeImmediate(fields: Fields, kind: Kind, { imm }: Imm, bits: number): boolean {
  if (kind === 'q') {
    fields.imm = BigInt.asIntN(64, BigInt(imm))
    fields.immBytes = 8
    return fields.imm === BigInt(imm) || BigInt.asUintN(64, fields.imm) === BigInt(imm)
  }
  const value = Number(imm)
  // A 32-bit operation takes a word of either reading.
  fields.imm = bits === 32 && kind !== 'u' && value >= 2 ** 31 && value < 2 ** 32 ? value - 2 ** 32 : value
  fields.immBytes = kind === 'd' ? 4 : 1
  const [low, high] = kind === 'u' ? [0, 255] : kind === 'b' ? [-128, 127] : [-(2 ** 31), 2 ** 31 - 1]
  return Number.isInteger(value) && fields.imm >= low && fields.imm <= high
}
