/** A small GPT trained for long: the same state bits as the reference. */
import { afterAll, expect, test } from 'vitest'
import { createEngine } from './index.ts'
import { GPT, trainingDifference } from './testing.ts'
import { wasmEngine } from './wasm/engine.ts'

const reference = await createEngine('reference')
const engines = {
  'one thread': await wasmEngine(),
  'two threads': await wasmEngine({ threads: 2 }),
  'emulated fma': await wasmEngine({ fma: 'emulated' }),
}
afterAll(() => Promise.all(Object.values(engines).map((engine) => engine.close())))

test('a gpt of width 32 with dropout and adamw: the same state after 120 steps', () => {
  expect(trainingDifference(reference, engines, GPT, 256, 120)).toBeNull()
})
