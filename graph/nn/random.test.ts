/** Random bits: the published Threefry vectors, and what is drawn from them. */
import { expect, test } from 'vitest'
import { Builder, type Value } from '../builder.ts'
import { evaluate } from '../testing.ts'
import { dropout, elementIndex, randomKey, threefry, uniform } from './random.ts'

test('Threefry-2x32-20 gives the known answers of Random123', () => {
  const b = new Builder()
  const [k0, k1, c0, c1] = ['k0', 'k1', 'c0', 'c1'].map((name) => b.input(name, 'u32', [3])) as [
    Value,
    Value,
    Value,
    Value,
  ]
  const [x0, x1] = threefry(b, { k0, k1 }, c0, c1)
  b.output('x0', x0)
  b.output('x1', x1)
  const ones = 0xffffffff
  const result = evaluate(b.finish('threefry'), {
    k0: [0, ones, 0x13198a2e],
    k1: [0, ones, 0x03707344],
    c0: [0, ones, 0x243f6a88],
    c1: [0, ones, 0x85a308d3],
  })
  expect(result['x0']).toEqual([0x6b200159, 0x1cb996fc, 0xc4923a9c])
  expect(result['x1']).toEqual([0x99ba4efe, 0xbb002be7, 0x483df7a0])
})

function drawUniform(seed: number[], site: number, shape: number[], bound: number): number[] {
  const b = new Builder()
  b.output('y', uniform(b, randomKey(b, b.input('seed', 'u32', [2]), null, site), shape, bound))
  return evaluate(b.finish('uniform'), { seed })['y'] as number[]
}

test('uniform draws fill their interval evenly', () => {
  const y = drawUniform([7, 9], 3, [40, 100], 0.5)
  const mean = y.reduce((sum, v) => sum + v, 0) / y.length
  const variance = y.reduce((sum, v) => sum + (v - mean) ** 2, 0) / y.length
  expect(Math.min(...y)).toBeGreaterThanOrEqual(-0.5)
  expect(Math.max(...y)).toBeLessThan(0.5)
  expect(Math.abs(mean)).toBeLessThan(0.02)
  expect(variance).toBeCloseTo(1 / 12, 2)
  expect(new Set(y).size).toBeGreaterThan(3990)
})

test('another seed, either word, or another site draws other values', () => {
  const base = drawUniform([7, 9], 3, [8], 1)
  for (const other of [
    drawUniform([8, 9], 3, [8], 1),
    drawUniform([7, 8], 3, [8], 1),
    drawUniform([7, 9], 4, [8], 1),
  ]) {
    expect(other.filter((v, i) => v === base[i])).toEqual([])
  }
  expect(drawUniform([7, 9], 3, [8], 1)).toEqual(base)
})

test('element indices are row-major', () => {
  const b = new Builder()
  b.output('y', elementIndex(b, [2, 3, 4]))
  expect(evaluate(b.finish('index'), {})['y']).toEqual(Array.from({ length: 24 }, (_, i) => i))
})

test('dropout keeps its share, scales what it keeps, and follows the record wherever it stands', () => {
  const shape = [4, 500]
  const draw = (position: number[], step: number) => {
    const b = new Builder()
    const seed = b.input('seed', 'u32', [2])
    const key = randomKey(b, seed, b.input('step', 'u32', []), 0)
    const at = b.reshape(b.input('position', 'u32', [4]), [4, 1])
    b.output('y', dropout(b, b.constant(1, 'f32', shape), 0.25, key, at, b.iota(shape, 1, 'u32')))
    return evaluate(b.finish('dropout'), { seed: [1, 2], step: [step], position })['y'] as number[]
  }
  const y = draw([10, 11, 12, 13], 5)
  expect(new Set(y)).toEqual(new Set([0, Math.fround(1 / 0.75)]))
  expect(y.filter((v) => v !== 0).length / y.length).toBeCloseTo(0.75, 1)
  const moved = draw([13, 20, 10, 21], 5)
  expect(moved.slice(0, 500)).toEqual(y.slice(1500, 2000))
  expect(moved.slice(1000, 1500)).toEqual(y.slice(0, 500))
  expect(draw([10, 11, 12, 13], 6)).not.toEqual(y)
})
