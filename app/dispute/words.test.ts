import { expect, it } from 'vitest'
import { BLOCKS } from '#arith/blocks.ts'
import { seededRandom } from '#proto/testing.ts'
import { differingBits, signatureOf, wordText } from './words.ts'

const bitsOf = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0] as number

it('writes a float as the shortest decimal that names it alone', () => {
  const known: readonly [number, string][] = [
    [0, '0'],
    [0x8000_0000, '-0'],
    [bitsOf(0.1), '0.1'],
    [bitsOf(-1.5), '-1.5'],
    [bitsOf(16_777_216), '16777216'],
    [1, '1e-45'],
    [0x7f7f_ffff, '3.4028235e+38'],
    [0xff80_0000, '-Infinity'],
    [0x7fc0_0000, 'NaN'],
  ]
  for (const [word, value] of known) expect(wordText(word, 'f32').value).toBe(value)
  const random = seededRandom(3)
  for (let i = 0; i < 2000; i++) {
    const word = random.u32()
    const { value } = wordText(word, 'f32')
    const number = Number(value)
    if (Number.isNaN(number)) continue
    expect(bitsOf(number)).toBe(word)
    // One digit less names another number.
    const digits = value
      .replace(/e.*/, '')
      .replace(/[-.]/g, '')
      .replace(/^0+|0+$/g, '').length
    if (digits > 1) expect(bitsOf(Number(number.toPrecision(digits - 1)))).not.toBe(word)
  }
})

it('writes integers with and without a sign', () => {
  expect(wordText(0xffff_fffe, 'i32')).toEqual({ bits: '0xfffffffe', value: '-2' })
  expect(wordText(0xffff_fffe, 'u32')).toEqual({ bits: '0xfffffffe', value: '4294967294' })
})

it('reads the words of every block as what they are to it', () => {
  for (const block of BLOCKS) expect(signatureOf(block, 2, 'f32').result).toMatch(/^(f32|i32|u32)$/)
  expect(signatureOf('select', 3, 'f32')).toEqual({ args: ['u32', 'f32', 'f32'], result: 'f32' })
  expect(signatureOf('shl', 2, 'f32')).toEqual({ args: ['u32', 'u32'], result: 'u32' })
})

it('names the bits in which words differ', () => {
  expect(differingBits(0x8000_0001, 0)).toEqual([0, 31])
  expect(differingBits(7, 7)).toEqual([])
})
