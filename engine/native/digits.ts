/** `vec.q2f`: sums of digits become floats, half a vector at a time in binary64, where the sum and its scale are exact. */
import type { Assembler } from './assembler.ts'
import { broadcast, imm, type Mem } from './x86/operands.ts'

/** 1.5 * 2^52: a 32-bit integer added to its bits is added to its value. */
const BIASED = 0x43380000

/** The same 64 bits in every lane of binary64, by their high half; the low one is 0. */
function wide(asm: Assembler, bits: 256 | 512, high: number, low = 0): Mem {
  const words = Array.from({ length: bits === 512 ? 1 : 4 }, () => [low, high]).flat()
  const place = asm.constant(new Uint8Array(Uint32Array.from(words).buffer))
  return bits === 512 ? broadcast(place) : place
}

/**
 * Of 8 or 16 lanes.
 * @param words registers of the digits, highest first, and of the exponents; they are left alone
 * @param spare three registers besides `to` that may be written
 */
export function emitFromDigits(
  asm: Assembler,
  bits: 256 | 512,
  words: { readonly digits: readonly number[]; readonly exponent: number },
  step: number,
  to: number,
  spare: readonly number[],
): void {
  const [low, sum, part] = spare as readonly [number, number, number]
  const biased = wide(asm, bits, BIASED)
  const scale = wide(asm, bits, (1023 + step) << 20)
  for (const high of [false, true]) {
    /** A half of 32-bit integers, as 64-bit ones. */
    const widen = (into: number, from: number): void => {
      if (high) asm.vec(bits === 512 ? 'vextracti64x4' : 'vextracti128', bits, into, from, imm(1))
      asm.vec('vpmovsxdq', bits, into, high ? into : from)
    }
    words.digits.forEach((digit, i) => {
      const into = i === 0 ? sum : part
      widen(into, digit)
      asm.vec('vpaddq', bits, into, into, biased)
      asm.vec('vsubpd', bits, into, into, biased)
      if (i === 0) return
      asm.vec('vmulpd', bits, sum, sum, scale)
      asm.vec('vaddpd', bits, sum, sum, part)
    })
    widen(part, words.exponent)
    asm.vec('vpaddq', bits, part, part, wide(asm, bits, 0, 1023))
    asm.vec('vpsllq', bits, part, part, imm(52))
    asm.vec('vmulpd', bits, sum, sum, part)
    asm.vec('vcvtpd2ps', bits, high ? sum : low, sum)
  }
  asm.vec(bits === 512 ? 'vinsertf64x4' : 'vinsertf128', bits, to, low, sum, imm(1))
}
