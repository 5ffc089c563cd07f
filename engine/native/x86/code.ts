/** Machine code as it grows: bytes, labels, references to labels, and the constants that follow the code. */
import { check, fail } from '#proto/errors.ts'
import type { Label, Mem } from './operands.ts'

interface Reference {
  /** Offset of the 32-bit field. */
  readonly at: number
  readonly label: Label
  /** What the processor adds the field to: the end of the instruction. */
  readonly from: number
  readonly disp: number
}

/** Nops of 1 to 9 bytes, as the processor manuals recommend them. */
const NOPS = [
  '90',
  '6690',
  '0f1f00',
  '0f1f4000',
  '0f1f440000',
  '660f1f440000',
  '0f1f8000000000',
  '0f1f840000000000',
  '660f1f840000000000',
].map((hex) => Buffer.from(hex, 'hex'))

export class Code {
  #bytes = new Uint8Array(4096)
  #view = new DataView(this.#bytes.buffer)
  #length = 0
  readonly #references: Reference[] = []
  readonly #constants = new Map<string, { readonly bytes: Uint8Array; readonly label: Label }>()

  /** Bytes emitted so far. */
  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  int32(value: number): void {
    this.#reserve(4)
    this.#view.setInt32(this.#length, value, true)
    this.#length += 4
  }

  int64(value: bigint): void {
    this.#reserve(8)
    this.#view.setBigInt64(this.#length, value, true)
    this.#length += 8
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  bind(label: Label): void {
    check(label.at === undefined, 'internal', 'a label is bound twice')
    label.at = this.#length
  }

  /** A 32-bit field that reaches label + disp from the end of the instruction, `trailing` bytes behind the field. */
  reference(label: Label, disp: number, trailing: number): void {
    this.#references.push({ at: this.#length, label, from: this.#length + 4 + trailing, disp })
    this.int32(0)
  }

  /** Fills up with nops to a multiple of `bytes`, a power of two. */
  align(bytes: number): void {
    let gap = -this.#length & (bytes - 1)
    while (gap > 0) {
      const nop = NOPS[Math.min(gap, NOPS.length) - 1]!
      this.append(nop)
      gap -= nop.length
    }
  }

  /** A constant that `finish` places behind the code, at a multiple of its size; equal constants are one. */
  constant(bytes: Uint8Array): Mem {
    const size = bytes.length
    check(size > 0 && size <= 64 && (size & (size - 1)) === 0, 'internal', `a constant of ${size} bytes`)
    const key = Buffer.from(bytes).toString('hex')
    const known = this.#constants.get(key) ?? { bytes: bytes.slice(), label: { at: undefined } }
    this.#constants.set(key, known)
    return { base: null, disp: 0, label: known.label }
  }

  /** The code and behind it its constants: for an address that is a multiple of 64. No more can be emitted. */
  finish(): Uint8Array {
    for (const { bytes, label } of [...this.#constants.values()].sort((a, b) => b.bytes.length - a.bytes.length)) {
      while (this.#length % bytes.length > 0) this.byte(0xcc)
      this.bind(label)
      this.append(bytes)
    }
    for (const { at, label, from, disp } of this.#references) {
      if (label.at === undefined) fail('internal', `a label used at ${at} is not bound`)
      this.#view.setInt32(at, label.at + disp - from, true)
    }
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes))
    grown.set(this.#bytes)
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}
