/** After a job has settled: pull its weights, evaluate them, generate text, write them. */
import { exportWeights } from '#app/weights/export.ts'
import { sampleText } from '#app/weights/generate.ts'
import { createExactEngine } from '#engine/conformance/exact.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { Dataset } from '#runtime/dataset.ts'
import { evaluate, type Metrics } from '#runtime/evaluate.ts'
import type { Network } from '#runtime/network.ts'
import { pullJob } from './pull.ts'

export interface Finished {
  readonly weights: string
  readonly metrics: Metrics | null
  readonly text: string | null
}

/** Pulls a settled job into `folder`. Throws what `pullJob` and `exportWeights` throw. */
export async function finishJob(
  network: Network,
  job: JobView,
  folder: string,
  signal: AbortSignal,
): Promise<Finished> {
  const { spec, program, state, data } = await pullJob(network, job, signal)
  const engine = await createExactEngine('auto')
  try {
    const held = [spec.data.evalFrom, spec.data.evalTo] as const
    const metrics = evaluate(engine, program, new Dataset(spec.data, data), state, held)
    const provenance = {
      kind: 'network',
      job: job.jobId,
      chainId: network.chainId,
      contract: network.contracts.assay,
    } as const
    await exportWeights(folder, { spec, program, state, metrics, provenance })
    return { weights: folder, metrics, text: sampleText({ engine, program, spec, state, data }) }
  } finally {
    await engine.close()
  }
}
