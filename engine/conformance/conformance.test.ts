/**
 * Conformance of every engine that can be created here, on all vectors. A deliberate change of committed bits updates the
 * record: `npx vitest run engine/conformance -u` rewrites test/vectors/engine.json and the expected results.
 */
import { expect, test } from 'vitest'
import { isAssayError } from '#proto/errors.ts'
import { createEngine, ENGINES } from '../index.ts'
import { nativeEngine } from '../native/engine.ts'
import { referenceEngine } from '../reference/engine.ts'
import type { Engine } from '../types.ts'
import { wasmEngine } from '../wasm/engine.ts'
import { conform, requireExact } from './conform.ts'
import { recordVectors } from './testing.ts'

test('the record is what the reference engine computes', async () => {
  const { json, module } = recordVectors()
  await expect(json).toMatchFileSnapshot('../../test/vectors/engine.json')
  await expect(module).toMatchFileSnapshot('./expected.generated.ts')
})

const made: Record<string, () => Promise<Engine>> = { 'wasm, emulated fma': () => wasmEngine({ fma: 'emulated' }) }
for (const isa of ['avx2', 'avx512'] as const) made[`native, ${isa}`] = () => nativeEngine({ isa })
for (const name of ENGINES) {
  if (name === 'reference') continue
  for (const threads of [1, 2]) made[`${name}, ${threads} thread(s)`] = () => createEngine(name, { threads })
}

test.each(Object.entries(made))('%s computes every vector to the bit', async (_name, make) => {
  const engine = await make().catch((error: unknown) => {
    // An accelerator that this machine cannot run is no failure; the default engine must run everywhere.
    if (isAssayError(error, 'no-engine') || isAssayError(error, 'unsupported')) return null
    throw error
  })
  if (!engine) return
  try {
    const before = engine.memory()
    expect(conform(engine, { quick: true }).failures).toEqual([])
    const { vectors, failures } = conform(engine)
    expect(failures).toEqual([])
    expect(vectors).toBeGreaterThan(200)
    expect(engine.memory() - before).toBeLessThan(2 ** 20)
  } finally {
    await engine.close()
  }
})

/** The reference engine with one word changed in what its kernels write. */
function liar(change: (words: Uint32Array) => void): Engine {
  const engine = referenceEngine()
  const honest = engine.compile.bind(engine)
  engine.compile = (graph) => {
    const kernel = honest(graph)
    const at = graph.outputs.findIndex(({ name }) => name === 'matmul-nt')
    return {
      graph,
      tap: (inputs, id) => kernel.tap(inputs, id),
      run: (inputs, outputs) => {
        kernel.run(inputs, outputs)
        change(outputs[at]!.words())
      },
    }
  }
  return engine
}

test('an engine that is off by one bit is refused by the name of the vector', () => {
  const off = liar((words) => {
    words[7]! ^= 1
  })
  expect(() => requireExact(off)).toThrow(
    expect.objectContaining({ code: 'not-exact', message: expect.stringContaining('quick/matmul-nt') }),
  )
  expect(off.memory()).toBe(0)
  const broken = liar(() => {
    throw new Error('no device')
  })
  expect(() => requireExact(broken)).toThrow(/quick: no device/)
})
