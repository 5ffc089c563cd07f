/** The engine's contract: buffers, in-place outputs, taps, limits, threads that come and go. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { afterAll, expect, test, vi } from 'vitest'
import { Builder } from '#graph/builder.ts'
import { buildProgram } from '#graph/program.ts'
import type { Graph } from '#graph/types.ts'
import { isAssayError } from '#proto/errors.ts'
import { createEngine } from '../index.ts'
import { Body, type ValType } from '../kernel/ir.ts'
import { nativeEngine } from '../native/engine.ts'
import { GPT } from '../testing.ts'
import type { Buffer, Engine } from '../types.ts'
import { encode } from '../wasm/encode.ts'
import { wasmEngine } from '../wasm/engine.ts'
import { wasm } from '../wasm/host.ts'
import { ModuleBuilder } from '../wasm/module.ts'
import type { CompiledEngine } from './engine.ts'
import { MAX_PAGES, Memory } from './memory.ts'
import { Pool } from './pool.ts'
import { everyEngine } from './testing.ts'

const reference = await createEngine('reference')
const engine = await wasmEngine()
const engines = [engine, await wasmEngine({ threads: 3 }), ...(await everyEngine())]
afterAll(() => Promise.all(engines.map((each) => each.close())))

const code = (run: () => unknown): string | undefined => {
  try {
    run()
  } catch (error) {
    return isAssayError(error) ? error.code : String(error)
  }
  return undefined
}

/** Old x is needed after its place was written: y = 2 x, then the sum of both over rows, shifted against each other. */
function shifting(): Graph {
  const b = new Builder()
  const x = b.input('x', 'f32', [40, 300])
  const doubled = b.mul(x, 2)
  b.output('x', b.transpose(b.reshape(doubled, [300, 40]), [1, 0]))
  b.output('sum', b.sum(b.add(b.reshape(x, [12000]), b.reshape(doubled, [12000])), [0]))
  b.output('same', x)
  return b.finish('shifting')
}

function fill(buffer: Buffer): void {
  buffer.words().set(new Uint32Array(new Float32Array(buffer.words().length).map((_, i) => i / 7 - 300).buffer))
}

function runInPlace(engine: Engine, graph: Graph): number[][] {
  const x = engine.alloc(graph.inputs[0]!.type)
  fill(x)
  const sum = engine.alloc({ dtype: 'f32', shape: [] })
  const same = engine.alloc(x.type)
  engine.compile(graph).run([x], [x, sum, same])
  return [x, sum, same].map((buffer) => [...buffer.words()])
}

test('an output may overwrite an input that is still needed', () => {
  const expected = runInPlace(reference, shifting())
  for (const engine of engines) expect(runInPlace(engine, shifting())).toEqual(expected)
})

test('words of an input that are not canonical become so in the first copy', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [4, 3])
  const flat = b.reshape(x, [12])
  b.output('flat', flat)
  b.output('again', b.reshape(flat, [2, 6]))
  b.output('raw', x)
  const graph = b.finish('copies')
  const run = (each: Engine): number[][] => {
    const input = each.alloc(x.type)
    const words = [0x7f800001, 0xffc00000, 1, 0x80000001, 0x80000000, 0x3f800000]
    input.words().set([...words, ...words])
    const outputs = [[12], [2, 6], [4, 3]].map((shape) => each.alloc({ dtype: 'f32', shape }))
    each.compile(graph).run([input], outputs)
    return outputs.map((buffer) => [...buffer.words()])
  }
  const expected = run(reference)
  expect(expected[0]?.slice(0, 4)).toEqual([0x7fc00000, 0x7fc00000, 0, 0x80000000])
  for (const each of engines) expect(run(each)).toEqual(expected)
})

test('an elementwise update in place needs no other memory', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [1000])
  b.output('x', b.add(b.mul(x, x), 1))
  const graph = b.finish('update')
  for (const engine of engines) {
    const buffer = engine.alloc(graph.inputs[0]!.type)
    fill(buffer)
    const kernel = engine.compile(graph)
    const before = engine.memory()
    kernel.run([buffer], [buffer])
    expect(engine.memory()).toBe(before)
    expect(new Float32Array(buffer.words().slice().buffer)[2]).toBe(Math.fround(Math.fround(2 / 7 - 300) ** 2 + 1))
    engine.free(buffer)
  }
})

test('every value of a graph can be tapped', () => {
  const { micro } = buildProgram({
    ...GPT,
    model: { type: 'gpt', width: 8, layers: 1, heads: 2, context: 16, dropout: 0.5 },
  })
  const taps = (engine: Engine): Uint32Array[] => {
    const inputs = micro.inputs.map(({ type }, i) => {
      const buffer = engine.alloc(type)
      const words = buffer.words()
      const reals = new Float32Array(words.length).map((_, j) => ((i * 37 + j * 11) % 64) / 64 - 0.4)
      words.set(type.dtype === 'f32' ? new Uint32Array(reals.buffer) : words.map((_, j) => (j * 13) % 256))
      return buffer
    })
    const kernel = engine.compile(micro)
    const ids = [...micro.inputs, ...micro.nodes].flatMap((_, id) => (id % 25 === 0 ? [id] : []))
    return ids.map((id) => kernel.tap(inputs, id))
  }
  const expected = taps(reference)
  for (const engine of engines) expect(taps(engine)).toEqual(expected)
})

test('memory is zero when given, counted, and reused when freed', () => {
  const before = engine.memory()
  const first = engine.alloc({ dtype: 'u32', shape: [5000] })
  first.words().fill(7)
  expect(engine.memory()).toBeGreaterThanOrEqual(before + 20000)
  engine.free(first)
  expect(engine.memory()).toBe(before)
  const second = engine.alloc({ dtype: 'u32', shape: [5000] })
  expect(second.words().every((word) => word === 0)).toBe(true)
  engine.free(second)
  expect(code(() => engine.free(second))).toBe('bad-input')
})

test('wrong use is refused with a typed error', async () => {
  const graph = shifting()
  const kernel = engine.compile(graph)
  const x = engine.alloc({ dtype: 'f32', shape: [40, 300] })
  const sum = engine.alloc({ dtype: 'f32', shape: [] })
  const foreign = reference.alloc(x.type)
  expect(code(() => kernel.run([x], [x, sum]))).toBe('bad-input')
  expect(code(() => kernel.run([x], [x, sum, x]))).toBe('bad-input')
  expect(code(() => kernel.run([sum], [x, sum, x]))).toBe('bad-shape')
  expect(code(() => kernel.run([foreign], [x, sum, foreign]))).toBe('bad-input')
  expect(code(() => kernel.tap([x], 99))).toBe('bad-input')
  expect(code(() => engine.alloc({ dtype: 'f32', shape: [2 ** 20, 2 ** 10] }))).toBe('over-limit')
  await expect(wasmEngine({ threads: 0 })).rejects.toThrow('0 threads')
  await expect(createEngine('abacus' as 'wasm')).rejects.toThrow("no engine 'abacus'")
})

/** Engines that this machine can start, each with two threads. */
const pairs = async (): Promise<CompiledEngine[]> => {
  const found = [await wasmEngine({ threads: 2 })]
  if (engines.some(({ name }) => name === 'native')) found.push(await nativeEngine({ threads: 2 }))
  return found
}

test('a closed engine runs nothing', async () => {
  for (const engine of await pairs()) await refusesWhenClosed(engine)
})

async function refusesWhenClosed(engine: CompiledEngine): Promise<void> {
  const graph = shifting()
  const kernel = engine.compile(graph)
  const buffers = ['x', 'sum', 'same'].map((_, i) => engine.alloc({ dtype: 'f32', shape: i === 1 ? [] : [40, 300] }))
  await engine.close()
  expect(code(() => engine.compile(graph))).toBe('bad-input')
  expect(code(() => kernel.run(buffers.slice(0, 1), buffers))).toBe('bad-input')
}

test.each(['wasm', 'auto'])('an engine (%s) that is not closed does not keep its process alive', (choice) => {
  const script = `
    const { createExactEngine } = await import('#engine/conformance/exact.ts')
    const engine = await createExactEngine('${choice}', { threads: 3 })
    console.log(engine.threads)`
  const args = ['--input-type=module', '--eval', script]
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 })
  expect({ status, stdout }).toEqual({ status: 0, stdout: '3\n' })
})

test('a thread that dies between two kernels ends the engine, and nobody waits for it', async () => {
  for (const start of engines.some(({ name }) => name === 'native') ? [wasmEngine, nativeEngine] : [wasmEngine]) {
    const started = once(process, 'worker')
    const shortLived = await start({ threads: 2 })
    const [helper] = (await started) as [Worker]
    await endsWithItsThread(shortLived, helper)
  }
})

async function endsWithItsThread(shortLived: CompiledEngine, helper: Worker): Promise<void> {
  const x = shortLived.alloc({ dtype: 'f32', shape: [40, 300] })
  const sum = shortLived.alloc({ dtype: 'f32', shape: [] })
  const same = shortLived.alloc(x.type)
  const kernel = shortLived.compile(shifting())
  kernel.run([x], [x, sum, same])
  await helper.terminate()
  expect(code(() => kernel.run([x], [x, sum, same]))).toBe('worker-lost')
  await shortLived.close()
}

test('a thread whose kernel traps says so', async () => {
  const memory = new Memory()
  const pool = await Pool.start(memory.shared, 2, new URL('../wasm/worker.ts', import.meta.url))
  const module = new ModuleBuilder({ initial: 1, maximum: MAX_PAGES })
  const params: ValType[] = ['i32', 'i32', 'i32', 'i32']
  const run = module.declare(params, [])
  const body = new Body(params)
  body.raw([0x00])
  module.define(run, encode(body, { mode: 'fused', emulated: -1 }))
  module.export('run', run)
  pool.install(0, new wasm.Module(module.build()))
  expect(pool.failed).toBe(false)
  pool.call({ kernel: 0, scratch: 0, scratchPitch: 0, arena: 0, table: 0 })
  await vi.waitFor(() => expect(pool.failed).toBe(true), 10_000)
  await pool.close()
})
