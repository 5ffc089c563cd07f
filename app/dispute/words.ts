/** How 32-bit words look to a person: their bits, and the number that these are to the block that uses them. */
import type { Block, DType, QuantisedBlock, Word } from '#arith/types.ts'

/** What a word is read as. */
export type Reading = 'f32' | 'i32' | 'u32'

export interface WordText {
  /** Eight hexadecimal digits. */
  readonly bits: `0x${string}`
  /** In decimal: of a float the shortest text that names it alone. */
  readonly value: string
}

export const bitsText = (word: Word): `0x${string}` => `0x${word.toString(16).padStart(8, '0')}`

export function wordText(word: Word, reading: Reading): WordText {
  const value = { f32: () => shortest(floatOf(word)), i32: () => `${word | 0}`, u32: () => `${word >>> 0}` }[reading]()
  return { bits: bitsText(word), value }
}

function floatOf(word: Word): number {
  return new Float32Array(Uint32Array.of(word).buffer)[0] as number
}

/** Nine significant digits tell any two binary32 values apart. */
const DIGITS = 9

function shortest(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  for (let digits = 1; digits < DIGITS; digits++) {
    const number = Number(value.toPrecision(digits))
    if (Math.fround(number) === value) return String(number)
  }
  return String(Number(value.toPrecision(DIGITS)))
}

/** What the words of a tensor are read as. */
export const readingOf = (dtype: DType): Reading => (dtype === 'bool' ? 'u32' : dtype)

interface Signature {
  readonly args: readonly Reading[]
  readonly result: Reading
}

const signature = (args: readonly Reading[], result: Reading): Signature => ({ args, result })
const floats = (count: number): Reading[] => Array.from({ length: count }, () => 'f32')

/** What the blocks make of their words (docs/spec/arithmetic.md, Blocks); those that only move bits are not here. */
const SIGNATURES: Readonly<Partial<Record<Block | QuantisedBlock, Signature>>> = {
  fadd: signature(floats(2), 'f32'),
  fsub: signature(floats(2), 'f32'),
  fmul: signature(floats(2), 'f32'),
  fdiv: signature(floats(2), 'f32'),
  fsqrt: signature(floats(1), 'f32'),
  ffma: signature(floats(3), 'f32'),
  fmax: signature(floats(2), 'f32'),
  flt: signature(floats(2), 'u32'),
  fle: signature(floats(2), 'u32'),
  feq: signature(floats(2), 'u32'),
  iadd: signature(['i32', 'i32'], 'i32'),
  isub: signature(['i32', 'i32'], 'i32'),
  imul: signature(['i32', 'i32'], 'i32'),
  ilt: signature(['i32', 'i32'], 'u32'),
  ieq: signature(['i32', 'i32'], 'u32'),
  f2i: signature(['f32'], 'i32'),
  i2f: signature(['i32'], 'f32'),
  u2f: signature(['u32'], 'f32'),
  canon: signature(floats(1), 'f32'),
  qshift: signature(['f32', 'i32'], 'i32'),
  f2q: signature(['f32', 'i32'], 'i32'),
  q2f: signature(['u32', 'i32', 'i32'], 'f32'),
  imulh: signature(['i32', 'i32'], 'i32'),
  ult: signature(['u32', 'u32'], 'u32'),
}

/** What a block reads its arguments as, and what its result is; of one that only moves bits, `moved`. */
export function signatureOf(block: Block | QuantisedBlock, args: number, moved: Reading): Signature {
  const known = SIGNATURES[block]
  if (known !== undefined) return known
  if (block === 'select') return signature(['u32', moved, moved], moved)
  return signature(
    Array.from({ length: args }, () => 'u32'),
    'u32',
  )
}

/** Numbers of the bits in which two words differ, from 0, the lowest. */
export function differingBits(a: Word, b: Word): number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (((a ^ b) >>> bit) & 1) === 1)
}
