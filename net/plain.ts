/**
 * Which MessagePack is read at all (docs/spec/network.md, "Objects"): plain values and typed arrays, one walk over the
 * bytes before they are decoded. What the library also knows - references, records, errors, patterns, dates - is refused:
 * a few hundred bytes of references make a structure that takes minutes to print.
 */
import { check, fail } from '#proto/errors.ts'

/** Deepest nesting, and most values of all kinds, keys of maps included. */
const MAX_DEPTH = 16
const MAX_VALUES = 65_536
const MAX_BIGINT_BYTES = 64

/** Extension types: a big integer; a typed array, whose first byte is its kind. */
const BIGINT = 0x42
const TYPED_ARRAY = 0x74
/** Bytes of an element of each kind of typed array, in the library's order: i8, u8, clamped u8, i16, ... u64. */
const ELEMENT_BYTES = [1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8]

type Kind = 'raw' | 'list' | 'map' | 'extension'
/** What follows a token: its kind and its size, or the bytes of the size that follows. */
type Token = { readonly kind: Kind; readonly size: number } | { readonly kind: Kind; readonly prefix: 1 | 2 | 4 }

/** The tokens 0xc0 to 0xdf; those not listed begin no plain value. */
const TOKENS: Readonly<Record<number, Token>> = {
  // nil, false, true
  192: { kind: 'raw', size: 0 },
  194: { kind: 'raw', size: 0 },
  195: { kind: 'raw', size: 0 },
  // byte strings
  196: { kind: 'raw', prefix: 1 },
  197: { kind: 'raw', prefix: 2 },
  198: { kind: 'raw', prefix: 4 },
  199: { kind: 'extension', prefix: 1 },
  200: { kind: 'extension', prefix: 2 },
  201: { kind: 'extension', prefix: 4 },
  // f32, f64, u8 to u64, i8 to i64
  202: { kind: 'raw', size: 4 },
  203: { kind: 'raw', size: 8 },
  204: { kind: 'raw', size: 1 },
  205: { kind: 'raw', size: 2 },
  206: { kind: 'raw', size: 4 },
  207: { kind: 'raw', size: 8 },
  208: { kind: 'raw', size: 1 },
  209: { kind: 'raw', size: 2 },
  210: { kind: 'raw', size: 4 },
  211: { kind: 'raw', size: 8 },
  212: { kind: 'extension', size: 1 },
  213: { kind: 'extension', size: 2 },
  214: { kind: 'extension', size: 4 },
  215: { kind: 'extension', size: 8 },
  216: { kind: 'extension', size: 16 },
  // text
  217: { kind: 'raw', prefix: 1 },
  218: { kind: 'raw', prefix: 2 },
  219: { kind: 'raw', prefix: 4 },
  220: { kind: 'list', prefix: 2 },
  221: { kind: 'list', prefix: 4 },
  222: { kind: 'map', prefix: 2 },
  223: { kind: 'map', prefix: 4 },
}

/** Throws `bad-encoding` for anything but one plain value, `over-limit` for one that is too deep or has too many parts. */
export function checkPlain(bytes: Uint8Array): void {
  const walk = new Walk(bytes)
  walk.value(0)
  walk.end()
}

class Walk {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private at = 0
  private values = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  end(): void {
    check(this.at === this.bytes.length, 'bad-encoding', `${this.bytes.length - this.at} bytes follow an object`)
  }

  value(depth: number): void {
    check(++this.values <= MAX_VALUES, 'over-limit', `an object of more than ${MAX_VALUES} values`)
    const token = this.byte()
    if (token < 0x80 || token >= 0xe0) return
    if (token < 0x90) this.items('map', token & 0x0f, depth)
    else if (token < 0xa0) this.items('list', token & 0x0f, depth)
    else if (token < 0xc0) this.skip(token & 0x1f)
    else this.long(token, depth)
  }

  private long(code: number, depth: number): void {
    const token = TOKENS[code] ?? fail('bad-encoding', `byte ${this.at - 1} of an object begins no plain value`)
    const size = 'size' in token ? token.size : this.length(token.prefix)
    if (token.kind === 'raw') this.skip(size)
    else if (token.kind === 'extension') this.extension(size)
    else this.items(token.kind, size, depth)
  }

  private items(kind: 'list' | 'map', count: number, depth: number): void {
    check(depth < MAX_DEPTH, 'over-limit', `an object is nested deeper than ${MAX_DEPTH}`)
    // The decoder makes room for all items at once: there must be a byte of each.
    check(count <= this.bytes.length - this.at, 'bad-encoding', `an object is cut short at byte ${this.at}`)
    for (let i = 0; i < count; i++) {
      if (kind === 'map') this.key()
      this.value(depth + 1)
    }
  }

  /** Only text: other keys would lose their type. */
  private key(): void {
    check(++this.values <= MAX_VALUES, 'over-limit', `an object of more than ${MAX_VALUES} values`)
    const token = this.byte()
    if ((token & 0xe0) === 0xa0) this.skip(token & 0x1f)
    else if (token === 0xd9) this.skip(this.length(1))
    else fail('bad-encoding', `the key of a map at byte ${this.at - 1} is no short text`)
  }

  private extension(size: number): void {
    const type = this.byte()
    const from = this.skip(size)
    if (type === BIGINT) {
      check(size > 0 && size <= MAX_BIGINT_BYTES, 'over-limit', `a big integer of ${size} bytes`)
      return
    }
    check(type === TYPED_ARRAY && size > 0, 'bad-encoding', `an extension of type ${type} in an object`)
    const element = ELEMENT_BYTES[this.bytes[from] as number]
    check(element !== undefined && (size - 1) % element === 0, 'bad-encoding', 'a malformed typed array in an object')
  }

  private length(prefix: 1 | 2 | 4): number {
    const from = this.skip(prefix)
    if (prefix === 1) return this.view.getUint8(from)
    return prefix === 2 ? this.view.getUint16(from) : this.view.getUint32(from)
  }

  private byte(): number {
    return this.bytes[this.skip(1)] as number
  }

  /** Passes over `size` bytes; returns where they begin. */
  private skip(size: number): number {
    check(size <= this.bytes.length - this.at, 'bad-encoding', `an object is cut short at byte ${this.at}`)
    this.at += size
    return this.at - size
  }
}
