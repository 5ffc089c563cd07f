import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { derive } from './derive.ts'
import { approximate, cos, erf, exp, fixed, log, ONE, PI, sin, sqrt, tanh, toFloat32 } from './fixed.ts'
import { length, measure, SUBJECTS } from './measure.ts'

test('the committed coefficients are what is derived', () => {
  expect(derive()).toBe(readFileSync(new URL('../../arith/coefficients.ts', import.meta.url), 'utf8'))
})

/** Digits of a fixed-point value after the decimal point, truncated. */
const digits = (x: bigint, count: number): string => ((x * 10n ** BigInt(count)) / ONE).toString()

test('fixed-point functions against published digits', () => {
  expect(digits(PI, 60)).toBe('3141592653589793238462643383279502884197169399375105820974944')
  expect(digits(exp(ONE), 60)).toBe('2718281828459045235360287471352662497757247093699959574966967')
  expect(digits(log(2n * ONE), 60)).toBe('693147180559945309417232121458176568075500134360255254120680')
  expect(digits(sqrt(2n * ONE), 60)).toBe('1414213562373095048801688724209698078569671875376948073176679')
  expect(digits(erf(ONE), 40)).toBe('8427007929497148693412206350826092592960')
  expect(digits(tanh(ONE), 40)).toBe('7615941559557648881194582826047935904127')
  expect(digits(sin(ONE), 40)).toBe('8414709848078965066525023216302989996225')
  expect(digits(cos(ONE), 40)).toBe('5403023058681397174009366074429766037323')
  expect(digits(sin(1000n * ONE + ONE / 2n), 15)).toBe(digits(fixed(Math.sin(1000.5)), 15))
})

test('toFloat32 rounds to nearest, ties to even', () => {
  for (const x of [1, -1, 0.1, 1 / 3, 2 ** 24 + 1, 2 ** 24 + 3, 1 - 2 ** -25, 1 + 2 ** -24, 3e-5, -12345.678]) {
    expect(toFloat32(fixed(x))).toBe(Math.fround(x))
    expect(approximate(fixed(x))).toBe(x)
  }
})

test.each(SUBJECTS)('$name keeps its published error bound on a sample', (subject) => {
  const { ulp, points } = measure(subject, 65_537)
  expect(points).toBeGreaterThan(1000)
  expect(ulp).toBeLessThan(subject.bound)
})

test('the table of functions in the specification has these block counts and bounds', () => {
  const spec = readFileSync(new URL('../../docs/spec/arithmetic.md', import.meta.url), 'utf8')
  const rows = SUBJECTS.map((subject) => {
    const row = spec.split('\n').find((line) => line.startsWith(`| \`${subject.name}\` |`))!
    const cells = row.split('|').map((cell) => cell.trim())
    expect(Number(cells[4])).toBeLessThan(subject.bound)
    return [cells[2], cells[6]].map(Number)
  })
  expect(rows).toEqual(SUBJECTS.map((subject) => [length(subject), subject.bound]))
})
