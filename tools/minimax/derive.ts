/**
 * Derives the coefficients of arith/functions.ts: `node tools/minimax/derive.ts` prints arith/coefficients.ts,
 * `--write` writes it, `--check` exits 1 unless the file in the tree is exactly what is derived.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { approximate, cos, erf, exp, fixed, LN2, log, mul, ONE, PI, sin, sqrt, tanh, toFloat32 } from './fixed.ts'
import type { Problem } from './remez.ts'
import { minimax } from './remez.ts'

const TARGET = new URL('../../arith/coefficients.ts', import.meta.url)

/** Where tanh and erf change from their odd polynomial to the form 1 - something. */
const TANH_SMALL = 0.6875
const ERF_SMALL = 0.875
const ERF_LARGE = 4
/** How far sine and cosine reach: beyond, a float is too coarse an angle to be meant as one. */
const TRIGONOMETRIC_MAX = 65_536

interface Polynomial extends Problem {
  readonly name: string
  readonly doc: string
}

/** Zero is left out of intervals where size has its zero; the error vanishes there. */
const TINY = 1 / 1024

const POLYNOMIALS: readonly Polynomial[] = [
  {
    name: 'EXP',
    doc: 'e^r = 1 + r + EXP[0] r^2 + EXP[1] r^3 + ... on |r| <= 0.34668 (ln 2 / 2 and a margin)',
    from: fixed(-0.34668),
    to: fixed(0.34668),
    target: (x) => exp(x) - ONE - x,
    size: exp,
    powers: [2, 3, 4, 5, 6],
  },
  {
    name: 'LOG',
    doc: 'log(1 + f) = f + LOG[0] f^2 + LOG[1] f^3 + ... on -1/3 <= f <= 1/3',
    from: -ONE / 3n,
    to: ONE / 3n,
    target: (x) => log(ONE + x) - x,
    size: (x) => (x === 0n ? ONE : log(ONE + x)),
    powers: [2, 3, 4, 5, 6, 7, 8, 9, 10],
  },
  {
    name: 'LOG_WIDE',
    doc: 'log(1 + f) = f - f^2 / 2 + LOG_WIDE[0] f^3 + LOG_WIDE[1] f^4 + ... on sqrt(1/2) <= 1 + f <= sqrt(2)',
    from: fixed(-0.2929),
    to: fixed(0.4143),
    target: (x) => log(ONE + x) - x + mul(x, x) / 2n,
    size: (x) => (x === 0n ? ONE : log(ONE + x)),
    powers: [3, 4, 5, 6, 7, 8, 9, 10, 11],
  },
  {
    name: 'TANH',
    doc: `tanh(x) = x + TANH[0] x^3 + TANH[1] x^5 + ... on |x| <= ${TANH_SMALL}`,
    from: fixed(TINY),
    to: fixed(TANH_SMALL),
    target: (x) => tanh(x) - x,
    size: tanh,
    powers: [3, 5, 7, 9, 11],
  },
  {
    name: 'ERF',
    doc: `erf(x) = x + ERF[0] x + ERF[1] x^3 + ... on |x| <= ${ERF_SMALL}`,
    from: fixed(TINY),
    to: fixed(ERF_SMALL),
    target: (x) => erf(x) - x,
    size: erf,
    powers: [1, 3, 5, 7, 9, 11],
  },
  {
    name: 'ERFC',
    doc: `-log(erfc(t)) = t + ERFC[0] t + ERFC[1] t^2 + ... on ${ERF_SMALL} <= t <= ${ERF_LARGE}, relative to erf`,
    from: fixed(ERF_SMALL),
    to: fixed(ERF_LARGE),
    target: (x) => -log(ONE - erf(x)) - x,
    size: (x) => (erf(x) << BigInt(256)) / (ONE - erf(x)),
    powers: [1, 2, 3, 4, 5, 6, 7],
  },
  {
    name: 'SIN',
    doc: 'sin(r) = r + SIN[0] r^3 + SIN[1] r^5 + ... on |r| <= 0.79 (pi / 4 and a margin)',
    from: fixed(TINY),
    to: fixed(0.79),
    target: (x) => sin(x) - x,
    size: sin,
    powers: [3, 5, 7],
  },
  {
    name: 'COS',
    doc: 'cos(r) = 1 - r^2 / 2 + COS[0] r^4 + COS[1] r^6 + ... on |r| <= 0.79',
    from: fixed(TINY),
    to: fixed(0.79),
    target: (x) => cos(x) - ONE + mul(x, x) / 2n,
    size: cos,
    powers: [4, 6, 8],
  },
]

const word = new DataView(new ArrayBuffer(4))

function hex(value: number): string {
  word.setFloat32(0, value)
  return `0x${word.getUint32(0).toString(16).padStart(8, '0')}`
}

/** The part of x whose low bits are zero, so that small integers times it are exact, and the rest. */
function split(x: bigint, bits: number): [number, number] {
  const high = fixed(Number((x >> BigInt(256 - bits)) & ((1n << BigInt(bits)) - 1n)) / 2 ** bits)
  return [toFloat32(high), toFloat32(x - high)]
}

/** Three binary32 values, each nearest to what the ones before it leave of x. */
function thirds(x: bigint): number[] {
  const parts: number[] = []
  for (let rest = x; parts.length < 3; rest -= fixed(parts.at(-1)!)) parts.push(toFloat32(rest))
  return parts
}

/** The text of arith/coefficients.ts. */
export function derive(): string {
  const [high, low] = split(LN2, 15)
  const halfPi = thirds(PI >> 1n)
  const constants: [string, number, string][] = [
    ['LOG2E', toFloat32((ONE * ONE) / LN2), '1 / ln 2'],
    ['LN2_HIGH', high, 'ln 2 to 15 bits: products with integers below 2^9 are exact'],
    ['LN2_LOW', low, 'ln 2 - LN2_HIGH'],
    ['LN2', toFloat32(LN2), 'ln 2'],
    ['SQRT_HALF', toFloat32(sqrt(ONE / 2n)), 'sqrt(1/2)'],
    ['SQRT_2_OVER_PI', toFloat32(sqrt((2n * ONE * ONE) / PI)), 'sqrt(2 / pi)'],
    ['INV_SQRT_2PI', toFloat32((ONE * ONE) / sqrt(2n * PI)), '1 / sqrt(2 pi)'],
    ['TWO_OVER_PI', toFloat32((2n * ONE * ONE) / PI), '2 / pi'],
    ['HALF_PI_HIGH', halfPi[0]!, 'pi / 2 to 24 bits'],
    ['HALF_PI_MIDDLE', halfPi[1]!, 'pi / 2 - HALF_PI_HIGH'],
    ['HALF_PI_LOW', halfPi[2]!, 'pi / 2 - HALF_PI_HIGH - HALF_PI_MIDDLE'],
    ['TRIGONOMETRIC_MAX', TRIGONOMETRIC_MAX, 'above it sine and cosine are NaN'],
    ['TANH_SMALL', TANH_SMALL, 'below it tanh is its odd polynomial'],
    ['ERF_SMALL', ERF_SMALL, 'below it erf is its odd polynomial'],
    ['ERF_LARGE', ERF_LARGE, 'above it erf is 1'],
  ]
  const lines = [
    '/** Constants and minimax coefficients as binary32 words. Derived: `node tools/minimax/derive.ts --write`. */',
    "import type { Word } from './types.ts'",
    '',
  ]
  for (const [name, value, doc] of constants) lines.push(`/** ${doc} */`, `export const ${name}: Word = ${hex(value)}`)
  for (const polynomial of POLYNOMIALS) {
    const { coefficients, error } = minimax(polynomial)
    const bits = -approximate((log(error) * ONE) / LN2)
    lines.push('', `/** ${polynomial.doc}; relative error 2^-${bits.toFixed(1)} */`)
    lines.push(`export const ${polynomial.name}: readonly Word[] = [`)
    for (const c of coefficients) lines.push(`  ${hex(c)}, // ${c.toPrecision(9)}`)
    lines.push(']')
  }
  return `${lines.join('\n')}\n`
}

function main(mode: string | undefined): void {
  const text = derive()
  if (mode === '--write') writeFileSync(TARGET, text)
  else if (mode === undefined) process.stdout.write(text)
  else if (mode === '--check') {
    const same = readFileSync(TARGET, 'utf8') === text
    console.log(same ? 'arith/coefficients.ts is what is derived' : 'arith/coefficients.ts differs: run with --write')
    process.exitCode = same ? 0 : 1
  } else {
    console.error('usage: node tools/minimax/derive.ts [--write | --check]')
    process.exitCode = 2
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv[2])
