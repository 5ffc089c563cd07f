/** Costs counted by hand. */
import { expect, test } from 'vitest'
import { Builder } from './builder.ts'
import { graphCost, joinsOf, phaseCosts, stepCost } from './cost.ts'
import { PRESETS } from './presets.ts'
import { buildProgram } from './program.ts'

test('a matrix product costs one fused multiply-add a position and one addition a further block of 512', () => {
  const b = new Builder()
  b.output('y', b.matmul(b.input('x', 'f32', [4, 1030]), b.input('w', 'f32', [1030, 3])))
  expect(graphCost(b.finish('matmul'))).toEqual({
    blocks: BigInt(12 * (1030 + 2)),
    flops: BigInt(12 * (2 * 1030 + 2)),
    bytes: BigInt(4 * (4 * 1030 + 3 * 1030 + 12)),
  })
})

test('a quantised product costs a multiply-add a position, two blocks a block value, two a word of its operands', () => {
  const b = new Builder('q16')
  b.output('y', b.matmul(b.input('x', 'f32', [4, 1030]), b.input('w', 'f32', [1030, 3])))
  expect(graphCost(b.finish('matmul'))).toEqual({
    blocks: BigInt(12 * (1030 + 5 + 4) + 2 * 7 * 1030),
    flops: BigInt(12 * (2 * 1030 + 4)),
    bytes: BigInt(4 * (4 * 1030 + 3 * 1030 + 12)),
  })
})

test('a map costs its program at every element; integer blocks are no flops', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [5])
  b.output('y', b.select(b.equal(b.iota([5], 0), 2), b.add(x, 1), x))
  expect(graphCost(b.finish('map'))).toEqual({ blocks: 15n, flops: 5n, bytes: 40n })
})

test('joins of a reduction', () => {
  expect(joinsOf('lanes32', 0)).toBe(0)
  expect(joinsOf('lanes32', 1)).toBe(31)
  expect(joinsOf('lanes32', 16_384)).toBe(31)
  expect(joinsOf('lanes32', 40_000)).toBe(3 * 31 + 3 + 31)
  expect(joinsOf('chain512', 512)).toBe(0)
  expect(joinsOf('chain512', 513)).toBe(1)
  expect(joinsOf('q16', 513)).toBe(2)
  expect(joinsOf('q24', 0)).toBe(0)
})

test('a step is its micro-batches, the additions between them and one update', () => {
  const program = buildProgram(PRESETS['mlp-tiny'])
  const { micro, combine, update } = phaseCosts(program)
  expect(stepCost(program, 4).blocks).toBe(4n * micro.blocks + 3n * combine.blocks + update.blocks)
  // Every parameter, gradient metric included, is added once: 8*4 + 8 + 3*8 + 3 and three metrics.
  expect(combine.flops).toBe(BigInt(32 + 8 + 24 + 3 + 3))
})
