/** A liar's statement says exactly what its training has signed. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import type { PresetName } from '#graph/presets.ts'
import { factsOf } from '#pinpoint/facts.ts'
import { itemsOf, ownSumItem } from '#pinpoint/schedule.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import { hashTree } from '#proto/merkle.ts'
import { Claims, type ReceivedSum } from '#runtime/compute/dispute.ts'
import { joinSums } from '#runtime/compute/replay.ts'
import { lanesRoot } from '#runtime/judge.ts'
import { listRoot, metricsRoot } from '#runtime/tensors.ts'
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
  const all: Uint8Array[] = []
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
    joinSums(trainer, sums, (sum) => all.push(listRoot(trainer.sumPorts, sum)))
    trainer.update(step)
  }
  const after = new Uint8Array(trainer.stateBytes)
  trainer.readState(after)
  const rootAfter = listRoot(job.program.state, after)
  if (replicas > 1) expect(lanesRoot(all)).not.toEqual(entries[replica]?.lanesRoot)

  const runner = new Runner(engine)
  const found = ulpLie(source(replica), runner)
  if (found === undefined) throw new Error('no number of the sum is normal')
  const liar = new EntryStatement(source(replica), new LyingRunner(runner, found))
  const item = (index: number) => liar.preimage({ level: 'items' }, 0, index)
  const schedule = itemsOf(factsOf(job.spec, job.program), entries[replica] as Entry, replicas)
  for (const [leaf, root] of roots.entries()) expect(await item(ownSumItem(schedule, leaf))).toEqual(root)
  expect(await item(schedule.count - 1)).toEqual(rootAfter)
})

/** The entry of replica 0 after its partner has sent false sums in some of its steps, all sums, and those that it was sent. */
function deceived(falseSteps: readonly number[]) {
  const job = smallJob('mlp-tiny', { replicas: 2 })
  const { entries } = honestEntries(engine, job, [0, 2], 2)
  const trainer = new Trainer(engine, job.program, job.spec, job.data)
  trainer.init()
  const lie = oneUlp(1)
  const sums: Uint8Array[] = []
  const metrics: Uint8Array[] = []
  const received: { readonly step: number; readonly sum: number; readonly bytes: Uint8Array }[] = []
  for (let step = 0; step < 2; step++) {
    const both = [0, 1].map((replica) => {
      const sum = new Uint8Array(trainer.sumBytes)
      trainer.sum(step, replica, 2)
      trainer.readSum(sum)
      return sum
    }) as [Uint8Array, Uint8Array]
    if (falseSteps.includes(step)) lie(step, both[1])
    received.push({ step, sum: 1, bytes: both[1] })
    joinSums(trainer, both, (sum) => sums.push(listRoot(trainer.sumPorts, sum)))
    metrics.push(metricsRoot(job.program.metrics, trainer.update(step)))
  }
  const after = new Uint8Array(trainer.stateBytes)
  trainer.readState(after)
  const entry: Entry = {
    ...(entries[0] as Entry),
    ...{ rootAfter: listRoot(job.program.state, after), metricsRoot: hashTree([...metrics]) },
    lanesRoot: lanesRoot(sums),
  }
  const { spec, program, data, bytes } = job
  return { entry, sums, received, claims: new Claims({ spec, program, data, bytes, engine }) }
}

test('what rests on a false sum of a partner is held to be true by whoever has what the partner sent', async () => {
  const { entry, received, claims } = deceived([0])
  const folder = await mkdtemp(join(tmpdir(), 'assay-ulp-'))
  const kept: ReceivedSum[] = []
  for (const [i, { bytes, ...name }] of received.entries()) {
    kept.push({ ...name, bytes: join(folder, `${i}.sum`) })
    await writeFile(join(folder, `${i}.sum`), bytes)
  }
  for (const sent of [received, kept]) {
    claims.open({ entry, replicas: 2, received: sent })
    expect(await claims.holds(entryDigest(entry))).toBe(true)
  }
  await rm(folder, { recursive: true })
  claims.open({ entry, replicas: 2, received: kept })
  expect(await claims.holds(entryDigest(entry))).toBe(false)
  claims.open({ entry, replicas: 2 })
  expect(await claims.holds(entryDigest(entry))).toBe(false)
})

test('a sum that came but was not used, as before a restart, is told by what the entry claims', async () => {
  const { entry, sums, received, claims } = deceived([1])
  const stale = (received[0] as { bytes: Uint8Array }).bytes.slice()
  stale[0] = (stale[0] as number) ^ 1
  const sent = [{ step: 0, sum: 1, bytes: stale }, ...received.slice(1)]
  claims.open({ entry, replicas: 2, received: sent, sumRoots: sums })
  expect(await claims.holds(entryDigest(entry))).toBe(true)
  // Without what it claims nobody could tell.
  claims.open({ entry, replicas: 2, received: sent })
  expect(await claims.holds(entryDigest(entry))).toBe(false)
})
