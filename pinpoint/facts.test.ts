import { expect, test } from 'vitest'
import { graphRoot } from '#graph/encode.ts'
import { toHex } from '#proto/bytes.ts'
import { derivedSeed } from '#proto/ids.ts'
import { bytesRoot } from '#proto/merkle.ts'
import { exportBytes, factsHash } from './facts.ts'
import { smallJob } from './testing.ts'
import type { Facts } from './types.ts'

const { spec, program, facts } = smallJob()

test('facts are those of the spec and its program', () => {
  expect(facts.micro.root).toEqual(graphRoot(program.micro))
  expect([facts.state, facts.gradients, facts.metrics]).toEqual([2, 2, 3])
  expect(facts.micro.exports).toEqual(bytesRoot(exportBytes(program.micro, 5)))
  expect(facts.update.exports).toEqual(bytesRoot(exportBytes(program.update, 2)))
  expect(exportBytes(program.update, 2)).toHaveLength(8)
  expect([facts.dataSize, facts.dataDtype, facts.stride, facts.recordLength]).toEqual([144, 0, 3, 3])
  expect(facts.orderSeed).toEqual(derivedSeed(spec.seed, 'order'))
})

test('every field moves the digest, and none may be out of its range', () => {
  const digest = toHex(factsHash(facts))
  const seen = new Set([digest])
  const numbers = ['state', 'gradients', 'metrics', 'dataSize', 'dataDtype', 'stride', 'recordLength'] as const
  const more = ['trainRecords', 'batch', 'microBatches', 'lanes'] as const
  const changes: Partial<Facts>[] = [
    ...[...numbers, ...more].map((name) => ({ [name]: facts[name] + 1 })),
    ...(['init', 'micro', 'combine', 'update'] as const).flatMap((name) => [
      { [name]: { ...facts[name], root: new Uint8Array(32) } },
      { [name]: { ...facts[name], inputs: facts[name].inputs + 1 } },
      { [name]: { ...facts[name], nodes: facts[name].nodes + 1 } },
      { [name]: { ...facts[name], exports: new Uint8Array(32) } },
    ]),
    { dataRoot: new Uint8Array(32) },
    { orderSeed: new Uint8Array(32) },
    { initSeed: [facts.initSeed[0], 0] },
    { dropoutSeed: [0, facts.dropoutSeed[1]] },
  ]
  for (const change of changes) seen.add(toHex(factsHash({ ...facts, ...change })))
  expect(seen.size).toBe(changes.length + 1)
  for (const change of [{ lanes: 65_536 }, { state: -1 }, { batch: 0.5 }, { dataRoot: new Uint8Array(31) }]) {
    expect(() => factsHash({ ...facts, ...change })).toThrow()
  }
})
