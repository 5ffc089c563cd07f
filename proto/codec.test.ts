import { describe, expect, test } from 'vitest'
import { toHex } from '#proto/bytes.ts'
import {
  bytes,
  type Codec,
  count,
  decode,
  encode,
  f32,
  fixed,
  list,
  oneOf,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
} from '#proto/codec.ts'
import { AssayError, type ErrorCode } from '#proto/errors.ts'

function codeOf(run: () => unknown): ErrorCode | 'none' {
  try {
    run()
  } catch (error) {
    if (error instanceof AssayError) return error.code
    throw error
  }
  return 'none'
}

const shape = union({ dot: struct({}), box: struct({ sides: list(u8(1, 9), 2, 3) }) })
const thing = struct({
  a: u16(),
  name: text(4),
  rate: f32(0, 1),
  shape,
  kind: oneOf(['x', 'y']),
  big: u64,
  n: count(0, 2 ** 40),
})

describe('a declared encoding', () => {
  test('lays fields out in order', () => {
    const value = {
      a: 258,
      name: 'ab',
      rate: 0.5,
      shape: { type: 'box', sides: [3, 4] },
      kind: 'y',
      big: 1n,
      n: 2,
    } as const
    const data = encode(thing, value)
    expect(toHex(data)).toBe(
      ['0201', '020000006162', '0000003f', '01', '020000000304', '01', '0100000000000000', '0200000000000000'].join(''),
    )
    expect(decode(thing, data, 100)).toEqual(value)
  })

  test('checks the same limits in both directions and names the field', () => {
    const cases: [Codec<unknown>, unknown, string, ErrorCode][] = [
      [u8(1, 9), 0, '00', 'over-limit'],
      [u32(0, 5), 6, '06000000', 'over-limit'],
      [count(0, 3), 4, '0400000000000000', 'over-limit'],
      [f32(0, 1), 2, '00000040', 'over-limit'],
      [list(u8(), 1, 2), [], '00000000', 'over-limit'],
      [list(u8(), 1, 2), [1, 2, 3], '03000000010203', 'over-limit'],
      [text(2), 'abc', '03000000616263', 'over-limit'],
      [bytes(2), new Uint8Array(3), '03000000000000', 'over-limit'],
    ] as unknown as [Codec<unknown>, unknown, string, ErrorCode][]
    for (const [codec, value, hex, code] of cases) {
      expect(
        codeOf(() => encode(codec, value)),
        codec.describe,
      ).toBe(code)
      expect(
        codeOf(() => decode(codec, Buffer.from(hex, 'hex'), 100)),
        codec.describe,
      ).toBe(code)
    }
    const nested = struct({ outer: struct({ inner: u8(0, 1) }) })
    expect(() => encode(nested, { outer: { inner: 7 } })).toThrow('outer.inner: 7')
  })

  test('refuses what has no canonical form', () => {
    expect(codeOf(() => encode(f32(-1, 1), 0.1))).toBe('bad-input')
    expect(codeOf(() => encode(f32(-1, 1), -0))).toBe('bad-input')
    expect(codeOf(() => decode(f32(-1, 1), Buffer.from('00000080', 'hex'), 4))).toBe('bad-input')
    expect(codeOf(() => encode(f32(-1, 1), Number.NaN))).toBe('over-limit')
    expect(codeOf(() => decode(oneOf(['x']), Uint8Array.of(1), 4))).toBe('bad-encoding')
    expect(codeOf(() => decode(shape, Uint8Array.of(2), 4))).toBe('bad-encoding')
    expect(codeOf(() => encode(shape, { type: 'none' } as never))).toBe('bad-input')
    expect(codeOf(() => encode(fixed(2), new Uint8Array(3)))).toBe('bad-input')
    expect(codeOf(() => encode(struct({ a: u8() }), {} as never))).toBe('bad-input')
    expect(codeOf(() => decode(u8(), Uint8Array.of(1, 2), 4))).toBe('bad-encoding')
    expect(codeOf(() => decode(u8(), new Uint8Array(5), 4))).toBe('over-limit')
    expect(codeOf(() => decode(u8(), Uint8Array.of(1, 2), 4, 'bad-job'))).toBe('bad-job')
  })

  test('rounds real numbers only', () => {
    const value = { a: 1, name: '', rate: 0.1, shape: { type: 'dot' }, kind: 'x', big: 0n, n: 0 } as const
    expect(thing.round?.(value)).toEqual({ ...value, rate: Math.fround(0.1) })
    expect(Object.is(f32(-1, 1).round?.(-0), 0)).toBe(true)
  })
})
