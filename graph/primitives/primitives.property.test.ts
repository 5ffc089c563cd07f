/** Every primitive against loops written from its description alone, over random shapes. */
import { describe, expect, test } from 'vitest'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import { Builder, type Value } from '../builder.ts'
import { elementsOf, stridesOf } from '../shape.ts'
import { evaluate, reals, seeds } from '../testing.ts'

const RUNS = 25

/** Coordinates of a flat row-major index. */
function coordinates(shape: readonly number[], index: number): number[] {
  return stridesOf(shape).map((stride, axis) => Math.floor(index / stride) % (shape[axis] as number))
}

function flat(shape: readonly number[], at: readonly number[]): number {
  return stridesOf(shape).reduce((sum, stride, axis) => sum + stride * (at[axis] as number), 0)
}

/** Builds f32 or i32 inputs, applies `make`, and returns result and inputs as numbers. */
function run(
  random: SeededRandom,
  shapes: readonly (readonly number[])[],
  make: (b: Builder, ins: Value[]) => Value,
  given: Record<number, number[]> = {},
) {
  const b = new Builder()
  const ins = shapes.map((shape, i) => b.input(`x${i}`, given[i] ? 'i32' : 'f32', shape))
  const out = make(b, ins)
  b.output('y', out)
  const graph = b.finish('test')
  const values = shapes.map((shape, i) => given[i] ?? reals(random, elementsOf(shape)))
  const inputs = Object.fromEntries(values.map((value, i) => [`x${i}`, value]))
  return { y: evaluate(graph, inputs)['y'] as number[], shape: out.type.shape, values }
}

function each(name: string, body: (random: SeededRandom) => void): void {
  test.each(seeds(RUNS))(`${name}, seed %i`, (seed) => {
    body(seededRandom(seed))
  })
}

const size = (random: SeededRandom, limit: number) => 1 + random.below(limit)
const shapeOf = (random: SeededRandom, rank: number, limit = 5) =>
  Array.from({ length: rank }, () => size(random, limit))

/** Equal up to the rounding of a sum of that many terms below 1. */
function close(actual: readonly number[], expected: readonly number[], terms: number): void {
  expect(actual.length).toBe(expected.length)
  for (const [i, y] of actual.entries()) {
    expect(Math.abs(y - (expected[i] as number)), `element ${i}`).toBeLessThanOrEqual(1e-6 * (terms + 1))
  }
}

describe('contraction and reduction', () => {
  each('matmul sums products over k', (random) => {
    const [m, n] = [size(random, 6), size(random, 6)]
    const k = random.pick([1, 3, 511, 512, 513, 1030])
    const [transposeA, transposeB] = [random.bool(), random.bool()]
    const batch = shapeOf(random, random.below(3), 3)
    const thin = batch.map((n) => (random.bool(0.3) ? 1 : n))
    const [left, right] = [transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n]]
    const shapes = [
      [...batch, ...left],
      [...thin, ...right],
    ]
    const { y, shape, values } = run(random, shapes, (b, [x, w]) =>
      b.matmul(x as Value, w as Value, { transposeA, transposeB }),
    )
    expect(shape).toEqual([...batch, m, n])
    const expected = y.map((_, index) => {
      const at = coordinates(shape, index)
      const [row, column] = at.slice(-2) as [number, number]
      const place = at.slice(0, -2)
      const thinPlace = place.map((c, axis) => (thin[axis] === 1 ? 0 : c))
      let sum = 0
      for (let i = 0; i < k; i++) {
        const a = flat(shapes[0] as number[], [...place, ...(transposeA ? [i, row] : [row, i])])
        const w = flat(shapes[1] as number[], [...thinPlace, ...(transposeB ? [column, i] : [i, column])])
        sum += (values[0]?.[a] as number) * (values[1]?.[w] as number)
      }
      return sum
    })
    close(y, expected, k)
  })

  each('reduce sums and takes maxima over axes', (random) => {
    const shape = shapeOf(random, 1 + random.below(4), 7)
    const axes = shape.map((_, axis) => axis).filter(() => random.bool())
    if (axes.length === 0) axes.push(0)
    const keep = random.bool()
    for (const kind of ['sum', 'max'] as const) {
      const { y, values } = run(random, [shape], (b, [x]) =>
        kind === 'sum' ? b.sum(x as Value, axes, keep) : b.maximum(x as Value, axes, keep),
      )
      const kept = shape.map((n, axis) => (axes.includes(axis) ? 1 : n))
      const expected = new Array<number>(elementsOf(kept)).fill(kind === 'sum' ? 0 : Number.NEGATIVE_INFINITY)
      for (const [index, value] of (values[0] as number[]).entries()) {
        const at = coordinates(shape, index).map((c, axis) => (axes.includes(axis) ? 0 : c))
        const old = expected[flat(kept, at)] as number
        expected[flat(kept, at)] = kind === 'sum' ? old + value : Math.max(old, value)
      }
      close(y, expected, kind === 'sum' ? 2401 : 0)
    }
  })

  test('a reduction of more than one block of 16,384 positions', () => {
    const { y, values } = run(seededRandom(1), [[40_000]], (b, [x]) => b.sum(x as Value))
    const expected = (values[0] as number[]).reduce((sum, value) => sum + value, 0)
    expect(y[0]).toBeCloseTo(expected, 2)
  })
})

describe('movement is exact', () => {
  each('reshape and transpose', (random) => {
    const shape = shapeOf(random, 1 + random.below(4))
    const permutation = random.shuffle(shape.map((_, axis) => axis))
    const result = run(random, [shape], (b, [x]) => b.transpose(x as Value, permutation))
    expect(result.shape).toEqual(permutation.map((axis) => shape[axis]))
    for (const [index, value] of result.y.entries()) {
      const at = coordinates(result.shape, index)
      const source = shape.map((_, axis) => at[permutation.indexOf(axis)] as number)
      expect(value).toBe(result.values[0]?.[flat(shape, source)])
    }
    const reshaped = run(random, [shape], (b, [x]) => b.reshape(x as Value, [-1]))
    expect(reshaped.y).toEqual(reshaped.values[0])
  })

  each('slice and pad', (random) => {
    const shape = shapeOf(random, 1 + random.below(3), 6)
    const starts = shape.map((n) => random.below(n))
    const strides = shape.map(() => size(random, 3))
    const sizes = shape.map((n, axis) => {
      const most = Math.floor((n - 1 - (starts[axis] as number)) / (strides[axis] as number)) + 1
      return size(random, most)
    })
    const sliced = run(random, [shape], (b, [x]) => b.slice(x as Value, starts, sizes, strides))
    for (const [index, value] of sliced.y.entries()) {
      const at = coordinates(sizes, index).map((c, axis) => (starts[axis] as number) + c * (strides[axis] as number))
      expect(value).toBe(sliced.values[0]?.[flat(shape, at)])
    }
    const low = shape.map(() => random.below(3))
    const high = shape.map(() => random.below(3))
    const padded = run(random, [shape], (b, [x]) => b.pad(x as Value, low, high, 0x40000000))
    for (const [index, value] of padded.y.entries()) {
      const at = coordinates(padded.shape, index).map((c, axis) => c - (low[axis] as number))
      const inside = at.every((c, axis) => c >= 0 && c < (shape[axis] as number))
      expect(value).toBe(inside ? padded.values[0]?.[flat(shape, at)] : 2)
    }
  })

  each('concat', (random) => {
    const shape = shapeOf(random, 1 + random.below(3))
    const axis = random.below(shape.length)
    const parts = Array.from({ length: size(random, 5) }, () => shape.map((n, i) => (i === axis ? size(random, 4) : n)))
    const { y, shape: out, values } = run(random, parts, (b, ins) => b.concat(ins, axis))
    for (const [index, value] of y.entries()) {
      const at = coordinates(out, index)
      let part = 0
      while ((at[axis] as number) >= (parts[part]?.[axis] as number)) {
        at[axis] = (at[axis] as number) - (parts[part]?.[axis] as number)
        part++
      }
      expect(value).toBe(values[part]?.[flat(parts[part] as number[], at)])
    }
  })
})

describe('rows by index', () => {
  each('gather reads rows, zeros out of range; scatterAdd sums them back', (random) => {
    const [rows, width, count] = [size(random, 6), size(random, 4), random.pick([1, 7, 600])]
    const index = Array.from({ length: count }, () => random.below(rows + 3) - 1)
    const gathered = run(random, [[rows, width], [count]], (b, [x, i]) => b.gather(x as Value, i as Value), {
      1: index,
    })
    for (const [n, value] of gathered.y.entries()) {
      const row = index[Math.floor(n / width)] as number
      const valid = row >= 0 && row < rows
      expect(value).toBe(valid ? gathered.values[0]?.[row * width + (n % width)] : 0)
    }
    const scattered = run(
      random,
      [[count], [count, width]],
      (b, [i, x]) => b.scatterAdd(i as Value, x as Value, rows),
      { 0: index },
    )
    const expected = new Array<number>(rows * width).fill(0)
    for (const [n, value] of (scattered.values[1] as number[]).entries()) {
      const row = index[Math.floor(n / width)] as number
      if (row >= 0 && row < rows)
        expected[row * width + (n % width)] = (expected[row * width + (n % width)] as number) + value
    }
    close(scattered.y, expected, count)
  })
})

describe('patches', () => {
  each('window reads zero-padded patches; fold is its transpose', (random) => {
    const [n, h, w, c] = shapeOf(random, 4, 5) as [number, number, number, number]
    const [kh, kw] = [random.pick([1, 3, 5]), random.pick([1, 3, 5])]
    const image = [n, h, w, c]
    const windowed = run(random, [image], (b, [x]) => b.window(x as Value, kh, kw))
    expect(windowed.shape).toEqual([n, h, w, kh, kw, c])
    const folded = run(random, [windowed.shape], (b, [x]) => b.fold(x as Value))
    const expected = new Array<number>(elementsOf(image)).fill(0)
    for (const [index, value] of windowed.y.entries()) {
      const [i, y, x, ky, kx, z] = coordinates(windowed.shape, index) as [
        number,
        number,
        number,
        number,
        number,
        number,
      ]
      const at = [i, y + ky - (kh - 1) / 2, x + kx - (kw - 1) / 2, z]
      const inside = at.every((p, axis) => p >= 0 && p < (image[axis] as number))
      expect(value).toBe(inside ? windowed.values[0]?.[flat(image, at)] : 0)
      if (inside)
        expected[flat(image, at)] = (expected[flat(image, at)] as number) + (folded.values[0]?.[index] as number)
    }
    close(folded.y, expected, kh * kw)
  })
})

describe('map', () => {
  each('operands broadcast and coordinates count', (random) => {
    const shape = shapeOf(random, 1 + random.below(3))
    const thin = shape.map((n) => (random.bool() ? 1 : n)).slice(random.below(shape.length))
    const { y, values } = run(random, [shape, thin], (b, [x, z]) =>
      b.add(b.mul(x as Value, z as Value), b.toFloat(b.iota(shape, 0))),
    )
    for (const [index, value] of y.entries()) {
      const at = coordinates(shape, index)
      const place = thin.map((n, axis) => (n === 1 ? 0 : (at[axis + shape.length - thin.length] as number)))
      const product = Math.fround((values[0]?.[index] as number) * (values[1]?.[flat(thin, place)] as number))
      expect(value).toBe(Math.fround(product + (at[0] as number)))
    }
  })
})
