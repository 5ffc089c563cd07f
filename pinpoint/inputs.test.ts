/** The rules of the inputs are what training feeds its graphs: whole entries of the definitions and of a trainer agree. */
import { expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import { hashTree } from '#proto/merkle.ts'
import { replay } from '#runtime/compute/replay.ts'
import { Dataset } from '#runtime/dataset.ts'
import { lanesRoot } from '#runtime/judge.ts'
import { Trainer } from '#runtime/trainer.ts'
import { dataElement, formulaWord, inputRule } from './inputs.ts'
import { openingOfBytes, smallJob, smallText, World } from './testing.ts'

test.each([
  ['a linear classifier, one replica', smallJob(), 1, 0],
  ['a linear classifier, second of two replicas', smallJob({ microBatches: 4 }), 2, 1],
  ['a character model with dropout, first of two replicas', smallText(), 2, 0],
])('%s: the entry that a trainer would sign', async (_, job, replicas, replica) => {
  const engine = await createEngine('reference')
  try {
    const trainer = new Trainer(engine, job.program, job.spec, new Dataset(job.spec.data, job.data))
    trainer.init()
    const replayed = replay(trainer, { stepFrom: 0, stepTo: 2, replicas })
    const entry = new World(job, { replica, replicas, stepTo: 2 }).entry()
    expect(entry.rootBefore).toEqual(replayed.rootBefore)
    expect(entry.rootAfter).toEqual(replayed.rootAfter)
    expect(entry.lanesRoot).toEqual(lanesRoot(replayed.sumRoots))
    expect(entry.metricsRoot).toEqual(hashTree(replayed.metricRoots))
  } finally {
    await engine.close()
  }
})

test.each([
  ['f32', smallJob()],
  ['u8', smallText()],
])('every word of the records opens against data of %s', (_, job) => {
  const world = new World(job, { stepTo: 2 })
  const { facts } = world
  const size = world.spec.data.dtype === 'u8' ? 1 : 4
  const port = facts.state + 3
  for (const index of [1, 2]) {
    const item = world.item(index)
    const words = world.values(index)[port] as Uint32Array
    expect(inputRule(facts, item, port)).toMatchObject({ kind: 'formula', formula: 'records' })
    for (const [e, word] of words.entries()) {
      const opening = openingOfBytes(job.data, size * dataElement(facts, item, e))
      expect(formulaWord(facts, item, 'records', e, opening)).toBe(word)
    }
    expect(() => formulaWord(facts, item, 'records', 0, [])).toThrow('leaf')
    expect(() => formulaWord(facts, item, 'records', 0, [job.data.slice(0, 8)])).toThrow()
  }
})

test('every input of every graph has a rule, and what is no input has none', () => {
  const world = new World(smallJob({ microBatches: 4 }), { replica: 1, replicas: 2, stepTo: 2 })
  for (let index = 0; index < world.schedule.count; index++) {
    const item = world.item(index)
    if (item.kind === 'inbound') {
      expect(() => inputRule(world.facts, item, 0)).toThrow('no input')
      continue
    }
    const { inputs } = world.graph(index)
    for (const [port, { type }] of inputs.entries()) {
      const rule = inputRule(world.facts, item, port)
      if (rule.kind === 'formula') expect(rule.type).toEqual(type)
      else expect(rule.leaf).toBeLessThan(rule.leaves)
    }
    for (const port of [-1, inputs.length, 0.5]) expect(() => inputRule(world.facts, item, port)).toThrow('no input')
  }
})

test('positions follow the step and the micro-batch; only `micro` has them', () => {
  const { facts } = new World(smallJob())
  const micro = { kind: 'micro', step: 3, microBatch: 1, before: 0 } as const
  expect([0, 1].map((e) => formulaWord(facts, micro, 'position', e))).toEqual([14, 15])
  expect(formulaWord(facts, micro, 'step', 0)).toBe(3)
  expect(formulaWord(facts, micro, 'dropoutSeed', 1)).toBe(facts.dropoutSeed[1])
  expect(() => formulaWord(facts, micro, 'initSeed', 2)).toThrow('no word')
  expect(() => formulaWord(facts, { kind: 'init', step: 0 }, 'position', 0)).toThrow('no records')
})
