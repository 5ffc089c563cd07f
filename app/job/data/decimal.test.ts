import { describe, expect, it } from 'vitest'
import { decimalBits } from '#app/job/data/decimal.ts'
import { AssayError } from '#proto/errors.ts'
import { seededRandom } from '#proto/testing.ts'

const view = new DataView(new ArrayBuffer(8))
function f32(bits: number): number {
  view.setUint32(0, bits)
  return view.getFloat32(0)
}

/** The exact decimal expansion of a finite binary64, as every binary fraction has one. */
function exact(value: number): string {
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0)
  const power = Number((bits >> 52n) & 0x7ffn) - 1075
  const mantissa = (bits & 0xfffffffffffffn) | 0x10000000000000n
  if (power >= 0) return `${mantissa << BigInt(power)}`
  const scaled = `${mantissa * 5n ** BigInt(-power)}`.padStart(1 - power, '0')
  return `${scaled.slice(0, power)}.${scaled.slice(power)}`.replace(/\.?0*$/, '')
}

function codeOf(text: string): string {
  try {
    return decimalBits(text).toString(16)
  } catch (error) {
    return error instanceof AssayError ? error.code : `not an AssayError: ${error}`
  }
}

describe('decimalBits', () => {
  it.each([
    ['0', 0],
    ['-0', 0x80000000],
    ['-0.000e10', 0x80000000],
    ['1', 0x3f800000],
    ['+1.5', 0x3fc00000],
    ['.5', 0x3f000000],
    ['5.', 0x40a00000],
    ['1e-3', 0x3a83126f],
    ['0.1', 0x3dcccccd],
    ['16777217', 0x4b800000],
    ['16777219', 0x4b800002],
    ['3.4028234663852886e38', 0x7f7fffff],
    ['340282356779733661637539395458142568447', 0x7f7fffff],
    ['1.1754943508222875e-38', 0x00800000],
  ])('%s', (text, bits) => {
    expect(decimalBits(text).toString(16)).toBe(bits.toString(16))
  })

  it('does not round twice', () => {
    // 1 + 2^-24 is the midpoint of 1 and its successor; the binary64 of the text is that midpoint.
    const text = '1.00000005960464477539062500001'
    expect(Math.fround(Number(text))).toBe(1)
    expect(decimalBits(text)).toBe(0x3f800001)
    expect(decimalBits('1.00000005960464477539062499999')).toBe(0x3f800000)
    expect(decimalBits('1.000000059604644775390625')).toBe(0x3f800000)
    expect(decimalBits('-1.00000005960464477539062500001')).toBe(0xbf800001)
  })

  it('rounds the neighbours of random midpoints the right way', () => {
    const seed = 4711
    const random = seededRandom(seed)
    let doubleRounded = 0
    for (let round = 0; round < 3000; round++) {
      const bits = ((100 + random.below(54)) << 23) | (random.u32() >>> 9)
      const midpoint = (f32(bits) + f32(bits + 1)) / 2
      const tie = exact(midpoint)
      if (tie.length > 60) continue
      const even = bits % 2 === 0 ? bits : bits + 1
      const point = tie.includes('.') ? '' : '.'
      const above = `${tie}${point}${'0'.repeat(62 - tie.length)}1`
      const [digits, last] = [tie.slice(0, -1), Number(tie.at(-1))]
      expect(decimalBits(tie), `seed ${seed}: ${tie}`).toBe(even)
      expect(decimalBits(above), `seed ${seed}: ${above}`).toBe(bits + 1)
      if (last > 0) {
        const below = `${digits}${last - 1}${point}${'9'.repeat(62 - tie.length)}`
        expect(decimalBits(below), `seed ${seed}: ${below}`).toBe(bits)
        if (Math.fround(Number(below)) !== f32(bits)) doubleRounded++
      }
      if (Math.fround(Number(above)) !== f32(bits + 1)) doubleRounded++
    }
    expect(doubleRounded).toBeGreaterThan(100)
  })

  it('reads back every printed binary32', () => {
    const seed = 99
    const random = seededRandom(seed)
    for (let round = 0; round < 5000; round++) {
      const bits = (((1 + random.below(254)) << 23) | (random.u32() >>> 9) | (random.bool() ? 0x80000000 : 0)) >>> 0
      const text = random.bool() ? String(f32(bits)) : f32(bits).toExponential(8)
      expect(decimalBits(text), `seed ${seed}: ${text}`).toBe(bits)
    }
  })

  it.each([
    '',
    '.',
    '-',
    '+.e1',
    'nan',
    'NaN',
    'inf',
    'Infinity',
    '0x10',
    '1_000',
    '1,5',
    ' 1',
    '1 ',
    '1e',
    '1e99999',
    '--1',
  ])('rejects %j', (text) => {
    expect(codeOf(text)).toBe('bad-data')
  })

  it.each([
    '1e39',
    '-3.5e38',
    '340282356779733661637539395458142568448',
    '1e-39',
    '-1e-60',
    '1.17e-38',
    '1'.repeat(65),
  ])('rejects %s, which no canonical binary32 holds', (text) => {
    expect(codeOf(text)).toBe('bad-data')
  })
})
