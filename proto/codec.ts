/**
 * Declared encodings: one value states a field's layout, its limits and its description, so that encoding, decoding,
 * checking and the tables of docs/spec/protocol.md cannot disagree.
 */
import { Reader, Writer } from '#proto/bytes.ts'
import { AssayError, check, type ErrorCode, fail } from '#proto/errors.ts'
import { HASH_BYTES } from '#proto/hash.ts'

/** A bounded canonical encoding of `T`. `path` names the field in messages. Both directions check every limit. */
export interface Codec<T> {
  /** Layout and limits in words, for tables. */
  readonly describe: string
  write(writer: Writer, value: T, path: string): void
  read(reader: Reader, path: string): T
  /** The canonical value nearest to a caller's: only real numbers change. Absent: the value itself. */
  round?(value: T): T
}

export type Of<C> = C extends Codec<infer T> ? T : never
type Flat<T> = { readonly [K in keyof T]: T[K] }

function within(value: number, min: number, max: number, path: string): number {
  check(Number.isInteger(value), 'bad-input', `${path}: ${value} is not an integer`)
  check(value >= min && value <= max, 'over-limit', `${path}: ${value} is outside ${min}..${max}`)
  return value
}

function unsigned(name: 'u8' | 'u16' | 'u32', min: number, max: number): Codec<number> {
  return {
    describe: `${name}, ${min}..${max}`,
    write: (writer, value, path) => writer[name](within(value, min, max, path)),
    read: (reader, path) => within(reader[name](), min, max, path),
  }
}

export const u8 = (min = 0, max = 0xff): Codec<number> => unsigned('u8', min, max)
export const u16 = (min = 0, max = 0xffff): Codec<number> => unsigned('u16', min, max)
export const u32 = (min = 0, max = 0xffffffff): Codec<number> => unsigned('u32', min, max)

export const u64: Codec<bigint> = {
  describe: 'u64',
  write: (writer, value) => writer.u64(value),
  read: (reader) => reader.u64(),
}

/** A count held as a number and written as u64. */
export function count(min: number, max: number): Codec<number> {
  return {
    describe: `u64, ${min}..${max}`,
    write: (writer, value, path) => writer.u64(BigInt(within(value, min, max, path))),
    read: (reader, path) => within(Number(reader.u64()), min, max, path),
  }
}

/** A binary32 in `min..max`; the number given must be exactly one (round with `Math.fround`), and -0 is refused. */
export function f32(min: number, max: number): Codec<number> {
  const verify = (value: number, path: string): number => {
    check(value >= min && value <= max, 'over-limit', `${path}: ${value} is outside ${min}..${max}`)
    check(Math.fround(value) === value && !Object.is(value, -0), 'bad-input', `${path}: ${value} is not a binary32`)
    return value
  }
  return {
    describe: `f32, ${min}..${max}`,
    round: (value) => Math.fround(value) + 0,
    write: (writer, value, path) => writer.f32(verify(value, path)),
    read: (reader, path) => verify(reader.f32(), path),
  }
}

/** Exactly `size` bytes. */
export function fixed(size: number): Codec<Uint8Array> {
  return {
    describe: `${size} bytes`,
    write: (writer, value, path) => {
      check(value.length === size, 'bad-input', `${path}: ${value.length} bytes, not ${size}`)
      writer.raw(value)
    },
    read: (reader) => reader.raw(size),
  }
}

export const hash: Codec<Uint8Array> = fixed(HASH_BYTES)

export function bytes(max: number): Codec<Uint8Array> {
  return {
    describe: `u32 length, up to ${max} bytes`,
    write: (writer, value) => writer.bytes(value, max),
    read: (reader) => reader.bytes(max),
  }
}

/** UTF-8 of at most `max` bytes. */
export function text(max: number): Codec<string> {
  return {
    describe: `u32 length, up to ${max} bytes of UTF-8`,
    write: (writer, value) => writer.string(value, max),
    read: (reader) => reader.string(max),
  }
}

/** One of a few words, written as its position. The order is part of the format. */
export function oneOf<const W extends readonly string[]>(words: W): Codec<W[number]> {
  return {
    describe: `u8: ${words.map((word, i) => `${i} ${word}`).join(', ')}`,
    write: (writer, value, path) => {
      const index = words.indexOf(value)
      check(index >= 0, 'bad-input', `${path}: ${value} is none of ${words.join(', ')}`)
      writer.u8(index)
    },
    read: (reader, path) => words[reader.u8()] ?? fail('bad-encoding', `${path}: unknown code`),
  }
}

/** u32 count, then the items. */
export function list<T>(item: Codec<T>, min: number, max: number): Codec<readonly T[]> {
  const bounds = (size: number, path: string): void => {
    check(size >= min && size <= max, 'over-limit', `${path}: ${size} items, allowed are ${min}..${max}`)
  }
  return {
    describe: `u32 count ${min}..${max}, each: ${item.describe}`,
    round: (values) => values.map((value) => item.round?.(value) ?? value),
    write: (writer, values, path) => {
      bounds(values.length, path)
      writer.array(values, max, (w, value) => item.write(w, value, `${path}[]`))
    },
    read: (reader, path) => {
      const values = reader.array(max, (r) => item.read(r, `${path}[]`))
      bounds(values.length, path)
      return values
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: fields of any type; `Struct` recovers each
type Fields = Record<string, Codec<any>>
export type Struct<F extends Fields> = Codec<Flat<{ readonly [K in keyof F]: Of<F[K]> }>> & { readonly fields: F }

/** The fields, in the order in which they are declared. */
export function struct<F extends Fields>(fields: F): Struct<F> {
  const entries = Object.entries(fields)
  type Value = Flat<{ readonly [K in keyof F]: Of<F[K]> }>
  return {
    fields,
    describe: entries.map(([name]) => name).join(', '),
    round: (value) => {
      const out: Record<string, unknown> = { ...(value as Record<string, unknown>) }
      for (const [name, codec] of entries) {
        if (codec.round !== undefined && out[name] !== undefined) out[name] = codec.round(out[name])
      }
      return out as Value
    },
    write: (writer, value, path) => {
      for (const [name, codec] of entries) {
        const field = (value as Record<string, unknown>)[name]
        check(field !== undefined, 'bad-input', `${join(path, name)} is missing`)
        codec.write(writer, field, join(path, name))
      }
    },
    read: (reader, path) => {
      const value: Record<string, unknown> = {}
      for (const [name, codec] of entries) value[name] = codec.read(reader, join(path, name))
      return value as Value
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: variants of any fields; `Union` recovers each
type Variants = Record<string, Struct<any>>
export type Union<V extends Variants> = Codec<{ [N in keyof V]: Flat<{ readonly type: N } & Of<V[N]>> }[keyof V]> & {
  readonly variants: V
}

/** A union told apart by `type`: u8 position of the variant, then its fields. The order is part of the format. */
export function union<V extends Variants>(variants: V): Union<V> {
  const names = Object.keys(variants)
  type Value = Of<Union<V>>
  return {
    variants,
    describe: `u8: ${names.map((name, i) => `${i} ${name}`).join(', ')}; then its fields`,
    round: (value) => (variants[value.type as string]?.round?.(value) ?? value) as Value,
    write: (writer, value, path) => {
      const index = names.indexOf(value.type as string)
      check(index >= 0, 'bad-input', `${join(path, 'type')}: ${String(value.type)} is none of ${names.join(', ')}`)
      writer.u8(index)
      variants[names[index] as string]?.write(writer, value, path)
    },
    read: (reader, path) => {
      const type = names[reader.u8()] ?? fail('bad-encoding', `${join(path, 'type')}: unknown code`)
      return { type, ...variants[type]?.read(reader, path) } as Value
    },
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** Canonical bytes of a value. Every error is rethrown as `code`, where one is given. */
export function encode<T>(codec: Codec<T>, value: T, code?: ErrorCode): Uint8Array {
  return recoded(code, () => {
    const writer = new Writer()
    codec.write(writer, value, '')
    return writer.finish()
  })
}

/** The value of canonical bytes of at most `max` bytes; nothing may follow it. */
export function decode<T>(codec: Codec<T>, data: Uint8Array, max: number, code?: ErrorCode): T {
  return recoded(code, () => {
    check(data.length <= max, 'over-limit', `${data.length} bytes, at most ${max}`)
    const reader = new Reader(data)
    const value = codec.read(reader, '')
    reader.end()
    return value
  })
}

function recoded<T>(code: ErrorCode | undefined, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    if (code === undefined || !(cause instanceof AssayError)) throw cause
    throw new AssayError(code, cause.message, { cause, ...(cause.next === undefined ? {} : { next: cause.next }) })
  }
}
