/** The notation of the instruction tables: one form of an instruction, as a line of text, and its parser. */
import { fail } from '#proto/errors.ts'

/**
 * Where an operand goes: the reg, rm or vvvv field, bits 3 to 0 of the opcode (`o`), an immediate byte or word (`i`), or
 * the high half of an immediate byte (`s`). `M` is rm as memory alone, `R` rm as register alone, `S` as memory with an
 * index of that kind.
 */
export type Place = 'r' | 'm' | 'M' | 'R' | 'S' | 'v' | 'o' | 'i' | 's'

/**
 * What an operand is. Registers: general of the operation's size (g), of 8 (b), 16 (w), 32 (d) or 64 bits (q); vector of
 * the operation's size (X), its half (h), quarter (p) or eighth (e), or of 128 (x) or 256 bits (y); mask (k); tile (t).
 * Immediates: signed 8 bits (b), signed 32 bits (d), 64 bits (q), or unsigned 8 bits (u).
 */
export type Kind = 'g' | 'b' | 'w' | 'd' | 'q' | 'X' | 'h' | 'p' | 'e' | 'x' | 'y' | 'k' | 't' | 'u'

export interface Slot {
  readonly place: Place
  readonly kind: Kind
  readonly vector: boolean
  /** How many registers of the kind there are: 32 vectors in EVEX. */
  readonly registers: number
}

/** How an encoding counts an 8-bit displacement, and the elements of a broadcast. */
export interface Tuple {
  /** Bytes of the memory operand, or 0: then it is the vector divided by `fraction`. */
  readonly bytes: number
  readonly fraction: number
  /** Bytes of a broadcast element; 0 where there is none. */
  readonly element: number
}

export interface Form {
  readonly vex: boolean
  readonly evex: boolean
  /** Mandatory prefix: 0, 0x66, 0xf3, 0xf2; or 0xf0, lock. */
  readonly prefix: number
  /** Opcode map: 0 one byte, 1 0f, 2 0f38, 3 0f3a. */
  readonly map: number
  /** W of VEX (and of REX) and of EVEX. */
  readonly w: number
  readonly evexW: number
  readonly opcode: number
  /** Opcode extension in the reg field, or -1. */
  readonly extension: number
  readonly slots: readonly Slot[]
  /** Has an operand of the operation's size, which 64 bits need W for. */
  readonly sized: boolean
  /** Has an operand in the opcode, so no ModRM byte. */
  readonly direct: boolean
  /** Has vector indices. In EVEX these need an opmask. */
  readonly sparse: boolean
  readonly tuple: Tuple
  /** Sizes in bits that the form exists for; empty: all. */
  readonly sizes: readonly number[]
}

const PREFIX: Readonly<Record<string, number>> = { np: 0, '66': 0x66, f3: 0xf3, f2: 0xf2, lock: 0xf0 }
const MAP: Readonly<Record<string, number>> = { '00': 0, '0f': 1, '38': 2, '3a': 3 }
const W: Readonly<Record<string, readonly [number, number]>> = { w0: [0, 0], w1: [1, 1], w01: [0, 1] }
const SLOT = /^[rmMRSvois][gbwdqXhpexyktu]$/

/**
 * Parses one form: `<encodings> <prefix>.<map>.<w> <opcode>[/<extension>] <operands> [<tuple>] [@<sizes>]`.
 *
 * - encodings: `L` legacy, `V` VEX, `E` EVEX, `VE` both
 * - w: `w0`, `w1`, or `w01`: 0 in VEX, 1 in EVEX
 * - tuple (EVEX): `f4`, `f8` whole vector with broadcast of 4 or 8 bytes, `h4` half of it, `f`, `h`, `p`, `e` a whole,
 *   half, quarter or eighth vector without broadcast, `=<n>` n bytes
 * - sizes: `@256,512`
 */
export function parseForm(text: string): Form {
  const [encodings = '', start = '', code = '', ...rest] = text.trim().split(/\s+/)
  const [prefix = '', map = '', w = ''] = start.split('.')
  const [opcode = '', extension = '-1'] = code.split('/')
  const words = rest.filter((word) => SLOT.test(word))
  const slots = words.map(slotOf)
  const sizes = rest.find((word) => word.startsWith('@'))
  const others = rest.filter((word) => !words.includes(word) && word !== sizes)
  const ws = W[w]
  if (!ws || !(prefix in PREFIX) || !(map in MAP) || others.length > 1) fail('internal', `instruction form ${text}`)
  return {
    vex: encodings.includes('V'),
    evex: encodings.includes('E'),
    prefix: PREFIX[prefix]!,
    map: MAP[map]!,
    w: ws[0],
    evexW: ws[1],
    opcode: Number.parseInt(opcode, 16),
    extension: Number(extension),
    slots,
    sized: slots.some(({ kind }) => kind === 'g'),
    direct: slots.some(({ place }) => place === 'o'),
    sparse: slots.some(({ place, vector }) => place === 'S' && vector),
    tuple: tupleOf(others[0]),
    sizes: sizes === undefined ? [] : sizes.slice(1).split(',').map(Number),
  }
}

function slotOf(word: string): Slot {
  const [place, kind] = [word[0] as Place, word[1] as Kind]
  const vector = 'Xhpexy'.includes(kind)
  return { place, kind, vector, registers: vector ? 32 : kind === 'k' || kind === 't' ? 8 : 16 }
}

const TUPLES: Readonly<Record<string, Tuple>> = {
  f4: { bytes: 0, fraction: 1, element: 4 },
  f8: { bytes: 0, fraction: 1, element: 8 },
  h4: { bytes: 0, fraction: 2, element: 4 },
  f: { bytes: 0, fraction: 1, element: 0 },
  h: { bytes: 0, fraction: 2, element: 0 },
  p: { bytes: 0, fraction: 4, element: 0 },
  e: { bytes: 0, fraction: 8, element: 0 },
}
const NONE: Tuple = { bytes: 1, fraction: 1, element: 0 }

function tupleOf(word: string | undefined): Tuple {
  if (word === undefined) return NONE
  if (word.startsWith('=')) return { bytes: Number(word.slice(1)), fraction: 1, element: 0 }
  return TUPLES[word] ?? fail('internal', `tuple ${word}`)
}

/** All forms of an instruction, which `|` separates. */
export const parseForms = (text: string): readonly Form[] => text.split('|').map(parseForm)

/** Bytes of a memory operand of the form at vectors of `bits` bits. */
export function memoryBytes({ tuple }: Form, bits: number, repeated: boolean): number {
  if (repeated) return tuple.element
  return tuple.bytes > 0 ? tuple.bytes : bits / 8 / tuple.fraction
}
