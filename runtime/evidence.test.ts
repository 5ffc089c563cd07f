/** Evidence of an own entry needs nobody else: a solver that is accused judges itself by what it kept. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Peer } from '#net/peer.ts'
import { toHex } from '#proto/bytes.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import { hashTree } from '#proto/merkle.ts'
import { Database } from '#runtime/database.ts'
import { lanesRoot } from '#runtime/judge.ts'
import { ContentStore } from '#runtime/store.ts'
import { metricsRoot } from '#runtime/tensors.ts'

/** Knows nobody. */
const peer = { handle: () => {}, peers: () => [] } as unknown as Peer

test('own evidence is found where nobody serves it, another entry’s is not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assay-evidence-'))
  const database = new Database(':memory:')
  try {
    const store = await ContentStore.open(folder, peer, database)
    const metric = Float32Array.of(1)
    const evidence = {
      sumRoots: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)],
      metrics: [new Uint8Array(metric.buffer)],
    }
    const port = { name: '', type: { dtype: 'f32', shape: [] } } as const
    const entry: Entry = {
      jobId: new Uint8Array(32),
      epoch: 1,
      replica: 0,
      window: 0,
      stepFrom: 0,
      stepTo: 1,
      rootBefore: new Uint8Array(32),
      rootAfter: new Uint8Array(32),
      lanesRoot: lanesRoot(evidence.sumRoots),
      metricsRoot: hashTree([metricsRoot([port], metric)]),
      solver: new Uint8Array(20),
    }
    const hash = entryDigest(entry)
    store.keepEvidence(hash, evidence)
    const { signal } = new AbortController()
    expect(await store.evidence(toHex(hash), entry, 2, [], signal)).toEqual(evidence)
    // Of other numbers of replicas it is none.
    for (const replicas of [1, 4])
      expect(await store.evidence(toHex(hash), entry, replicas, [], signal)).toBeUndefined()
    const other = { ...entry, lanesRoot: new Uint8Array(32) }
    expect(await store.evidence(toHex(hash), other, 2, [], signal)).toBeUndefined()
  } finally {
    database.close()
    await rm(folder, { recursive: true })
  }
})
