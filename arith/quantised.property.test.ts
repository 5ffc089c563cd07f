/** Quantised orders against exact rationals, block by block and whole; their traces and micro-steps; their accuracy. */
import { expect, test } from 'vitest'
import { decodeProgram, encodeProgram } from './encode.ts'
import { interpret } from './interpret.ts'
import { traceLength } from './layout.ts'
import { microStep, runMicroStep } from './microstep.ts'
import {
  evaluateQuantised,
  QUANTISED_ARITY,
  QUANTISED_BLOCK,
  QUANTISED_BOUND,
  QUANTISED_CODE,
  quantisedDot,
} from './quantised.ts'
import { float, nasty, word, words } from './testing.ts'
import { at, floats, quantised } from './testing-programs.ts'
import { exactDot, hardVector, INDEPENDENT_QUANTISED } from './testing-quantised.ts'
import { trace } from './trace.ts'
import type { ElementProgram, QuantisedBlock, QuantisedOrder, Word } from './types.ts'

const SEED = 16_024
const CASES = Number(process.env['ASSAY_CASES'] ?? 4_000)
const ORDERS: readonly QuantisedOrder[] = ['q16', 'q24']
const dot = (order: QuantisedOrder, a: Uint32Array, b: Uint32Array): Word =>
  interpret(quantised(order, 1, 1, a.length), [a, b])[0]!
const canonical = (w: Word): Word => ((w & 0x7f800000) === 0 ? (w & 0x80000000) >>> 0 : w)

test.each(Object.keys(QUANTISED_CODE) as QuantisedBlock[])(
  `%s equals its independent definition (seed ${SEED})`,
  (block) => {
    const next = words(SEED + QUANTISED_CODE[block])
    const near = (): Word => (next() % 4 === 0 ? next() : (next() % 500) - 250) >>> 0
    for (let i = 0; i < CASES; i++) {
      const all: [Word, Word, Word] =
        block === 'qshift'
          ? [nasty(next), next() % 3 === 0 ? next() >>> (next() % 32) : Object.values(QUANTISED_BOUND)[i % 2]!, 0]
          : block === 'f2q'
            ? [nasty(next), near(), 0]
            : block === 'q2f'
              ? [((next() | 0) >> (next() % 32)) >>> 0, (next() & (next() | next())) >>> 0, near()]
              : [next(), next() % 3 === 0 ? nasty(next) : next(), 0]
      const result = evaluateQuantised(block, all.slice(0, QUANTISED_ARITY[block]))
      const wanted = INDEPENDENT_QUANTISED[block](...all)
      if (result !== wanted) expect({ all, result }).toEqual({ all, result: wanted })
    }
  },
)

test.each(ORDERS)(`%s is the exact sum of scaled integers, rounded once a block (seed ${SEED})`, (order) => {
  const next = words(SEED)
  for (let i = 0; i < 200; i++) {
    const k = [1, 2, 5, 255, 256, 257, 300, 512, 700][next() % 9]!
    const [a, b] = [hardVector(next, k, next()), hardVector(next, k, i)]
    const wanted = canonical(exactDot(order, [...a], [...b]))
    const found = dot(order, a, b)
    if (found !== wanted) expect({ i, k, found }).toEqual({ i, k, found: wanted })
  }
})

test.each(ORDERS)(`%s is the same in any order of the positions of a block (seed ${SEED})`, (order) => {
  const next = words(SEED)
  for (let i = 0; i < 40; i++) {
    const k = 1 + (next() % QUANTISED_BLOCK)
    const [a, b] = [hardVector(next, k, i), hardVector(next, k, next())]
    const places = [...a.keys()].sort((x, y) => ((x * 101 + i) % 257) - ((y * 101 + i) % 257))
    const moved = (x: Uint32Array): Uint32Array => Uint32Array.from(places, (place) => x[place]!)
    expect(dot(order, moved(a), moved(b))).toBe(dot(order, a, b))
    expect(dot(order, b, a)).toBe(dot(order, a, b))
  }
})

test.each(ORDERS)(`%s: a trace ends in the element, and its micro-steps are the trace (seed ${SEED})`, (order) => {
  const next = words(SEED)
  for (let i = 0; i < 15; i++) {
    const k = [1, 3, 256, 257, 520][i % 5]!
    const p = quantised(order, 2, 2, k)
    const operands = [hardVector(next, 2 * k, i), hardVector(next, 2 * k, next())]
    const [element, out] = [next() % 4, interpret(p, operands)]
    const traced = trace(p, operands, element)
    expect(traced.length).toBe(traceLength(p))
    expect(traced.length).toBe(12 * k + 8 * Math.ceil(k / 256))
    expect(traced.at(-1)).toBe(out[element])
    for (let t = 0; t < traced.length; t += 1 + (next() % 9)) {
      const step = microStep(p, element, t)
      for (const source of step.args) if (source.at === 'trace') expect(source.index).toBeLessThan(t)
      expect(runMicroStep(step, traced.subarray(0, t), operands)).toBe(traced[t])
    }
  }
})

test('what cannot be scaled: infinities and NaN give NaN, also beside zeros; results overflow and vanish as floats do', () => {
  const row = (...values: number[]): Uint32Array => Uint32Array.from(values, word)
  for (const order of ORDERS) {
    const value = (a: number[], b: number[]): Word => dot(order, row(...a), row(...b))
    expect(value([Number.POSITIVE_INFINITY, 1], [0, 1])).toBe(0x7fc00000)
    expect(value([1, 2], [Number.NaN, 1])).toBe(0x7fc00000)
    expect(value([3e38, 3e38], [10, 10])).toBe(0x7f800000)
    expect(value([3e38, 3e38], [10, -10])).toBe(0)
    expect(value([1e-30], [-1e-30])).toBe(0x80000000)
    expect(value([1, -1], [1, 1])).toBe(0)
    expect(float(value([2 ** -126], [2 ** 127]))).toBe(2)
    expect(float(value([3], [-5]))).toBe(-15)
    // Only the block that holds it is lost.
    const far = new Array<number>(600).fill(1)
    expect(float(value(far, far))).toBe(600)
    expect(value([...far.slice(1), Number.NaN], far)).toBe(0x7fc00000)
  }
  expect(quantisedDot('q16', new Float32Array(0), new Float32Array(0))).toBe(0)
})

test('sums of whole blocks at the bound are exact', () => {
  for (const order of ORDERS) {
    const ones = new Float32Array(256).fill(QUANTISED_BOUND[order])
    expect(quantisedDot(order, ones, ones)).toBe(Math.fround(256 * QUANTISED_BOUND[order] ** 2))
  }
})

test('a largest value halfway above the bound rounds to the even integer beyond it: the shift is one less', () => {
  for (const bound of [...Object.values(QUANTISED_BOUND), 6]) {
    const even = bound % 2 === 0
    for (const exponent of [-140, -40, 0, 90]) {
      const shift = (value: number): number => evaluateQuantised('qshift', [word(value * 2 ** exponent), bound]) | 0
      const none = 0 - exponent
      expect(shift(bound)).toBe(none)
      expect(shift(bound + 0.5)).toBe(even ? none : none - 1)
      expect(shift(bound + 1)).toBe(none - 1)
    }
  }
})

test('loads of any kind, an empty loop and a finish', () => {
  const p: ElementProgram = {
    ...quantised('q16', 1, 1, 4),
    out: { dtype: 'f32', shape: [] },
    loop: [2, 2],
    loads: [
      { operand: 0, at: at(0, 1, 2), fill: word(9), guard: [{ ...at(0, 1, 0), below: 1 }] },
      { operand: 1, at: at(0, 2, 1), fill: 0 },
    ],
    finish: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'const', bits: word(0.5) }] }],
  }
  const operands = [Uint32Array.of(1, 2, 3, 4).map((x) => word(x)), Uint32Array.of(5, 6, 7, 8).map((x) => word(x))]
  expect(float(interpret(p, operands)[0]!)).toBe(1 * 5 + 3 * 6 + 9 * 7 + 9 * 8 + 0.5)
  expect(decodeProgram(encodeProgram(p))).toEqual(p)
  expect(trace(p, operands, 0).at(-1)).toBe(interpret(p, operands)[0])
  const empty = { ...p, loop: [0, 2] }
  expect(float(interpret(empty, operands)[0]!)).toBe(0.5)
  expect([...trace(empty, operands, 0)]).toEqual([word(0.5), word(0.5)])
})

/** Root mean square error of dot products against binary64, over that of one rounding of each result. */
function relativeError(multiply: (a: Uint32Array, b: Uint32Array) => number, draw: () => Uint32Array): number {
  let [error, scale] = [0, 0]
  for (let i = 0; i < 40; i++) {
    const [a, b] = [draw(), draw()]
    const exactly = a.reduce((sum, x, k) => sum + float(x) * float(b[k]!), 0)
    const size = a.reduce((sum, x, k) => sum + (float(x) * float(b[k]!)) ** 2, 0)
    error += (multiply(a, b) - exactly) ** 2
    scale += size
  }
  return Math.sqrt(error / scale)
}

/** Operands cut to a significand of that many bits, as tf32 (11) and bf16 (8) have it; sums in binary32. */
const cutTo =
  (bits: number) =>
  (a: Uint32Array, b: Uint32Array): number => {
    const unit = 2 ** (24 - bits)
    const cut = (w: Word): number => {
      const kept = Math.floor(w / unit) * unit
      const rest = w - kept
      return float(rest * 2 > unit || (rest * 2 === unit && (kept / unit) % 2 === 1) ? kept + unit : kept)
    }
    return a.reduce((sum, x, k) => Math.fround(sum + cut(x) * cut(b[k]!)), 0)
  }

const normal = (next: () => Word): number => {
  let sum = -6
  for (let i = 0; i < 12; i++) sum += next() / 2 ** 32
  return sum
}

test(`errors on three distributions: q24 near f32, q16 between tf32 and f32, far below bf16 (seed ${SEED})`, () => {
  const next = words(SEED)
  const draws = {
    uniform: () => floats(next, 1000),
    normal: () => Uint32Array.from({ length: 1000 }, () => word(normal(next))),
    // The product of two normals and a cube: heavier tails than activations usually have.
    heavy: () => Uint32Array.from({ length: 1000 }, () => word(normal(next) ** 3)),
  }
  for (const [name, draw] of Object.entries(draws)) {
    const of = (order: QuantisedOrder) => relativeError((a, b) => float(dot(order, a, b)), draw)
    const [q16, q24] = [of('q16'), of('q24')]
    const [f32, tf32, bf16] = [24, 11, 8].map((bits) => relativeError(cutTo(bits), draw)) as [number, number, number]
    expect(q24, name).toBeLessThan(2 * f32)
    expect(q16, name).toBeLessThan(name === 'heavy' ? 1.5 * tf32 : tf32 / 2)
    expect(q16, name).toBeLessThan(bf16 / 5)
  }
})
