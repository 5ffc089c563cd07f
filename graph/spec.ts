/** What a program is built from: the fields of a job that fix its graphs. */
import type { DataSpec, JobSpec, ModelSpec, OptimizerSpec } from '#proto/job.ts'

export type { ModelSpec, OptimizerSpec }

/** How one record reads: what a model needs to know of the data. */
export type RecordSpec = Pick<DataSpec, 'format' | 'height' | 'width' | 'features' | 'classes'>

/** The order of contractions: chains of fused multiply-adds, or integers of 16 or 24 bits. */
export type Arithmetic = JobSpec['arithmetic']

/** A `JobSpec` is one. */
export interface ProgramSpec extends Pick<JobSpec, 'model' | 'optimizer'> {
  /** Default f32. */
  readonly arithmetic?: Arithmetic
  /** Default none. */
  readonly recompute?: JobSpec['recompute']
  readonly data: RecordSpec
  /** Records of a global step. */
  readonly batch: number
  /** Micro-batches of a global step; `batch / microBatches` records each. */
  readonly microBatches: number
}

type Of<T extends ModelSpec['type']> = Extract<ModelSpec, { type: T }>
export type MlpSpec = Of<'mlp'>
export type CnnSpec = Of<'cnn'>
export type GptSpec = Of<'gpt'>
