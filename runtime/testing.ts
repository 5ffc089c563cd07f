/** A tiny job for tests: a character GPT that trains in milliseconds. */
import { programRoot } from '#graph/encode.ts'
import { buildProgram } from '#graph/program.ts'
import { sampleRate } from '#proto/draw.ts'
import { createJob, type JobDraft, type JobSpec } from '#proto/job.ts'
import { bytesRoot } from '#proto/merkle.ts'

/** The job and its data; `change` replaces fields of the draft. */
export function tinyJob(change: Partial<JobDraft> = {}): { spec: JobSpec; bytes: Uint8Array } {
  const context = 8
  const text = 'the quick brown fox jumps over the lazy dog; '.repeat(40)
  const bytes = new TextEncoder().encode(text)
  const records = Math.floor((bytes.length - context - 1) / context) + 1
  const draft: JobDraft = {
    model: { type: 'gpt', width: 16, layers: 1, heads: 2, context, dropout: 0 },
    data: {
      format: 'text',
      root: bytesRoot(bytes),
      size: bytes.length,
      dtype: 'u8',
      stride: context,
      recordLength: context + 1,
      trainRecords: records - 8,
      evalFrom: records - 8,
      evalTo: records,
      height: 0,
      width: 0,
      features: context,
      classes: 256,
    },
    programRoot: new Uint8Array(32),
    steps: 24,
    batch: 8,
    microBatches: 4,
    optimizer: {
      type: 'adamw',
      learningRate: 0.01,
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-8,
      weightDecay: 0.01,
      warmup: 0,
    },
    seed: 1n,
    replicas: 2,
    entrySteps: 2,
    entriesPerWindow: 3,
    depth: 3,
    policy: { sampleRate: sampleRate(0.25) },
    ...change,
  }
  const shaped = createJob(draft)
  return { spec: createJob({ ...shaped, programRoot: programRoot(buildProgram(shaped)) }), bytes }
}
