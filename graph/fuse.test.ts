/** Fusion: what it removes, what it keeps, and that values survive it. */
import { expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import { gradients } from './autodiff.ts'
import { Builder } from './builder.ts'
import { fuse, storedWords } from './fuse.ts'
import { crossEntropy, layerNorm, linear, softmax } from './nn/layers.ts'
import { PRESETS, type PresetName } from './presets.ts'
import type { MapAttrs } from './primitives/map.ts'
import { printGraph } from './print.ts'
import { buildProgram } from './program.ts'
import { elementsOf } from './shape.ts'
import { evaluate, reals } from './testing.ts'
import type { Graph } from './types.ts'

const programs = (graph: Graph) => graph.nodes.map((node) => (node.attrs as MapAttrs).program)

/** A graph with every kind of merge in it: a small network with attention-like masking, and its gradients. */
function network(): Builder {
  const b = new Builder()
  const x = b.input('x', 'f32', [6, 8])
  const w = b.input('w', 'f32', [8, 8])
  const bias = b.input('bias', 'f32', [8])
  const labels = b.input('labels', 'i32', [6, 1])
  const hidden = layerNorm(b, b.gelu(linear(b, x, w, bias)), bias, bias)
  const scores = b.matmul(hidden, hidden, { transposeB: true })
  const masked = b.select(b.less(b.iota([6, 6], 0), b.iota([6, 6], 1)), -1e9, scores)
  const mixed = b.matmul(softmax(b, masked), hidden)
  const loss = b.sum(crossEntropy(b, b.add(mixed, hidden), labels).loss)
  b.output('loss', loss)
  for (const [i, g] of gradients(b, loss, [w, bias]).entries()) b.output(`g${i}`, g)
  return b
}

test('fused and recorded graph agree', () => {
  const b = network()
  const [recorded, fused] = [b.record('network'), b.finish('network')]
  expect(fused.nodes.length).toBeLessThan(recorded.nodes.length / 2)
  expect(storedWords(fused)).toBeLessThan(storedWords(recorded) / 2)
  const random = seededRandom(3)
  const inputs = { x: reals(random, 48), w: reals(random, 64), bias: reals(random, 8), labels: [0, 1, 2, 3, 4, 7] }
  const [before, after] = [evaluate(recorded, inputs), evaluate(fused, inputs)]
  for (const { name } of fused.outputs) {
    for (const [i, value] of (after[name] as number[]).entries()) {
      // Merging changes no operation and no order: only subnormal intermediate results could differ.
      expect(value, `${name}[${i}]`).toBe(before[name]?.[i])
    }
  }
})

test('a chain of elementwise operations becomes one map', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [3])
  b.output('y', b.exp(b.mul(b.add(x, 1), b.sub(x, 2))))
  const graph = b.finish('chain')
  expect(graph.nodes.map((node) => node.op)).toEqual(['map'])
  expect(
    programs(graph)[0]
      ?.slice(0, 3)
      .map(({ block }) => block),
  ).toEqual(['fadd', 'fsub', 'fmul'])
})

test('constants fold, repeated nodes are shared, dead ones go', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [2, 2])
  const four = b.reshape(b.mul(b.constant(2, 'f32', [2]), 2), [1, 2])
  b.exp(x)
  b.output('y', b.matmul(b.add(x, four), b.add(x, four)))
  expect(printGraph(b.finish('shared'))).toBe(
    [
      'graph shared',
      '  %0 = input x: f32[2,2]',
      '  %1 = map(%0) { fadd(x0, 0x40800000) }: f32[2,2]',
      '  %2 = matmul(%1, %1) transposeA=false transposeB=false: f32[2,2]',
      '  output y = %2',
      '',
    ].join('\n'),
  )
})

test('a map that is an output, or feeds another primitive, is kept', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [2, 2])
  const y = b.tanh(x)
  b.output('y', y)
  b.output('z', b.add(b.sum(b.exp(y)), 1))
  expect(b.finish('kept').nodes.map((node) => node.op)).toEqual(['map', 'map', 'reduce', 'map'])
})

test('programs stay within 64 blocks', () => {
  const b = new Builder()
  let x = b.input('x', 'f32', [4])
  for (let i = 0; i < 8; i++) x = b.tanh(x)
  b.output('y', x)
  const graph = b.finish('long')
  const lengths = programs(graph).map((program) => program.length)
  expect(Math.max(...lengths)).toBeLessThanOrEqual(64)
  expect(graph.nodes.length).toBe(4)
  const y = evaluate(graph, { x: [0.5, -2, 0, 1] })['y'] as number[]
  let expected = [0.5, -2, 0, 1]
  for (let i = 0; i < 8; i++) expected = expected.map(Math.tanh)
  for (const [i, value] of y.entries()) expect(value).toBeCloseTo(expected[i] as number, 5)
})

test.each(Object.keys(PRESETS) as PresetName[])('fusing %s again changes nothing', (name) => {
  const program = buildProgram(PRESETS[name])
  for (const graph of [program.init, program.micro, program.combine, program.update, program.evaluate]) {
    expect(printGraph(fuse(graph))).toBe(printGraph(graph))
    expect(graph.nodes.every((node) => elementsOf(node.type.shape) > 0)).toBe(true)
  }
})
