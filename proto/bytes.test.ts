import { describe, expect, test } from 'vitest'
import { f32Bits, f32FromBits, fromHex, Reader, to0x, toHex, Writer } from '#proto/bytes.ts'
import { AssayError, type ErrorCode } from '#proto/errors.ts'
import { Packed } from '#proto/packed.ts'
import { seededRandom } from '#proto/testing.ts'

function codeOf(run: () => unknown): ErrorCode | 'none' {
  try {
    run()
  } catch (error) {
    if (error instanceof AssayError) return error.code
    throw error
  }
  return 'none'
}

describe('canonical bytes', () => {
  test('have the stated layout', () => {
    const bytes = new Writer().u8(1).u16(0x0203).u32(0x04050607).u64(8n).f32(1).string('é', 8).bool(true).finish()
    expect(toHex(bytes)).toBe(`01${'0302'}${'07060504'}${'0800000000000000'}${'0000803f'}${'02000000c3a9'}01`)
    const reader = new Reader(bytes)
    expect(reader.u8()).toBe(1)
    expect(reader.u16()).toBe(0x0203)
    expect(reader.u32()).toBe(0x04050607)
    expect(reader.u64()).toBe(8n)
    expect(reader.f32()).toBe(1)
    expect(reader.string(8)).toBe('é')
    expect(reader.bool()).toBe(true)
    reader.end()
  })

  test('round-trip random values', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = seededRandom(seed)
      const items = Array.from({ length: random.below(40) }, () => random.bytes(random.below(300)))
      const big = random.u64()
      const bytes = new Writer()
        .array(items, 40, (w, item) => w.bytes(item, 300))
        .u64(big)
        .finish()
      const reader = new Reader(bytes)
      expect(
        reader.array(40, (r) => r.bytes(300)),
        `seed ${seed}`,
      ).toEqual(items)
      expect(reader.u64()).toBe(big)
      reader.end()
      const cut = new Reader(bytes.subarray(0, bytes.length - 1))
      expect(codeOf(() => cut.array(40, (r) => r.bytes(300)) && cut.u64())).toBe('bad-encoding')
    }
  })

  test('are refused when truncated, trailing, oversized or not canonical', () => {
    expect(codeOf(() => new Reader(Uint8Array.of(1, 2)).u32())).toBe('bad-encoding')
    expect(codeOf(() => new Reader(Uint8Array.of(1)).end())).toBe('bad-encoding')
    expect(codeOf(() => new Reader(Uint8Array.of(2)).bool())).toBe('bad-encoding')
    expect(codeOf(() => new Reader(Uint8Array.of(9, 0, 0, 0)).bytes(8))).toBe('over-limit')
    expect(codeOf(() => new Reader(Uint8Array.of(8, 0, 0, 0)).bytes(8))).toBe('bad-encoding')
    expect(codeOf(() => new Reader(fromHex('ffffffff')).array(0xffffffff, (r) => r.u8()))).toBe('bad-encoding')
    expect(codeOf(() => new Reader(fromHex('0000c07f')).f32())).toBe('bad-encoding')
    expect(codeOf(() => new Reader(fromHex('01000000ff')).string(4))).toBe('bad-encoding')
    expect(codeOf(() => new Writer().u8(256))).toBe('bad-input')
    expect(codeOf(() => new Writer().u32(1.5))).toBe('bad-input')
    expect(codeOf(() => new Writer().u64(-1n))).toBe('bad-input')
    expect(codeOf(() => new Writer().string('abc', 2))).toBe('over-limit')
    expect(codeOf(() => new Writer().string('\ud800', 9))).toBe('bad-input')
  })

  test('a byte order mark in a string survives', () => {
    const bytes = new Writer().string('\ufeffx', 8).finish()
    expect(new Reader(bytes).string(8)).toBe('\ufeffx')
  })
})

describe('hex and f32', () => {
  test('hex', () => {
    expect(fromHex('0xAb01')).toEqual(Uint8Array.of(0xab, 1))
    expect(to0x(Uint8Array.of(0xab, 1))).toBe('0xab01')
    expect(codeOf(() => fromHex('abc'))).toBe('bad-encoding')
    expect(codeOf(() => fromHex('zz'))).toBe('bad-encoding')
    expect(codeOf(() => fromHex('ab', 2))).toBe('bad-encoding')
  })

  test('f32 bits round to nearest even', () => {
    expect(f32Bits(0.1)).toBe(0x3dcccccd)
    expect(f32FromBits(0x3dcccccd)).toBe(Math.fround(0.1))
    expect(f32Bits(-0)).toBe(0x80000000)
    expect(codeOf(() => f32Bits(Number.NaN))).toBe('bad-input')
  })
})

test('packed bytes are big-endian and sized', () => {
  const packed = new Packed().tag('a/1').u8(1).u16(2).u32(3).u64(4n).bool(true).finish()
  expect(toHex(packed)).toBe(`612f31${'01'}${'0002'}${'00000003'}${'0000000000000004'}01`)
  expect(new Packed().u256(5n).b32(new Uint8Array(32)).address(new Uint8Array(20)).finish().length).toBe(84)
  expect(codeOf(() => new Packed().u16(65536))).toBe('bad-input')
  expect(codeOf(() => new Packed().u8(-1))).toBe('bad-input')
  expect(codeOf(() => new Packed().address(new Uint8Array(32)))).toBe('bad-input')
})
