/** A liar's statement says exactly what its training has signed. */
import { afterAll, expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import type { PresetName } from '#graph/presets.ts'
import { factsOf } from '#pinpoint/facts.ts'
import { itemsOf, ownSumItem } from '#pinpoint/schedule.ts'
import type { Entry } from '#proto/entry.ts'
import { joinSums } from '#runtime/compute/replay.ts'
import { lanesRoot } from '#runtime/judge.ts'
import { listRoot } from '#runtime/tensors.ts'
import { Trainer } from '#runtime/trainer.ts'
import { oneUlp } from '#solver/lies.ts'
import { LyingRunner } from './lie.ts'
import { Runner } from './runner.ts'
import { EntryStatement } from './statement.ts'
import { honestEntries, smallJob } from './testing.ts'
import { ulpLie } from './ulp.ts'

const engine = await createEngine('wasm')
afterAll(() => engine.close())

test.each<[PresetName, number, number, readonly [number, number]]>([
  ['mlp-tiny', 1, 0, [0, 2]],
  ['mlp-tiny', 2, 1, [2, 4]],
  ['gpt-dropout', 2, 0, [2, 3]],
])('%s of %i replicas: replica %i lies in steps %o', async (preset, replicas, replica, [stepFrom, stepTo]) => {
  const job = smallJob(preset, { replicas })
  const { entries, source } = honestEntries(engine, job, [stepFrom, stepTo], replicas)
  const { before } = source(replica)
  const trainer = new Trainer(engine, job.program, job.spec, job.data)
  if (before) trainer.loadState(before)
  else trainer.init()
  const lie = oneUlp(stepTo - stepFrom)
  const roots: Uint8Array[] = []
  for (let step = stepFrom; step < stepTo; step++) {
    const sums = Array.from({ length: replicas }, (_, r) => {
      const sum = new Uint8Array(trainer.sumBytes)
      trainer.sum(step, r, replicas)
      trainer.readSum(sum)
      if (r === replica) {
        expect(lie(step, sum)).toBe(step === stepFrom)
        roots.push(listRoot(trainer.sumPorts, sum))
      }
      return sum
    })
    joinSums(trainer, sums)
    trainer.update(step)
  }
  const after = new Uint8Array(trainer.stateBytes)
  trainer.readState(after)
  const rootAfter = listRoot(job.program.state, after)
  expect(lanesRoot(roots)).not.toEqual(entries[replica]?.lanesRoot)

  const runner = new Runner(engine)
  const found = ulpLie(source(replica), runner)
  if (found === undefined) throw new Error('no number of the sum is normal')
  const liar = new EntryStatement(source(replica), new LyingRunner(runner, found))
  const item = (index: number) => liar.preimage({ level: 'items' }, 0, index)
  const schedule = itemsOf(factsOf(job.spec, job.program), entries[replica] as Entry, replicas)
  for (const [leaf, root] of roots.entries()) expect(await item(ownSumItem(schedule, leaf))).toEqual(root)
  expect(await item(schedule.count - 1)).toEqual(rootAfter)
})
