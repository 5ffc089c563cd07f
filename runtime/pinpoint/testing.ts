/** Small jobs of every model, and entries of them as honest replicas would sign them: what games are tested on. */
import type { Engine } from '#engine/types.ts'
import { programRoot } from '#graph/encode.ts'
import { PRESETS, type PresetName } from '#graph/presets.ts'
import { buildProgram } from '#graph/program.ts'
import type { Program } from '#graph/types.ts'
import { ALWAYS } from '#proto/draw.ts'
import type { Entry } from '#proto/entry.ts'
import { createJob, type DataSpec, type JobSpec } from '#proto/job.ts'
import { bytesRoot, hashTree } from '#proto/merkle.ts'
import { seededRandom } from '#proto/testing.ts'
import { replay } from '#runtime/compute/replay.ts'
import { Dataset } from '#runtime/dataset.ts'
import { lanesRoot } from '#runtime/judge.ts'
import { Trainer } from '#runtime/trainer.ts'
import type { EntrySource } from './results.ts'

export interface SmallJob {
  readonly spec: JobSpec
  readonly program: Program
  readonly data: Dataset
  readonly bytes: Uint8Array
}

const RECORDS = 40

function dataOf(preset: PresetName): { data: DataSpec; bytes: Uint8Array } {
  const { data } = PRESETS[preset]
  const random = seededRandom(data.features)
  const text = data.format === 'text'
  const recordLength = data.features + 1
  const stride = text ? data.features : recordLength
  let bytes = random.bytes(stride * RECORDS + (text ? 1 : 0))
  if (data.format === 'csv') {
    const words = Float32Array.from({ length: stride * RECORDS }, (_, i) =>
      (i + 1) % stride === 0 ? random.below(data.classes) : random.below(2001) / 1000 - 1,
    )
    bytes = new Uint8Array(words.buffer)
  } else if (!text) {
    for (let at = data.features; at < bytes.length; at += stride) bytes[at] = random.below(data.classes)
  }
  const layout = { root: bytesRoot(bytes), size: bytes.length, dtype: data.format === 'csv' ? 'f32' : 'u8' } as const
  const records = { stride, recordLength, trainRecords: RECORDS, evalFrom: 0, evalTo: 0 }
  return { data: { ...data, ...layout, ...records }, bytes }
}

/** A job of a preset's model; `change` replaces fields. */
export function smallJob(preset: PresetName, change: Partial<JobSpec> = {}): SmallJob {
  const { data, bytes } = dataOf(preset)
  const { model, optimizer, batch, microBatches } = PRESETS[preset]
  const shaped = createJob({
    ...{ model: { ...model } as JobSpec['model'], optimizer, batch, microBatches, data },
    ...{ programRoot: new Uint8Array(32), steps: 12, seed: 5n, replicas: 1, entrySteps: 2, entriesPerWindow: 2 },
    ...{ depth: 2, policy: { sampleRate: ALWAYS } },
    ...change,
  })
  const program = buildProgram(shaped)
  const spec = createJob({ ...shaped, programRoot: programRoot(program) })
  return { spec, program, data: new Dataset(spec.data, bytes), bytes }
}

/** Honest entries of all replicas for one slot, with what a statement about them needs. */
export function honestEntries(
  engine: Engine,
  job: SmallJob,
  [stepFrom, stepTo]: readonly [number, number],
  replicas: number,
): { readonly entries: readonly Entry[]; readonly source: (replica: number) => EntrySource } {
  const trainer = new Trainer(engine, job.program, job.spec, job.data)
  trainer.init()
  if (stepFrom > 0) replay(trainer, { stepFrom: 0, stepTo: stepFrom, replicas: 1 })
  const before = new Uint8Array(trainer.stateBytes)
  trainer.readState(before)
  const replayed = replay(trainer, { stepFrom, stepTo, replicas })
  const entries = Array.from(
    { length: replicas },
    (_, replica): Entry => ({
      ...{ jobId: new Uint8Array(32).fill(7), epoch: 1, replica, window: 0, stepFrom, stepTo },
      ...{ rootBefore: replayed.rootBefore, rootAfter: replayed.rootAfter },
      lanesRoot: lanesRoot(replayed.sumRoots),
      metricsRoot: hashTree([...replayed.metricRoots]),
      solver: new Uint8Array(20).fill(1 + replica),
    }),
  )
  const source = (replica: number): EntrySource => ({
    ...job,
    entry: entries[replica] as Entry,
    replicas,
    ...(stepFrom > 0 && { before }),
  })
  return { entries, source }
}
