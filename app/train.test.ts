import { describe, expect, it } from 'vitest'
import { textIntake } from '#app/job/data/text.ts'
import { assemble } from '#app/job/load.ts'
import { parseJobFile } from '#app/job/parse.ts'
import { codeOf, TINY_JOB, TINY_TEXT } from '#app/testing.ts'
import { train } from '#app/train.ts'
import { createEngine } from '#engine/index.ts'
import { toHex } from '#proto/bytes.ts'
import { Dataset } from '#runtime/dataset.ts'
import { evaluate } from '#runtime/evaluate.ts'
import { listRoot } from '#runtime/tensors.ts'

const job = assemble(parseJobFile(TINY_JOB), textIntake(new TextEncoder().encode(TINY_TEXT), 8))
const { program, spec } = job
const data = new Dataset(spec.data, job.data)

/** State root and losses of one run. */
async function trained(engineName: 'wasm' | 'reference', threads: number, replicas: number) {
  const engine = await createEngine(engineName, { threads })
  try {
    const losses: number[] = []
    const onStep = (_: number, loss: number): void => void losses.push(loss)
    const state = await train({ engine, program, spec, data, replicas, onStep })
    return { root: toHex(listRoot(program.state, state)), losses }
  } finally {
    await engine.close()
  }
}

describe('train', { timeout: 120_000 }, () => {
  it('reaches one state, whatever the replicas, threads and engine', async () => {
    const expected = await trained('wasm', 1, 1)
    expect(expected.losses).toHaveLength(6)
    expect(expected.losses[5]).toBeLessThan(expected.losses[0] as number)
    for (const replicas of [2, 4, 8])
      expect(await trained('wasm', 1, replicas), `${replicas} replicas`).toEqual(expected)
    expect(await trained('wasm', 2, 2), '2 threads').toEqual(expected)
    expect(await trained('reference', 1, 2), 'reference').toEqual(expected)
  })

  it('goes on from the middle to the same state', async () => {
    const expected = await trained('wasm', 1, 1)
    const engine = await createEngine('wasm')
    const controller = new AbortController()
    let middle: Uint8Array | undefined
    const onStep = (step: number, _: number, state: () => Uint8Array): void => {
      if (step !== 2) return
      middle = state()
      controller.abort()
    }
    const options = { engine, program, spec, data, replicas: 1 }
    expect(await codeOf(() => train({ ...options, onStep, signal: controller.signal }))).toBe('cancelled')
    const state = await train({ ...options, replicas: 4, from: { step: 3, state: middle as Uint8Array } })
    expect(toHex(listRoot(program.state, state))).toBe(expected.root)
    await engine.close()
  })

  it('refuses replicas that the lanes do not allow', async () => {
    const engine = await createEngine('wasm')
    for (const replicas of [0, 3, 16]) {
      expect(await codeOf(() => train({ engine, program, spec, data, replicas })), `${replicas}`).toBe('bad-plan')
    }
    await engine.close()
  })
})

describe('evaluate', () => {
  it('averages over exactly the records asked for, whatever the padding of the last batch', async () => {
    const engine = await createEngine('wasm')
    const state = await train({ engine, program, spec, data, replicas: 1 })
    const of = (from: number, to: number) => evaluate(engine, program, data, state, [from, to])
    expect(of(5, 5)).toBeNull()
    const singles = [0, 1, 2, 3, 4].map((i) => of(i, i + 1)?.loss as number)
    expect(of(0, 5)?.records).toBe(5)
    const mean = singles.reduce((sum, loss) => sum + loss, 0) / 5
    expect(of(0, 5)?.loss).toBeCloseTo(mean, 5)
    expect(new Set(singles).size).toBe(5)
    await engine.close()
  })
})
