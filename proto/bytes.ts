/**
 * Canonical bytes: little-endian fixed-size integers, length-prefixed strings and arrays, no padding. One value has one
 * encoding; a reader rejects truncation, trailing bytes and anything over its limit (docs/spec/protocol.md, "Bytes").
 */
import { check, fail } from '#proto/errors.ts'

const U64_MAX = (1n << 64n) - 1n
const scratch = new DataView(new ArrayBuffer(4))
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function checkUint(value: number, max: number, name: string): void {
  if (!Number.isInteger(value) || value < 0 || value > max) fail('bad-input', `${value} is not a ${name}`)
}

/** Appends values to a growing buffer. Every method throws `bad-input` for a value outside its type. */
export class Writer {
  private buffer = new Uint8Array(256)
  private view = new DataView(this.buffer.buffer)
  private length = 0

  /** Makes room for `size` more bytes and returns the offset where they start. */
  private grow(size: number): number {
    const start = this.length
    this.length += size
    if (this.length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(this.length, this.buffer.length * 2))
      larger.set(this.buffer)
      this.buffer = larger
      this.view = new DataView(larger.buffer)
    }
    return start
  }

  u8(value: number): this {
    checkUint(value, 0xff, 'u8')
    const at = this.grow(1)
    this.view.setUint8(at, value)
    return this
  }

  u16(value: number): this {
    checkUint(value, 0xffff, 'u16')
    const at = this.grow(2)
    this.view.setUint16(at, value, true)
    return this
  }

  u32(value: number): this {
    checkUint(value, 0xffffffff, 'u32')
    const at = this.grow(4)
    this.view.setUint32(at, value, true)
    return this
  }

  u64(value: bigint): this {
    if (value < 0n || value > U64_MAX) fail('bad-input', `${value} is not a u64`)
    const at = this.grow(8)
    this.view.setBigUint64(at, value, true)
    return this
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0)
  }

  /** The bit pattern of `value` rounded to binary32; NaN is not encodable. */
  f32(value: number): this {
    return this.u32(f32Bits(value))
  }

  /** Exactly these bytes, without a length. */
  raw(value: Uint8Array): this {
    const at = this.grow(value.length)
    this.buffer.set(value, at)
    return this
  }

  /** Exactly `size` bytes, without a length. */
  fixed(value: Uint8Array, size: number): this {
    if (value.length !== size) fail('bad-input', `expected ${size} bytes, got ${value.length}`)
    return this.raw(value)
  }

  /** u32 length, then the bytes. */
  bytes(value: Uint8Array, max: number): this {
    if (value.length > max) fail('over-limit', `${value.length} bytes, at most ${max}`)
    return this.u32(value.length).raw(value)
  }

  /** u32 byte length, then UTF-8. */
  string(value: string, max: number): this {
    if (!value.isWellFormed()) fail('bad-input', 'a string is not well-formed Unicode')
    return this.bytes(encoder.encode(value), max)
  }

  /** u32 count, then each item. */
  array<T>(items: readonly T[], max: number, write: (writer: Writer, item: T) => void): this {
    if (items.length > max) fail('over-limit', `${items.length} items, at most ${max}`)
    this.u32(items.length)
    for (const item of items) write(this, item)
    return this
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.length)
  }
}

/** Reads canonical bytes. Every method throws `bad-encoding` on truncation, `over-limit` above a limit. */
export class Reader {
  private readonly data: Uint8Array
  private readonly view: DataView
  private at = 0

  constructor(data: Uint8Array) {
    this.data = data
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  }

  get remaining(): number {
    return this.data.length - this.at
  }

  private take(size: number): number {
    if (size > this.remaining) fail('bad-encoding', `truncated at byte ${this.at}: ${size} more bytes expected`)
    const start = this.at
    this.at += size
    return start
  }

  u8(): number {
    return this.view.getUint8(this.take(1))
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true)
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true)
  }

  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true)
  }

  bool(): boolean {
    const value = this.u8()
    if (value > 1) fail('bad-encoding', `${value} is not a boolean`)
    return value === 1
  }

  /** A binary32 by its bit pattern; NaN is rejected. */
  f32(): number {
    const value = f32FromBits(this.u32())
    if (Number.isNaN(value)) fail('bad-encoding', 'NaN is not encodable')
    return value
  }

  /** A copy of the next `size` bytes. */
  raw(size: number): Uint8Array {
    const start = this.take(size)
    return this.data.slice(start, start + size)
  }

  bytes(max: number): Uint8Array {
    const size = this.u32()
    if (size > max) fail('over-limit', `${size} bytes, at most ${max}`)
    return this.raw(size)
  }

  string(max: number): string {
    const bytes = this.bytes(max)
    try {
      return decoder.decode(bytes)
    } catch (cause) {
      return fail('bad-encoding', 'a string is not UTF-8', { cause })
    }
  }

  /** `read` must consume at least one byte an item, so that a count cannot outgrow the input. */
  array<T>(max: number, read: (reader: Reader) => T): T[] {
    const count = this.u32()
    if (count > max) fail('over-limit', `${count} items, at most ${max}`)
    if (count > this.remaining) fail('bad-encoding', `truncated: ${count} items in ${this.remaining} bytes`)
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(read(this))
    return items
  }

  /** Rejects trailing bytes. */
  end(): void {
    if (this.remaining > 0) fail('bad-encoding', `${this.remaining} trailing bytes`)
  }
}

/** Bit pattern of `value` rounded to binary32. Throws `bad-input` for NaN. */
export function f32Bits(value: number): number {
  if (Number.isNaN(value)) fail('bad-input', 'NaN is not encodable')
  scratch.setFloat32(0, value)
  return scratch.getUint32(0)
}

export function f32FromBits(bits: number): number {
  scratch.setUint32(0, bits)
  return scratch.getFloat32(0)
}

/** Lower-case hex without a prefix. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** Lower-case hex with `0x`, as Ethereum tools write it. */
export function to0x(bytes: Uint8Array): string {
  return `0x${toHex(bytes)}`
}

/** Bytes of hex text, with or without `0x`, either case; `size` is checked when given. Throws `bad-encoding`. */
export function fromHex(text: string, size?: number): Uint8Array {
  const digits = text.startsWith('0x') ? text.slice(2) : text
  check(digits.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(digits), 'bad-encoding', 'malformed hex')
  check(size === undefined || digits.length === size * 2, 'bad-encoding', `expected ${size} bytes of hex`)
  return new Uint8Array(Buffer.from(digits, 'hex'))
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of parts) size += part.length
  const out = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** The ASCII bytes of a domain tag. */
export function ascii(text: string): Uint8Array {
  check(/^[\x20-\x7e]*$/.test(text), 'bad-input', 'not printable ASCII')
  return encoder.encode(text)
}
