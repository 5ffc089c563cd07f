import { expect, test } from 'vitest'
import { createEngine, type EngineName } from '#engine/index.ts'
import { toHex } from '#proto/bytes.ts'
import { joinSums, replay } from '#runtime/compute/replay.ts'
import { Dataset } from '#runtime/dataset.ts'
import { programOf } from '#runtime/program.ts'
import { listRoot } from '#runtime/tensors.ts'
import { tinyJob } from '#runtime/testing.ts'
import { Trainer } from '#runtime/trainer.ts'

async function train(engineName: EngineName, replicas: number, steps: number, threads = 1): Promise<string> {
  const { spec, bytes } = tinyJob()
  const engine = await createEngine(engineName, { threads })
  try {
    const trainer = new Trainer(engine, programOf(spec), spec, new Dataset(spec.data, bytes))
    trainer.init()
    for (let step = 0; step < steps; step++) {
      const sums = Array.from({ length: replicas }, (_, replica) => {
        const sum = new Uint8Array(trainer.sumBytes)
        trainer.sum(step, replica, replicas)
        trainer.readSum(sum)
        return sum
      })
      joinSums(trainer, sums)
      trainer.update(step)
    }
    const state = new Uint8Array(trainer.stateBytes)
    trainer.readState(state)
    return toHex(listRoot(trainer.program.state, state))
  } finally {
    await engine.close()
  }
}

test('the state root does not depend on replicas, engine or threads', async () => {
  const root = await train('reference', 1, 2)
  for (const replicas of [1, 2, 4]) expect(await train('wasm', replicas, 2)).toBe(root)
  expect(await train('wasm', 2, 2, 2)).toBe(root)
})

test('a replay gives the root of training, and the loss falls', async () => {
  const { spec, bytes } = tinyJob()
  const engine = await createEngine('wasm')
  const trainer = new Trainer(engine, programOf(spec), spec, new Dataset(spec.data, bytes))
  trainer.init()
  const start = new Uint8Array(trainer.stateBytes)
  trainer.readState(start)
  const first = replay(trainer, { stepFrom: 0, stepTo: 12, replicas: 1 })
  trainer.loadState(start)
  const activations = [{ microBatch: 1, node: 3 }]
  const again = replay(trainer, { stepFrom: 0, stepTo: 12, replicas: 4, activations })
  expect(toHex(again.rootAfter)).toBe(toHex(first.rootAfter))
  expect(toHex(again.rootBefore)).toBe(toHex(first.rootBefore))
  // One replica exchanges none; four do their own, then two that two of them have joined.
  expect([first, again].map(({ sumRoots }) => sumRoots.length)).toEqual([0, 12 * 6])
  expect(again.activations[0]?.length).toBeGreaterThan(0)
  const loss = (i: number) => (first.metrics[i]?.[0] ?? 0) / spec.batch
  expect(loss(11)).toBeLessThan(loss(0))
  await engine.close()
})
