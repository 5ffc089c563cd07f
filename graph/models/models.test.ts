/** Losses and gradients of every model against plain binary64 loops and their central differences. */
import { expect, test } from 'vitest'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import { buildProgram } from '../program.ts'
import { elementsOf } from '../shape.ts'
import type { ProgramSpec } from '../spec.ts'
import { evaluate, reals } from '../testing.ts'
import { cnnLoss, gptLoss, mlpLoss, type Plain } from './testing.ts'

const optimizer = { type: 'sgd', learningRate: 0.1, momentum: 0, weightDecay: 0, warmup: 0 } as const

/** Parameters drawn at a size where every layer matters. */
function drawWeights(spec: ProgramSpec, random: SeededRandom): Plain {
  const { state } = buildProgram(spec)
  return Object.fromEntries(
    state.map(({ name, type }) => {
      const shift = name.endsWith('gain') ? 1 : 0
      return [name, reals(random, elementsOf(type.shape)).map((v) => Math.fround(shift + v / 2))]
    }),
  )
}

/** Checks loss and some elements of every gradient of the micro-batch graph; `loss` sums over the records. */
function compare(spec: ProgramSpec, records: number[], loss: (weights: Plain) => number): void {
  const random = seededRandom(11)
  const weights = drawWeights(spec, random)
  const { micro, gradients } = buildProgram(spec)
  const result = evaluate(micro, { ...weights, records })
  const expected = loss(weights)
  expect(Math.abs((result['loss']?.[0] as number) - expected)).toBeLessThan(1e-5 * (1 + Math.abs(expected)))
  for (const { name } of gradients) {
    const parameter = name.replace('grad.', '')
    const values = weights[parameter] as number[]
    for (let k = 0; k < 3; k++) {
      const n = random.below(values.length)
      const h = 1e-4
      const at = (v: number) => loss({ ...weights, [parameter]: values.with(n, v) })
      const centre = values[n] as number
      const difference = (at(centre + h) - at(centre - h)) / (2 * h) / spec.batch
      const gradient = result[name]?.[n] as number
      expect(Math.abs(gradient - difference), `${name}[${n}]: ${gradient} and ${difference}`).toBeLessThan(
        2e-5 + 1e-4 * Math.abs(difference),
      )
    }
  }
}

test('gpt', () => {
  const model = { type: 'gpt', width: 6, layers: 2, heads: 2, context: 5, dropout: 0 } as const
  const data = { format: 'text', height: 0, width: 0, features: 5, classes: 256 } as const
  const texts = [
    [3, 9, 3, 200, 255, 3],
    [0, 1, 2, 3, 4, 5],
  ]
  compare({ model, data, optimizer, batch: 4, microBatches: 2 }, texts.flat(), (weights) =>
    texts.reduce((sum, text) => sum + gptLoss(weights, model, text), 0),
  )
})

test('mlp over csv', () => {
  const model = { type: 'mlp', hidden: [7, 5], activation: 'tanh' } as const
  const data = { format: 'csv', height: 0, width: 0, features: 4, classes: 3 } as const
  const rows = [
    [0.5, -1, 2, 0.25, 2],
    [-0.5, 1.5, 0, 3, 0],
  ]
  compare({ model, data, optimizer, batch: 2, microBatches: 1 }, rows.flat(), (weights) =>
    rows.reduce((sum, row) => sum + mlpLoss(weights, 3, row.slice(0, 4), row[4] as number), 0),
  )
})

test('cnn over images with an odd side', () => {
  const model = { type: 'cnn', channels: [2, 3], kernel: 3, hidden: 4, activation: 'gelu' } as const
  const data = { format: 'idx', height: 5, width: 4, features: 20, classes: 3 } as const
  const random = seededRandom(5)
  const images = [0, 2].map((label) => [...random.bytes(20), label])
  compare({ model, data, optimizer, batch: 2, microBatches: 1 }, images.flat(), (weights) =>
    images.reduce((sum, image) => {
      const pixels = image.slice(0, 20).map((v) => v / 255)
      return sum + cnnLoss(weights, [2, 3], pixels, 5, 4, image[20] as number)
    }, 0),
  )
})

const text = { format: 'text', height: 0, width: 0, features: 8, classes: 256 } as const
const images = { format: 'idx', height: 4, width: 4, features: 16, classes: 2 } as const
const gptSpec = { type: 'gpt', width: 8, layers: 1, heads: 2, context: 8, dropout: 0 } as const
const cnnSpec = { type: 'cnn', channels: [2], kernel: 3, hidden: 4, activation: 'relu' } as const
const mlpSpec = { type: 'mlp', hidden: [], activation: 'relu' } as const
test.each([
  ['a gpt on images', { ...gptSpec }, images],
  ['an mlp on text', mlpSpec, text],
  ['a cnn without images', cnnSpec, { ...images, height: 0, width: 0 }],
  ['a cnn with an even kernel', { ...cnnSpec, kernel: 2 }, images],
  ['heads that do not divide the width', { ...gptSpec, heads: 3 }, text],
  ['records of another length than the context', { ...gptSpec, context: 9 }, text],
])('%s is refused', (_name, model, data) => {
  expect(() => buildProgram({ model, data, optimizer, batch: 2, microBatches: 1 })).toThrow(
    expect.objectContaining({ code: 'bad-job' }),
  )
})

test('a batch that does not divide into micro-batches is refused', () => {
  const spec = { model: mlpSpec, data: images, optimizer, batch: 5, microBatches: 2 }
  expect(() => buildProgram(spec)).toThrow(expect.objectContaining({ code: 'bad-job' }))
})
