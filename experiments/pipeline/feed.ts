/** What the pipeline of a job is fed with: every stage can bring it for itself, since the seed names the records. */
import type { Program } from '#graph/types.ts'
import { seedWords } from '#proto/ids.ts'
import type { JobSpec } from '#proto/job.ts'
import type { Dataset } from '#runtime/dataset.ts'
import { recordOrder } from '#runtime/order.ts'
import type { PipelineOptions } from './pipeline.ts'

/** As `Trainer` does: docs/spec/protocol.md, Record order. */
export function feedOf(spec: JobSpec, program: Program, data: Dataset): PipelineOptions {
  const order = recordOrder(spec.seed, spec.data.trainRecords)
  const { recordLength } = data.layout
  const count = spec.batch / spec.microBatches
  const { type } = program.micro.inputs.at(-1) as Program['micro']['inputs'][number]
  return {
    microBatches: spec.microBatches,
    lanes: spec.lanes,
    seed: Uint32Array.from(seedWords(spec.seed, 'init')),
    inputs: (step, microBatch) => {
      const positions = Uint32Array.from({ length: count }, (_, i) => step * spec.batch + microBatch * count + i)
      const records = new Uint32Array(type.shape.reduce((size, n) => size * n, 1))
      for (const [i, position] of positions.entries()) data.record(order(position), records, i * recordLength)
      return [Uint32Array.from(seedWords(spec.seed, 'dropout')), Uint32Array.of(step), positions, records]
    },
  }
}
