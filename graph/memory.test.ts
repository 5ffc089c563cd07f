/** Lifetimes counted by hand. */
import { expect, test } from 'vitest'
import { Builder } from './builder.ts'
import { intermediateBytes, liveBytes, programMemory, tensorBytes } from './memory.ts'
import { PRESETS } from './presets.ts'
import { buildProgram } from './program.ts'

test('tensors take whole cache lines', () => {
  expect(tensorBytes({ dtype: 'f32', shape: [] })).toBe(64)
  expect(tensorBytes({ dtype: 'bool', shape: [4, 5] })).toBe(128)
})

test('a value lives until its last reader; renamed and stored ones take nothing', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [16, 16])
  const first = b.matmul(x, x)
  const second = b.matmul(first, first)
  const third = b.matmul(b.reshape(second, [16, 16]), second)
  b.output('y', b.transpose(b.reshape(third, [1, 16, 16]), [1, 0, 2]))
  // `first` and `second` at the second product; then `second` alone, since the third lies in the output.
  const chain = b.finish('chain')
  // Three products, the last of them into the output, then what renames its words.
  expect(liveBytes(chain)).toEqual([1024, 2048, 1024, 0, 0])
  expect(intermediateBytes(chain)).toBe(2 * 1024)
  const c = new Builder()
  c.output('y', c.reshape(c.transpose(c.input('x', 'f32', [16, 16]), [1, 0]), [256]))
  expect(intermediateBytes(c.finish('move'))).toBe(0)
})

test('training holds the state twice and a sum for every level of the lanes', () => {
  const program = buildProgram(PRESETS['mlp-tiny'])
  const sum = 8 * 4 * 4 + 64 + 2 * 64 + 64 + 3 * 64
  const at = (microBatches: number, lanes: number) => programMemory(program, { microBatches, lanes })
  expect([at(1, 1).sums, at(4, 1).sums, at(4, 4).sums, at(8, 4).sums]).toEqual([sum, 2 * sum, 3 * sum, 4 * sum])
  const { state, sums, inputs, intermediates, scratch, total } = at(4, 4)
  expect(state).toBe(2 * 2 * (sum - 3 * 64))
  expect(scratch).toBe(4 * 4 * 8)
  expect(total).toBe(state + sums + inputs + intermediates + scratch)
  expect(programMemory(program, { microBatches: 4, lanes: 4, threads: 3 }).scratch).toBe(3 * scratch)
})
