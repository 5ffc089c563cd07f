/** The training jobs of `bench:step` and what is known of them without running them. */
import type { LoadedJob } from '#app/job/load.ts'
import { nodeCosts } from '#graph/cost.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Arithmetic } from '#graph/spec.ts'
import { imageJob, textJob } from './jobs.ts'

const TEXTS = 1024
const IMAGES = 8192
const optimizer = { type: 'adamw', learningRate: 0.001 }

type Make = (arithmetic: Arithmetic) => LoadedJob

const gpt =
  (width: number, layers: number, heads: number, context: number, batch: number): Make =>
  (arithmetic) => {
    const model = { type: 'gpt', width, layers, heads, context }
    return textJob({ model, steps: 1e6, batch, optimizer, arithmetic }, context, TEXTS)
  }

const image =
  (model: object, batch: number): Make =>
  (arithmetic) =>
    imageJob({ model, steps: 1e6, batch, optimizer, arithmetic }, IMAGES)

/** By name; all cut a batch into four micro-batches, as job files do that do not say. */
export const MODELS = {
  mlp: image({ type: 'mlp', hidden: [256] }, 64),
  cnn: image({ type: 'cnn', channels: [8, 16], kernel: 3, hidden: 64 }, 32),
  'gpt-0.84m': gpt(128, 4, 4, 128, 8),
  'gpt-10m': gpt(384, 6, 6, 256, 4),
} as const satisfies Record<string, Make>

export type ModelName = keyof typeof MODELS

export const isModel = (name: string): name is ModelName => Object.hasOwn(MODELS, name)

export const parametersOf = ({ program }: LoadedJob): number =>
  program.gradients.reduce((sum, { type }) => sum + elementsOf(type.shape), 0)

/** Floating-point operations of the contractions of one step: what libraries count as those of a model. */
export function contractionFlops({ program, spec }: LoadedJob): number {
  const costs = nodeCosts(program.micro)
  const one = program.micro.nodes.reduce((sum, { op }, i) => sum + (op === 'matmul' ? Number(costs[i]?.flops) : 0), 0)
  return one * spec.microBatches
}
