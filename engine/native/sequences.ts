/** What takes several instructions, on machine registers: with AVX2 masks are vectors, with AVX-512 opmasks. */
import { NAN } from '#arith/blocks.ts'
import type { Assembler } from './assembler.ts'
import { broadcast, imm, type Mem, merged } from './x86/operands.ts'

/**
 * Emits one operation.
 * @param from registers of the operands, left alone
 * @param to the result's register, none of the others
 * @param spare a vector register that may be written, none of the others
 */
export type Sequence = (asm: Assembler, avx512: boolean, from: readonly number[], to: number, spare: number) => void

const SIGN = 0x80000000
const MAGNITUDE = 0x7fffffff
const SMALLEST_NORMAL = 0x00800000
const TWO_TO_31 = 0x4f000000
const TWO_TO_16 = 0x47800000

/** Opmasks that only one instruction's sequence uses; allocation leaves them alone. */
const [K6, K7] = [6, 7] as const
/** Predicates of vcmpps, none of which signals. */
const [UNORDERED, ORDERED, GE] = [0x03, 0x07, 0x1d] as const
/** Classes of vfpclassps. */
const [DENORMAL, ANY_NAN] = [0x20, 0x81] as const

export const bytesOf = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer)

/** The same word in every lane, as a memory operand. */
export function wordOf(asm: Assembler, avx512: boolean, bits: number): Mem {
  if (avx512) return broadcast(asm.constant(bytesOf([bits])))
  return asm.constant(bytesOf(Array.from({ length: 8 }, () => bits)))
}

/** Replaces the lanes of an opmask by one word. */
const replace = (asm: Assembler, to: number, mask: number, bits: number): void =>
  asm.vec('vpbroadcastd', 512, merged(to, mask), asm.constant(bytesOf([bits])))

/** vmaxps gives its second operand for a NaN or two zeros: both orders together tell, and the sum of zeros is +0. */
const fmax: Sequence = (asm, avx512, [a, b], to, spare) => {
  const bits = avx512 ? 512 : 256
  asm.vec('vmaxps', bits, to, a!, b!)
  asm.vec('vmaxps', bits, spare, b!, a!)
  asm.vec('vandps', bits, to, to, spare)
  if (avx512) {
    asm.vec('vcmpps.k', bits, K6, a!, b!, imm(UNORDERED))
    replace(asm, to, K6, NAN)
  } else {
    asm.vec('vcmpps', bits, spare, a!, b!, imm(UNORDERED))
    asm.vec('vorps', bits, to, to, spare)
  }
}

/** With AVX-512 one test finds out that there is nothing to do, as is usual; it needs no spare register, and may work in place. */
const canon: Sequence = (asm, avx512, [from], to, spare) => {
  const word = (bits: number): Mem => wordOf(asm, avx512, bits)
  if (avx512) {
    const done = asm.label()
    asm.vec('vfpclassps', 512, K6, from!, imm(DENORMAL | ANY_NAN))
    if (to !== from) asm.vec('vmovaps', 512, to, from!)
    asm.fix('kortestw', K6, K6)
    asm.jcc('e', done)
    asm.vec('vfpclassps', 512, K7, to, imm(ANY_NAN))
    asm.vec('vpandd', 512, merged(to, K6), to, word(SIGN))
    replace(asm, to, K7, NAN)
    asm.bind(done)
    return
  }
  asm.vec('vandps', 256, to, from!, word(MAGNITUDE))
  asm.vec('vcmpps', 256, to, to, word(SMALLEST_NORMAL), imm(GE))
  asm.vec('vorps', 256, to, to, word(SIGN))
  asm.vec('vandps', 256, to, to, from!)
  asm.vec('vcmpps', 256, spare, from!, from!, imm(UNORDERED))
  asm.vec('vblendvps', 256, to, to, word(NAN), spare)
}

/** vcvttps2dq gives 0x80000000 for what does not fit: turned over where it is too large, cleared where it is NaN. */
const f2i: Sequence = (asm, avx512, [from], to, spare) => {
  const bits = avx512 ? 512 : 256
  const limit = wordOf(asm, avx512, TWO_TO_31)
  asm.vec('vcvttps2dq', bits, to, from!)
  if (avx512) {
    asm.vec('vcmpps.k', bits, K6, from!, limit, imm(GE))
    replace(asm, to, K6, MAGNITUDE)
    asm.vec('vcmpps.k', bits, K7, from!, from!, imm(UNORDERED))
    asm.vec('vpxord', bits, merged(to, K7), to, to)
  } else {
    asm.vec('vcmpps', bits, spare, from!, limit, imm(GE))
    asm.vec('vpxor', bits, to, to, spare)
    asm.vec('vcmpps', bits, spare, from!, from!, imm(ORDERED))
    asm.vec('vpand', bits, to, to, spare)
  }
}

/** Without an instruction for it: both halves are exact, and so is the upper one's product; the sum alone is rounded. */
const u2f: Sequence = (asm, avx512, [from], to, spare) => {
  if (avx512) {
    asm.vec('vcvtudq2ps', 512, to, from!)
    return
  }
  asm.vec('vpsrld', 256, to, from!, imm(16))
  asm.vec('vpand', 256, spare, from!, wordOf(asm, avx512, 0xffff))
  asm.vec('vcvtdq2ps', 256, to, to)
  asm.vec('vcvtdq2ps', 256, spare, spare)
  asm.vec('vfmadd132ps', 256, to, spare, wordOf(asm, avx512, TWO_TO_16))
}

/** Unsigned a < b with AVX2: with their highest bits turned over they are in the order of signed integers. */
const below: Sequence = (asm, avx512, [a, b], to, spare) => {
  asm.vec('vpxor', 256, to, a!, wordOf(asm, avx512, SIGN))
  asm.vec('vpxor', 256, spare, b!, wordOf(asm, avx512, SIGN))
  asm.vec('vpcmpgtd', 256, to, spare, to)
}

export const SEQUENCES = { fmax, canon, f2i, u2f, below } as const
