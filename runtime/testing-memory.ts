/** What tests of memory share: jobs of the sizes of the benchmarks' models, and a step of each on an engine. */
import { createEngine } from '#engine/index.ts'
import { programMemory } from '#graph/memory.ts'
import { buildProgram } from '#graph/program.ts'
import type { JobDraft, JobSpec } from '#proto/job.ts'
import { Dataset } from '#runtime/dataset.ts'
import { tinyJob } from '#runtime/testing.ts'
import { Trainer } from '#runtime/trainer.ts'

/** Images of 28 x 28 in ten classes. */
const IMAGES = {
  format: 'idx',
  dtype: 'u8',
  size: 785 * 64,
  stride: 785,
  recordLength: 785,
  trainRecords: 64,
  evalFrom: 0,
  evalTo: 0,
  height: 28,
  width: 28,
  features: 784,
  classes: 10,
} as const

/** A job on made-up images, with the fields of `change`. */
export function imageJob(change: Partial<JobDraft>): JobSpec {
  const { spec } = tinyJob()
  return { ...spec, lanes: 4, data: { ...spec.data, ...IMAGES }, ...change }
}

/** A job that trains a GPT on made-up text. */
export function textJob(width: number, layers: number, heads: number, context: number, batch: number): JobSpec {
  const { spec } = tinyJob()
  const sizes = { features: context, stride: context, recordLength: context + 1, size: context * 16 + 1 }
  const data = { ...spec.data, ...sizes, trainRecords: 16, evalFrom: 0, evalTo: 0 }
  const model = { type: 'gpt', width, layers, heads, context, dropout: 0 } as const
  return { ...spec, model, data, batch, microBatches: 4, lanes: 4 }
}

/** Peak that the engine reports over the peak predicted, of one whole step. */
export async function memoryRatio(spec: JobSpec, threads: number): Promise<number> {
  const program = buildProgram(spec)
  const engine = await createEngine('wasm', { threads })
  try {
    const trainer = new Trainer(engine, program, spec, new Dataset(spec.data, new Uint8Array(spec.data.size)))
    trainer.init()
    trainer.sum(0, 0, 1)
    trainer.update(0)
    return engine.peak() / programMemory(program, { ...spec, threads }).total
  } finally {
    await engine.close()
  }
}
