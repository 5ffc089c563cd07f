/** Encodes one instruction: legacy with REX, VEX or EVEX, after the form its operands fit. */
import { fail } from '#proto/errors.ts'
import type { Code } from './code.ts'
import { type Form, memoryBytes } from './form.ts'
import { type Fields, match } from './match.ts'
import type { Mem, Operand } from './operands.ts'

/**
 * Appends the first of `forms` that the operands fit, at `bits` bits of operation.
 * @throws internal if they fit none
 */
export function encode(code: Code, name: string, forms: readonly Form[], bits: number, operands: readonly Operand[]) {
  for (const form of forms) {
    const fields = match(form, bits, operands)
    if (!fields) continue
    const repeated = typeof fields.rm !== 'number' && fields.rm.broadcast === true
    const plain = !repeated && fields.mask === 0 && !fields.high
    if (form.vex && plain && bits < 512) return vex(code, form, bits, fields)
    if (form.evex && (!repeated || form.tuple.element > 0) && (!form.sparse || fields.mask > 0))
      return evex(code, form, bits, fields, repeated)
    if (!form.vex && !form.evex && plain) return legacy(code, form, bits, fields)
  }
  fail('internal', `${name} has no form of ${bits} bits for ${JSON.stringify(operands, printable)}`)
}

const printable = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

/** 64-bit general operations set W; those whose size is always 64 bits (push, call) do not need it. */
const wide = (form: Form, bits: number): number => (form.w === 1 || (bits === 64 && form.sized) ? 1 : 0)

/** Bit 3 of the base, or of the register in rm. */
const baseBit = (rm: number | Mem): number => ((typeof rm === 'number' ? rm : (rm.base ?? 0)) >> 3) & 1
/** Bit 3 of the index. */
const indexBit = (rm: number | Mem): number => (typeof rm === 'number' ? 0 : ((rm.index ?? 0) >> 3) & 1)

function legacy(code: Code, form: Form, bits: number, fields: Fields): void {
  const { direct } = form
  const b = baseBit(direct ? fields.low : fields.rm)
  const rex = (wide(form, bits) << 3) | (((fields.reg >> 3) & 1) << 2) | (indexBit(fields.rm) << 1) | b
  if (form.prefix > 0) code.byte(form.prefix)
  if (rex > 0 || fields.rex) code.byte(0x40 | rex)
  if (form.map > 0) code.byte(0x0f)
  if (form.map > 1) code.byte(form.map === 2 ? 0x38 : 0x3a)
  code.byte(form.opcode + (fields.low & 7))
  if (!direct) modrm(code, fields, 1)
  immediate(code, fields)
}

const PP: Readonly<Record<number, number>> = { 0: 0, 102: 1, 243: 2, 242: 3 }

function vex(code: Code, form: Form, bits: number, fields: Fields): void {
  const [x, b] = [indexBit(fields.rm), baseBit(fields.rm)]
  const w = wide(form, bits)
  const r = (fields.reg >> 3) & 1
  const last = ((~fields.vvvv & 15) << 3) | (bits === 256 ? 4 : 0) | PP[form.prefix]!
  if (form.map === 1 && w === 0 && x === 0 && b === 0) {
    code.byte(0xc5)
    code.byte(((r ^ 1) << 7) | last)
  } else {
    code.byte(0xc4)
    code.byte(((r ^ 1) << 7) | ((x ^ 1) << 6) | ((b ^ 1) << 5) | form.map)
    code.byte((w << 7) | last)
  }
  code.byte(form.opcode)
  modrm(code, fields, 1)
  immediate(code, fields)
}

function evex(code: Code, form: Form, bits: number, fields: Fields, repeated: boolean): void {
  const { reg, rm, vvvv } = fields
  const b = baseBit(rm)
  // Bit 4 of a register in rm goes where the index has its bit 3; bit 4 of a vector index where vvvv has its own.
  const x = typeof rm === 'number' ? rm >> 4 : indexBit(rm)
  const v = typeof rm !== 'number' && (rm.index ?? 0) > 15 ? 1 : vvvv >> 4
  const length = bits === 512 ? 2 : bits === 256 ? 1 : 0
  code.byte(0x62)
  code.byte(((~reg & 8) << 4) | ((x ^ 1) << 6) | ((b ^ 1) << 5) | (~reg & 16) | form.map)
  code.byte((form.evexW << 7) | ((~vvvv & 15) << 3) | 4 | PP[form.prefix]!)
  code.byte((fields.zero ? 128 : 0) | (length << 5) | (repeated ? 16 : 0) | ((v ^ 1) << 3) | fields.mask)
  code.byte(form.opcode)
  modrm(code, fields, memoryBytes(form, bits, repeated))
  immediate(code, fields)
}

/** ModRM, SIB and displacement; an 8-bit displacement counts units of `unit` bytes. */
function modrm(code: Code, { reg, rm, immBytes }: Fields, unit: number): void {
  const field = (reg & 7) << 3
  if (typeof rm === 'number') {
    code.byte(0xc0 | field | (rm & 7))
    return
  }
  const { base, index, scale = 1, disp, label } = rm
  if (label) {
    code.byte(field | 5)
    code.reference(label, disp, immBytes)
    return
  }
  const sib = index !== undefined || base === null || (base & 7) === 4
  const steps = disp / unit
  const short = Number.isInteger(steps) && steps >= -128 && steps <= 127
  // Without a displacement, base 5 (rbp, r13) would mean another thing.
  const mod = base === null ? 0 : disp === 0 && (base & 7) !== 5 ? 0 : short ? 1 : 2
  code.byte((mod << 6) | field | (sib ? 4 : base & 7))
  if (sib) code.byte(((31 - Math.clz32(scale)) << 6) | (((index ?? 4) & 7) << 3) | ((base ?? 5) & 7))
  if (mod === 1) code.byte(steps & 255)
  else if (mod === 2 || base === null) code.int32(disp)
}

function immediate(code: Code, { imm, immBytes }: Fields): void {
  if (immBytes === 1) code.byte(Number(imm) & 255)
  else if (immBytes === 4) code.int32(Number(imm))
  else if (immBytes === 8) code.int64(BigInt(imm))
}
