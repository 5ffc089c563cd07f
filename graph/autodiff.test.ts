/** Gradients against central differences of the graph itself, operation by operation. */
import { expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import { gradients } from './autodiff.ts'
import { Builder, type Value } from './builder.ts'
import { crossEntropy, layerNorm, maxPool2, softmax } from './nn/layers.ts'
import { elementsOf } from './shape.ts'
import { evaluate, reals } from './testing.ts'

type Make = (b: Builder, ins: Value[]) => Value

/** Compares the gradient of sum(weights * make(inputs)) with central differences at every input element. */
function checkGradients(make: Make, shapes: readonly number[][], shift = 0, tolerance = 4e-3): void {
  const b = new Builder()
  const ins = shapes.map((shape, i) => b.input(`x${i}`, 'f32', shape))
  const y = make(b, ins)
  const random = seededRandom(7)
  const weights = b.input('weights', 'f32', y.type.shape)
  const loss = b.sum(b.mul(y, weights))
  b.output('loss', loss)
  for (const [i, g] of gradients(b, loss, ins).entries()) b.output(`g${i}`, g)
  const graph = b.finish('check')

  const inputs: Record<string, number[]> = { weights: reals(random, elementsOf(y.type.shape)) }
  for (const [i, shape] of shapes.entries()) inputs[`x${i}`] = reals(random, elementsOf(shape)).map((v) => v + shift)
  const exact = evaluate(graph, inputs)
  const h = 1 / 128
  for (const i of shapes.keys()) {
    const x = inputs[`x${i}`] as number[]
    for (const [n, value] of x.entries()) {
      const at = (v: number) => {
        const moved = { ...inputs, [`x${i}`]: x.with(n, v) }
        return evaluate(graph, moved)['loss']?.[0] as number
      }
      const difference = (at(value + h) - at(value - h)) / (2 * h)
      const gradient = exact[`g${i}`]?.[n] as number
      expect(Math.abs(gradient - difference), `input ${i}, element ${n}: ${gradient} and ${difference}`).toBeLessThan(
        tolerance * (1 + Math.abs(difference)),
      )
    }
  }
}

const two: [string, Make][] = [
  ['add', (b, [x, y]) => b.add(x as Value, y as Value)],
  ['sub', (b, [x, y]) => b.sub(x as Value, y as Value)],
  ['mul', (b, [x, y]) => b.mul(x as Value, y as Value)],
  ['div', (b, [x, y]) => b.div(x as Value, y as Value)],
  ['max', (b, [x, y]) => b.max(x as Value, b.mul(y as Value, 0.7))],
  ['pow', (b, [x, y]) => b.pow(x as Value, b.mul(y as Value, 0.5))],
  ['fma', (b, [x, y]) => b.fma(x as Value, y as Value, x as Value)],
  ['select', (b, [x, y]) => b.select(b.less(b.iota([2, 3], 1), 1), x as Value, y as Value)],
]
test.each(two)('%s, with and without broadcasting', (_name, make) => {
  checkGradients(
    make,
    [
      [2, 3],
      [2, 3],
    ],
    2,
  )
  checkGradients(make, [[2, 3], [3]], 2)
  checkGradients(
    make,
    [
      [1, 3],
      [2, 1],
    ],
    2,
  )
})

const one: [string, Make, number][] = [
  ['neg', (b, [x]) => b.neg(x as Value), 0],
  ['sqrt', (b, [x]) => b.sqrt(x as Value), 2],
  ['exp', (b, [x]) => b.exp(x as Value), 0],
  ['log', (b, [x]) => b.log(x as Value), 2],
  ['tanh', (b, [x]) => b.tanh(x as Value), 0],
  ['erf', (b, [x]) => b.erf(x as Value), 0],
  ['sin', (b, [x]) => b.sin(x as Value), 2],
  ['cos', (b, [x]) => b.cos(x as Value), 2],
  ['gelu', (b, [x]) => b.gelu(x as Value), 0],
  [
    'relu away from its kink',
    (b, [x]) => b.relu(b.add(x as Value, b.sub(b.mul(b.toFloat(b.iota([2, 3], 1)), 4), 4.5))),
    0,
  ],
  ['sum over an axis', (b, [x]) => b.sum(x as Value, [0]), 0],
  ['sum over the last axis', (b, [x]) => b.sum(x as Value, [1]), 0],
  ['maximum', (b, [x]) => b.maximum(x as Value, [1]), 0],
  ['softmax', (b, [x]) => softmax(b, x as Value), 0],
  ['transpose', (b, [x]) => b.transpose(x as Value, [1, 0]), 0],
  ['reshape', (b, [x]) => b.reshape(x as Value, [3, 2]), 0],
  ['slice with steps', (b, [x]) => b.slice(x as Value, [0, 0], [2, 2], [1, 2]), 0],
  ['slice with an overhanging step', (b, [x]) => b.slice(x as Value, [0, 1], [2, 1], [1, 3]), 0],
  ['pad', (b, [x]) => b.pad(x as Value, [1, 0], [0, 2]), 0],
  ['concat', (b, [x]) => b.concat([x as Value, b.exp(x as Value)], 1), 0],
  [
    'split into parts that join again',
    (b, [x]) => b.mul(...(b.split(b.exp(x as Value), 0, [1, 1]) as [Value, Value])),
    0,
  ],
  ['gather', (b, [x]) => b.gather(x as Value, b.iota([2, 4], 0)), 0],
  ['scatterAdd', (b, [x]) => b.scatterAdd(b.iota([2], 0), x as Value, 3), 0],
  ['cross-entropy', (b, [x]) => crossEntropy(b, x as Value, b.iota([2, 1], 0)).loss, 0],
]
test.each(one)('%s', (_name, make, shift) => {
  checkGradients(make, [[2, 3]], shift)
})

test.each([
  [false, false],
  [false, true],
  [true, false],
  [true, true],
])('matmul, transposed %s and %s, with a batch axis that broadcasts', (transposeA, transposeB) => {
  const left = transposeA ? [2, 4, 3] : [2, 3, 4]
  const right = transposeB ? [2, 4] : [4, 2]
  checkGradients((b, [x, y]) => b.matmul(x as Value, y as Value, { transposeA, transposeB }), [left, right])
})

test('window, fold and pooling', () => {
  checkGradients((b, [x]) => b.window(x as Value, 3, 1), [[1, 3, 2, 2]])
  checkGradients((b, [x]) => b.fold(x as Value), [[1, 2, 2, 3, 1, 1]])
  checkGradients((b, [x]) => maxPool2(b, x as Value), [[1, 4, 3, 1]])
})

test('layer norm', () => {
  checkGradients((b, [x, g, c]) => layerNorm(b, x as Value, g as Value, c as Value), [[2, 5], [5], [5]])
})

test('gradients of split parts meet in one concatenation', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [2, 6])
  const [left, right] = b.split(b.mul(x, 2), 1, [2, 4]) as [Value, Value]
  const loss = b.add(b.sum(b.mul(left, left)), b.sum(b.exp(right)))
  b.output('g', gradients(b, loss, [x])[0] as Value)
  const ops = b.finish('split').nodes.map((node) => node.op)
  expect(ops).toContain('concat')
  expect(ops).not.toContain('pad')
})

test('slices that overlap or leave a gap are summed, not joined', () => {
  const pair = (starts: number[], sizes: number[]): Make => {
    return (b, [x]) => {
      const y = b.exp(x as Value)
      const parts = starts.map((start, i) => b.slice(y, [0, start], [2, sizes[i] as number]))
      return b.concat(parts, 1)
    }
  }
  checkGradients(pair([0, 2], [3, 3]), [[2, 6]])
  checkGradients(pair([0, 4], [3, 2]), [[2, 6]])
  checkGradients(pair([0, 3], [3, 2]), [[2, 6]])
})

test('a value the loss does not reach has gradient zero', () => {
  const b = new Builder()
  const [x, y] = [b.input('x', 'f32', [2]), b.input('y', 'f32', [3])]
  b.output('g', gradients(b, b.sum(b.mul(x, x)), [y])[0] as Value)
  expect(evaluate(b.finish('none'), { x: [1, 2], y: [1, 2, 3] })['g']).toEqual([0, 0, 0])
})

test('nothing flows through stopGradient', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [2])
  b.output('g', gradients(b, b.sum(b.mul(b.stopGradient(x), x)), [x])[0] as Value)
  expect(evaluate(b.finish('stop'), { x: [3, 5] })['g']).toEqual([3, 5])
})

test('equal maxima share the gradient', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [4])
  b.output('g', gradients(b, b.maximum(x), [x])[0] as Value)
  expect(evaluate(b.finish('ties'), { x: [1, 3, 3, 2] })['g']).toEqual([0, 0.5, 0.5, 0])
})

test('a loss that is not a scalar is refused', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [4])
  expect(() => gradients(b, x, [x])).toThrow('a loss is f32[]')
})
