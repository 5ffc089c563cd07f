/** Sketches against their definition, and how often drift is seen: too seldom in noise, soon enough in a bias. */
import { describe, expect, test } from 'vitest'
import { sha256 } from '#proto/hash.ts'
import { seededRandom } from '#proto/testing.ts'
import { Drift, driftFactor, ErrorSketch, SKETCH, SketchPlan } from './drift.ts'

const SEED = sha256(Uint8Array.of(1))
const zeros = (length: number): Float32Array => new Float32Array(length)

/** The sketch of an error, of an update of length 1. */
function sketchOf(plan: SketchPlan, error: readonly number[]): Float64Array {
  const exact = zeros(error.length)
  const before = exact.slice()
  before[0] = -1
  const actual = Float32Array.from(error)
  const sketch = new ErrorSketch(plan)
  sketch.add(before, exact, actual)
  return sketch.result()!
}

const length = (x: Float64Array): number => Math.hypot(...x)

describe('sketches', () => {
  test('each word lands with its sign where the hash says', () => {
    const plan = new SketchPlan(SEED, 40)
    const message = new Uint8Array([...new TextEncoder().encode('assay/sketch/1'), ...SEED, 0, 0, 0, 1])
    const byte = sha256(message)[38 - 32]!
    const error = Array.from({ length: 40 }, (_, i) => (i === 38 ? 3 : 0))
    const expected = new Float64Array(SKETCH)
    expected[byte & 63] = byte & 128 ? -3 : 3
    expect(sketchOf(plan, error)).toEqual(expected)
  })

  test('tensors lie end to end, and the error is a share of the update', () => {
    const plan = new SketchPlan(SEED, 5)
    const [before, exact, actual] = [
      [0, 0, 0, 0, 0],
      [3, 0, 0, 0, 4],
      [3, 1, 0, 2, 4],
    ].map((x) => Float32Array.from(x))
    const whole = new ErrorSketch(plan)
    whole.add(before!, exact!, actual!)
    const parts = new ErrorSketch(plan)
    for (const [from, to] of [
      [0, 2],
      [2, 5],
    ]) {
      parts.add(before!.slice(from, to), exact!.slice(from, to), actual!.slice(from, to))
    }
    expect(parts.result()).toEqual(whole.result())
    expect(length(whole.result()!) ** 2).toBeCloseTo(5 / 25, 12)
  })

  test('the square norm is kept on average over seeds', () => {
    const error = Array.from({ length: 500 }, (_, i) => ((i % 7) - 3) / 4)
    const exact = error.reduce((sum, x) => sum + x * x, 0)
    let mean = 0
    const seeds = 400
    for (let i = 0; i < seeds; i++) {
      mean += length(sketchOf(new SketchPlan(sha256(Uint8Array.of(i & 255, i >> 8)), 500), error)) ** 2 / seeds
    }
    // One sketch deviates by sqrt(2 / 64) of it.
    expect(Math.abs(mean / exact - 1)).toBeLessThan((5 * 0.177) / Math.sqrt(seeds))
  })

  test('no error is no sketch but zeros; what is not finite has none', () => {
    const sketch = (before: number, exact: number, actual: number): Float64Array | null => {
      const sum = new ErrorSketch(new SketchPlan(SEED, 1))
      sum.add(Float32Array.of(before), Float32Array.of(exact), Float32Array.of(actual))
      return sum.result()
    }
    expect(sketch(1, 1, 1)).toEqual(new Float64Array(SKETCH))
    expect(sketch(1, 1, 2)).toBeNull()
    expect(sketch(1, 2, Number.NaN)).toBeNull()
    expect(sketch(1, Number.POSITIVE_INFINITY, 2)).toBeNull()
  })

  test('bad input is refused', () => {
    const plan = new SketchPlan(SEED, 2)
    expect(() => new SketchPlan(SEED.slice(1), 2)).toThrow('32 bytes')
    expect(() => new SketchPlan(SEED, -1)).toThrow('not a number of words')
    expect(() => new ErrorSketch(plan).add(zeros(2), zeros(2), zeros(1))).toThrow('lengths')
    expect(() => new ErrorSketch(plan).add(zeros(40), zeros(40), zeros(40))).toThrow('fewer than')
    expect(() => new Drift().add(new Float64Array(3))).toThrow('64 sums')
    expect(() => driftFactor(0, 1)).toThrow('bits')
    expect(() => driftFactor(1, 0)).toThrow('looks')
  })
})

/** Vectors of length `noise` and random direction, plus a bias of length `bias` in one direction. */
function* errors(seed: number, noise: number, bias: number): Generator<Float64Array> {
  const { u32 } = seededRandom(seed)
  for (;;) {
    const x = Float64Array.from({ length: SKETCH }, () => u32() / 2 ** 31 - 1)
    const size = length(x)
    yield x.map((value, i) => (value * noise) / size + (i === 5 ? bias : 0))
  }
}

/** After how many entries the alarm is raised; undefined: not within `looks`. */
function alarmAfter(stream: Generator<Float64Array>, bits: number, looks: number, bias = 0): number | undefined {
  const drift = new Drift()
  for (let n = 1; n <= looks; n++) {
    drift.add(stream.next().value as Float64Array)
    if (drift.alarm({ bits, looks, bias })) return n
  }
  return undefined
}

describe('drift', () => {
  test('the factor is that of the bound: 2 exp(-c / 2) = 2^-bits / looks', () => {
    expect(2 * Math.exp(-driftFactor(20, 1024) / 2)).toBeCloseTo(2 ** -30, 15)
    expect(driftFactor(20, 1025)).toBe(driftFactor(20, 2048))
  })

  test('noise alone raises no alarm more often than the level says', () => {
    const runs = 200
    const alarms = Array.from({ length: runs }, (_, i) => alarmAfter(errors(i, 1, 0), 3, 64)).filter(Boolean).length
    expect(alarms).toBeLessThanOrEqual(runs / 8)
  })

  test('not even errors that are one number with a random sign, the worst that the bound covers', () => {
    const runs = 800
    let alarms = 0
    for (let i = 0; i < runs; i++) {
      const { u32 } = seededRandom(i)
      const sign = function* (): Generator<Float64Array> {
        for (;;) yield Float64Array.from({ length: SKETCH }, (_, k) => (k === 0 ? (u32() & 64 ? 1 : -1) : 0))
      }
      if (alarmAfter(sign(), 3, 64) !== undefined) alarms++
    }
    expect(alarms).toBeLessThanOrEqual(runs / 8)
  })

  test('a bias is seen as soon as it stands out: c (1 + (noise / bias)^2) entries, or thereabouts', () => {
    const c = driftFactor(20, 4096)
    for (const bias of [2, 1, 0.5, 0.25]) {
      const after = alarmAfter(errors(1, 1, bias), 20, 4096)!
      const expected = c * (1 + 1 / bias ** 2)
      expect(after / expected, `bias ${bias}`).toBeGreaterThan(0.6)
      expect(after / expected, `bias ${bias}`).toBeLessThan(1.4)
    }
  })

  test('the bias of honest hardware, profiled, is let pass; one twice as large as allowed is not', () => {
    const profile = new Drift()
    const stream = errors(2, 1, 0.5)
    for (let n = 0; n < 10_000; n++) profile.add(stream.next().value as Float64Array)
    const bias = profile.profiledBias(20)
    expect(bias).toBeGreaterThan(0.5)
    expect(bias).toBeLessThan(0.9)
    expect(alarmAfter(errors(3, 1, 0.5), 20, 4096, bias)).toBeUndefined()
    expect(alarmAfter(errors(3, 1, 2 * bias), 20, 4096, bias)).toBeLessThan(1000)
  })

  test('who knows the seed hides a bias from it, and from no other', () => {
    const words = 2000
    const known = new SketchPlan(SEED, words)
    // What each word adds to its sum is taken off another word of the same sum.
    const bias = new Array<number>(words).fill(0)
    const waiting = new Map<number, number>()
    for (let i = 1; i < words; i++) {
      const [sum, sign] = [known.place(i) & 63, known.place(i) & 128 ? -1 : 1]
      const other = waiting.get(sum)
      if (other === undefined) waiting.set(sum, i)
      else {
        bias[i] = sign / 2
        bias[other] = known.place(other) & 128 ? 0.5 : -0.5
        waiting.delete(sum)
      }
    }
    const run = function* (plan: SketchPlan): Generator<Float64Array> {
      for (;;) yield sketchOf(plan, bias)
    }
    expect(alarmAfter(run(known), 20, 200)).toBeUndefined()
    expect(alarmAfter(run(new SketchPlan(sha256(SEED), words)), 20, 200)).toBeLessThan(50)
  })

  test('few entries profile nothing', () => {
    const drift = new Drift()
    expect(drift.profiledBias(20)).toBe(Number.POSITIVE_INFINITY)
    drift.add(new Float64Array(SKETCH))
    expect(drift.profiledBias(20)).toBe(Number.POSITIVE_INFINITY)
    expect(drift.alarm({ bits: 1, looks: 1, bias: 0 })).toBe(false)
  })
})
