import { expect, test } from 'vitest'
import { isAssayError } from '#proto/errors.ts'
import { decodeProgram, encodeProgram } from './encode.ts'
import { words } from './testing.ts'
import { convolution, matmul, quantised, randomProgram } from './testing-programs.ts'
import type { ElementProgram } from './types.ts'

test('the bytes of a contraction, written out', () => {
  const hex = Buffer.from(encodeProgram(matmul(2, 3, 5))).toString('hex')
  const i32 = (...values: number[]): string =>
    values.map((v) => Buffer.from(Int32Array.of(v).buffer).toString('hex')).join('')
  expect(hex).toBe(
    [
      `01 00 02${i32(2, 3)} 01${i32(5)}`, // version, f32, out [2, 3], loop [5]
      `00 ${i32(0)} 02`, // chain512, init +0, two loads
      `00 ${i32(0)} ${i32(0, 5, 0, 1)} 00 00`, // operand, fill, base and strides, no via, no guards
      `01 ${i32(0)} ${i32(0, 0, 1, 3)} 00 00`,
      '01 06 0000 0001 02', // step: ffma(load 0, load 1, acc)
      '01 01 02 03', // join: fadd(acc, other)
      '00', // finish
    ]
      .join('')
      .replaceAll(' ', ''),
  )
})

test('a quantised contraction differs in its order alone, and has no step and no join', () => {
  const hex = (p: ElementProgram): string => Buffer.from(encodeProgram(p)).toString('hex')
  const start = '0100020200000003000000010500000000'
  const chain = hex(matmul(2, 3, 5))
  expect(chain.startsWith(start)).toBe(true)
  const loads = chain.slice(start.length, chain.indexOf('01060000'))
  expect(hex(quantised('q16', 2, 3, 5))).toBe(`${start.slice(0, -2)}02${loads}000000`)
  expect(hex(quantised('q24', 2, 3, 5))).toBe(`${start.slice(0, -2)}03${loads}000000`)
})

test('a convolution takes 207 bytes', () => {
  expect(encodeProgram(convolution(2, 4, 5, 3, 2)).length).toBe(207)
})

test('every truncation and every added byte is refused', () => {
  const bytes = encodeProgram(convolution(2, 4, 5, 3, 2))
  for (let size = 0; size < bytes.length; size++) {
    expect(() => decodeProgram(bytes.subarray(0, size))).toThrow()
  }
  expect(() => decodeProgram(Uint8Array.of(...bytes, 0))).toThrow(/trailing/)
})

test('changed bytes either decode to a program with exactly these bytes or are refused with a typed error', () => {
  const seed = 99
  const next = words(seed)
  let decoded = 0
  for (let i = 0; i < 5000; i++) {
    const bytes = encodeProgram(randomProgram(next).program)
    bytes[next() % bytes.length] = next() & 255
    try {
      expect(encodeProgram(decodeProgram(bytes))).toEqual(bytes)
      decoded++
    } catch (error) {
      expect(isAssayError(error), String(error)).toBe(true)
    }
  }
  expect(decoded).toBeGreaterThan(1000)
  expect(decoded).toBeLessThan(5000)
})
