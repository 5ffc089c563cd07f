/** The building blocks of exact arithmetic: one definition, executed on a file of 32-bit registers. */
import type { Block, Word } from './types.ts'

/** The one NaN that any block produces. */
export const NAN: Word = 0x7fc00000

/** Byte code of each block in encoded programs; never reused (docs/spec/arithmetic.md, Blocks). */
export const BLOCK_CODE: Readonly<Record<Block, number>> = {
  fadd: 1,
  fsub: 2,
  fmul: 3,
  fdiv: 4,
  fsqrt: 5,
  ffma: 6,
  fmax: 7,
  flt: 8,
  fle: 9,
  feq: 10,
  iadd: 11,
  isub: 12,
  imul: 13,
  ilt: 14,
  ieq: 15,
  and: 16,
  or: 17,
  xor: 18,
  shl: 19,
  shr: 20,
  select: 21,
  f2i: 22,
  i2f: 23,
  u2f: 24,
  canon: 25,
}

/** All blocks in the order of their codes. */
export const BLOCKS = Object.keys(BLOCK_CODE) as readonly Block[]

/** Number of arguments of each block. */
export const ARITY: Readonly<Record<Block, 1 | 2 | 3>> = {
  fadd: 2,
  fsub: 2,
  fmul: 2,
  fdiv: 2,
  fsqrt: 1,
  ffma: 3,
  fmax: 2,
  flt: 2,
  fle: 2,
  feq: 2,
  iadd: 2,
  isub: 2,
  imul: 2,
  ilt: 2,
  ieq: 2,
  and: 2,
  or: 2,
  xor: 2,
  shl: 2,
  shr: 2,
  select: 3,
  f2i: 1,
  i2f: 1,
  u2f: 1,
  canon: 1,
}

/** Words that float and integer blocks both see: `f32` and `u32` view the same memory. */
export interface Registers {
  readonly u32: Uint32Array
  readonly f32: Float32Array
}

export function registers(count: number): Registers {
  const u32 = new Uint32Array(count)
  return { u32, f32: new Float32Array(u32.buffer) }
}

/** Length of one instruction of `execute`: code, destination, three arguments (unused ones are 0). */
export const INSTRUCTION = 5

/**
 * Executes straight-line code: instruction i is `code[5i..5i+4]` = block code, destination register, argument
 * registers. This is the definition of every block (docs/spec/arithmetic.md, Blocks).
 *
 * Float blocks compute in binary64 and round once more with `fround`. The detour is exact: a product of two 24-bit
 * significands fits 53 bits; for sum, difference, quotient and root a second rounding is harmless because 53 >= 2*24+2
 * (Figueroa 1995). Subnormal results keep that property: sums on the subnormal grid are exact, roots are never
 * subnormal, and a quotient A/B of integers below 2^24 that is not itself a midpoint M < 2^25 of the target grid is at
 * least a relative 2^-49 away from it, more than a rounding to 53 bits can bridge. For `ffma` see `fma`.
 */
export function execute(code: Int32Array, { u32, f32 }: Registers): void {
  for (let i = 0; i < code.length; i += INSTRUCTION) {
    const d = code[i + 1]!
    const a = code[i + 2]!
    const b = code[i + 3]!
    const c = code[i + 4]!
    switch (code[i]!) {
      case 1: // fadd
        f32[d] = f32[a]! + f32[b]!
        break
      case 2: // fsub
        f32[d] = f32[a]! - f32[b]!
        break
      case 3: // fmul
        f32[d] = f32[a]! * f32[b]!
        break
      case 4: // fdiv
        f32[d] = f32[a]! / f32[b]!
        break
      case 5: // fsqrt
        f32[d] = Math.sqrt(f32[a]!)
        break
      case 6: // ffma: a * b + c, one rounding
        f32[d] = fma(f32[a]!, f32[b]!, f32[c]!)
        break
      case 7: {
        // fmax: NaN if any is NaN, +0 above -0 (equal values differ at most in the sign of zero)
        const x = f32[a]!
        const y = f32[b]!
        if (x === y) u32[d] = u32[a]! & u32[b]!
        else f32[d] = x > y ? x : y > x ? y : Number.NaN
        break
      }
      case 8: // flt
        u32[d] = f32[a]! < f32[b]! ? 1 : 0
        continue
      case 9: // fle
        u32[d] = f32[a]! <= f32[b]! ? 1 : 0
        continue
      case 10: // feq
        u32[d] = f32[a]! === f32[b]! ? 1 : 0
        continue
      case 11: // iadd
        u32[d] = u32[a]! + u32[b]!
        continue
      case 12: // isub
        u32[d] = u32[a]! - u32[b]!
        continue
      case 13: // imul
        u32[d] = Math.imul(u32[a]!, u32[b]!)
        continue
      case 14: // ilt: signed
        u32[d] = (u32[a]! | 0) < (u32[b]! | 0) ? 1 : 0
        continue
      case 15: // ieq
        u32[d] = u32[a]! === u32[b]! ? 1 : 0
        continue
      case 16: // and
        u32[d] = u32[a]! & u32[b]!
        continue
      case 17: // or
        u32[d] = u32[a]! | u32[b]!
        continue
      case 18: // xor
        u32[d] = u32[a]! ^ u32[b]!
        continue
      case 19: // shl: by b mod 32
        u32[d] = u32[a]! << u32[b]!
        continue
      case 20: // shr: logical, by b mod 32
        u32[d] = u32[a]! >>> u32[b]!
        continue
      case 21: // select: a is not 0 ? b : c, as words
        u32[d] = u32[a]! !== 0 ? u32[b]! : u32[c]!
        continue
      case 22: {
        // f2i: toward zero, saturating, NaN to 0
        const x = f32[a]!
        u32[d] = x >= 0x80000000 ? 0x7fffffff : x <= -0x80000000 ? 0x80000000 : x | 0
        continue
      }
      case 23: // i2f
        f32[d] = u32[a]! | 0
        continue
      case 24: // u2f
        f32[d] = u32[a]!
        continue
      case 25: {
        // canon: NaN to NAN, subnormal to the zero of its sign
        const magnitude = u32[a]! & 0x7fffffff
        u32[d] = magnitude > 0x7f800000 ? NAN : magnitude < 0x00800000 ? u32[a]! & 0x80000000 : u32[a]!
        continue
      }
      default:
        throw new RangeError(`no block has code ${code[i]}`)
    }
    // Float results only: the payload and sign that a host gives a NaN are not portable.
    if (Number.isNaN(f32[d]!)) u32[d] = NAN
  }
}

const f64 = new Float64Array(1)
const halves = new Uint32Array(f64.buffer)
f64[0] = 1
const LOW = halves[0] === 0 ? 0 : 1

/**
 * a*b + c of binary32 values such that one `fround` of the result is the correctly rounded fused multiply-add.
 *
 * The product p is exact (48 bits, exponents well inside binary64). `s + e` is p + c exactly (Knuth's TwoSum; no
 * intermediate overflows or underflows, as all terms are multiples of 2^-298 below 2^257). Where e is not 0, s is
 * moved to the odd one of the two binary64 neighbours of the exact sum. Rounding to odd at 53 bits and then to nearest
 * at p <= 51 bits equals rounding once (Boldo and Melquiond 2008); a binary32 result has 24 bits, fewer when subnormal.
 */
export function fma(a: number, b: number, c: number): number {
  const p = a * b
  const s = p + c
  const t = s - p
  const e = p - (s - t) + (c - t)
  if (e > 0 || e < 0) {
    // Neither Infinity nor NaN (they make e NaN), nor 0 (then the sum is exact).
    f64[0] = s
    const low = halves[LOW]!
    if ((low & 1) === 0) {
      if (e > 0 === s > 0) {
        halves[LOW] = low | 1
      } else {
        halves[LOW] = low - 1
        if (low === 0) halves[1 - LOW]!--
      }
      return f64[0]!
    }
  }
  return s
}

const scratch = registers(4)
const single = new Int32Array([0, 3, 0, 1, 2])

/**
 * The value of one block.
 * @param args as many words as `ARITY[block]`; all are u32 bit patterns, whatever their dtype
 * @returns a u32 bit pattern
 */
export function evaluate(block: Block, args: readonly Word[]): Word {
  if (args.length !== ARITY[block]) throw new RangeError(`${block} takes ${ARITY[block]} words, not ${args.length}`)
  scratch.u32.set(args)
  single[0] = BLOCK_CODE[block]
  execute(single, scratch)
  return scratch.u32[3]!
}

/** What an f32 tensor stores: a NaN becomes `NAN`, a subnormal becomes the zero of its sign. */
export function canonical(word: Word): Word {
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return NAN
  return magnitude < 0x00800000 ? (word & 0x80000000) >>> 0 : word
}
