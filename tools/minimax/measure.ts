/**
 * Measures the largest error of each function of arith/functions.ts over its range:
 * `node tools/minimax/measure.ts [stride]` takes every stride-th binary32 (default 97; 1 is exhaustive, minutes).
 *
 * A sweep compares with binary64 (a few units of 2^-53, so about 10^-8 ulp); the worst argument found is then measured
 * again in BigInt fixed point.
 */
import { pathToFileURL } from 'node:url'
import { Asm } from '#arith/assembler.ts'
import * as functions from '#arith/functions.ts'
import { interpret } from '#arith/interpret.ts'
import type { Arg, ElementProgram } from '#arith/types.ts'
import * as high from './fixed.ts'

interface Subject {
  readonly name: string
  readonly build: (p: Asm, x: Arg, y: Arg) => Arg
  /** Ranges of magnitudes, as binary32 words, and which signs. */
  readonly from: number
  readonly to: number
  readonly signs: readonly number[]
  /** The second argument that goes with a first one, of functions that have two. */
  readonly second?: (x: number, word: number) => number
  readonly double: (x: number, y: number) => number
  readonly exact: (x: bigint, y: bigint) => bigint
  /** The published bound on the error, in ulp. */
  readonly bound: number
}

export interface Measurement {
  readonly name: string
  readonly blocks: number
  readonly points: number
  /** Largest |result - exact| in units in the last place of the exact value. */
  readonly ulp: number
  /** Where, as a word. */
  readonly at: number
}

const both = [0, 0x80000000]

export const SUBJECTS: readonly Subject[] = [
  {
    name: 'exp',
    build: functions.exp,
    from: 0x33000000,
    to: 0x42b17217,
    signs: both,
    double: Math.exp,
    exact: high.exp,
    bound: 1,
  },
  {
    name: 'log',
    build: functions.log,
    from: 0x00000001,
    to: 0x7f7fffff,
    signs: [0],
    double: Math.log,
    exact: high.log,
    bound: 1,
  },
  {
    name: 'tanh',
    build: functions.tanh,
    from: 0x39000000,
    to: 0x41200000,
    signs: [0],
    double: Math.tanh,
    exact: high.tanh,
    bound: 1.3,
  },
  {
    name: 'erf',
    build: functions.erf,
    from: 0x00800000,
    to: 0x40a00000,
    signs: [0],
    double: erf,
    exact: high.erf,
    bound: 1.1,
  },
  {
    name: 'sin',
    build: functions.sin,
    from: 0x39000000,
    to: 0x47800000,
    signs: [0],
    double: Math.sin,
    exact: high.sin,
    bound: 1.7,
  },
  {
    name: 'cos',
    build: functions.cos,
    from: 0x39000000,
    to: 0x47800000,
    signs: [0],
    double: Math.cos,
    exact: high.cos,
    bound: 1.7,
  },
  {
    name: 'pow',
    build: functions.pow,
    from: 0x00800000,
    to: 0x7f7fffff,
    signs: [0],
    second: powerOf(87),
    double: Math.pow,
    exact: (x, y) => high.exp(high.mul(y, high.log(x))),
    bound: 14,
  },
  {
    name: 'pow (small)',
    build: functions.pow,
    from: 0x00800000,
    to: 0x7f7fffff,
    signs: [0],
    second: powerOf(8),
    double: Math.pow,
    exact: (x, y) => high.exp(high.mul(y, high.log(x))),
    bound: 2,
  },
  {
    name: 'rsqrt',
    build: functions.rsqrt,
    from: 0x00800000,
    to: 0x7f7fffff,
    signs: [0],
    double: (x) => 1 / Math.sqrt(x),
    exact: (x) => high.div(high.ONE, high.sqrt(x)),
    bound: 1.5,
  },
  {
    name: 'sigmoid',
    build: functions.sigmoid,
    from: 0x33000000,
    to: 0x42ae0000,
    signs: both,
    double: (x) => 1 / (1 + Math.exp(-x)),
    exact: (x) => high.div(high.ONE, high.ONE + high.exp(-x)),
    bound: 2.5,
  },
]

/** Exponents for which |y log x| is spread over 0..`most`, differently for each word of x. */
function powerOf(most: number): (x: number, word: number) => number {
  return (x, word) => {
    const share = (Math.imul(word, 0x9e3779b1) >>> 8) / 2 ** 24
    const y = Math.fround((most * (2 * share - 1)) / Math.log(x))
    return Number.isFinite(y) ? y : 1
  }
}

/** Positive terms only, so that no digits cancel; nearest to a few units of the last place for |x| <= 5. */
function erf(x: number): number {
  let term = x
  let sum = x
  for (let n = 3; term > sum * 1e-18; n += 2) {
    term *= (2 * x * x) / n
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

const CHUNK = 1 << 20

/** Number of blocks of a function. */
export function length(subject: Subject): number {
  return assemble(subject).length
}

function assemble(subject: Subject): Asm {
  const p = new Asm()
  subject.build(p, { from: 'load', n: 0 }, { from: 'load', n: 1 })
  return p
}

/** The largest error over every `stride`-th binary32 of the subject's range. */
export function measure(subject: Subject, stride: number): Measurement {
  const p = assemble(subject)
  let worst = { ulp: 0, at: 0 }
  let points = 0
  const input = new Uint32Array(CHUNK)
  let filled = 0
  const flush = (): void => {
    const operands = operandsOf(subject, input.subarray(0, filled))
    const out = interpret(map(p, filled), operands)
    const [x, second] = operands.map(reals) as [Float32Array, Float32Array]
    const y = new Float32Array(out.buffer)
    for (let i = 0; i < filled; i++) {
      const exact = subject.double(x[i]!, second[i]!)
      const size = Math.abs(exact)
      if (size < 2 ** -126 || size >= 2 ** 128) continue
      const error = Math.abs(y[i]! - exact) / unit(size)
      if (!(error <= worst.ulp)) worst = { ulp: error, at: input[i]! }
    }
    points += filled
    filled = 0
  }
  for (const sign of subject.signs) {
    for (let word = subject.from; word <= subject.to; word += stride) {
      input[filled++] = (word | sign) >>> 0
      if (filled === CHUNK) flush()
    }
  }
  if (filled > 0) flush()
  return { name: subject.name, blocks: p.length, points, ulp: exactError(subject, p, worst.at), at: worst.at }
}

function exactError(subject: Subject, p: Asm, at: number): number {
  const operands = operandsOf(subject, Uint32Array.of(at))
  const [x, second] = operands.map((words) => reals(words)[0]!) as [number, number]
  const y = reals(interpret(map(p, 1), operands))[0]!
  const exact = subject.exact(high.fixed(x), high.fixed(second))
  const size = Math.abs(high.approximate(exact))
  return high.approximate(high.div(high.abs(high.fixed(y) - exact), high.fixed(unit(size))))
}

/** One unit in the last place of binary32 in the binade of a size. */
function unit(size: number): number {
  word[0] = size
  return 2 ** (Math.max(exponent[0]! >>> 23, 1) - 150)
}
const word = new Float32Array(1)
const exponent = new Uint32Array(word.buffer)

const reals = (words: Uint32Array): Float32Array => new Float32Array(words.buffer, words.byteOffset, words.length)

/** The words of x and, where the function has a second argument, those of y; else x again. */
function operandsOf({ second }: Subject, words: Uint32Array): [Uint32Array, Uint32Array] {
  if (!second) return [words, words]
  const y = Float32Array.from(reals(words), (x, i) => second(x, words[i]!))
  return [words, new Uint32Array(y.buffer)]
}

function map(p: Asm, count: number): ElementProgram {
  return {
    out: { dtype: 'f32', shape: [count] },
    loop: [],
    order: 'chain512',
    loads: [0, 1].map((operand) => ({ operand, at: { base: 0, strides: [1] }, fill: 0 })),
    init: 0,
    step: [],
    join: [],
    finish: p.code(),
  }
}

function main(stride: number): void {
  console.log('| function | blocks | arguments tried | largest error (ulp) | at |\n| --- | --- | --- | --- | --- |')
  for (const subject of SUBJECTS) {
    const { name, blocks, points, ulp, at } = measure(subject, stride)
    console.log(`| ${name} | ${blocks} | ${points} | ${ulp.toFixed(3)} | 0x${at.toString(16).padStart(8, '0')} |`)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(Number(process.argv[2] ?? 97))
