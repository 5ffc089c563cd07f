/** The jobs whose entries are reproduced: one small net on images, with as many seeds as are asked for. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { idxIntake } from '#app/job/data/idx.ts'
import type { Intake } from '#app/job/data/intake.ts'
import { assemble, type LoadedJob } from '#app/job/load.ts'
import { parseJobFile } from '#app/job/parse.ts'
import { imageJob } from '../bench/jobs.ts'

const IMAGES = 't10k-images-idx3-ubyte.gz'
const LABELS = 't10k-labels-idx1-ubyte.gz'
/** Made-up images, where there is no folder of real ones. */
const COUNT = 1024

const FILE = {
  model: { type: 'mlp', hidden: [32] },
  eval: { records: [0, 0] },
  batch: 32,
  microBatches: 1,
  replicas: 1,
  optimizer: { type: 'adamw', learningRate: 0.002 },
}

/** The job of a seed, on MNIST's test images from `folder` or on noise. */
export function jobs(folder: string | undefined, steps: number): (seed: number) => LoadedJob {
  if (folder === undefined) return (seed) => imageJob({ ...FILE, steps, seed }, COUNT)
  const [images, labels] = [IMAGES, LABELS].map((name) => gunzipSync(readFileSync(join(folder, name))))
  const intake: Intake = idxIntake(images!, labels!)
  const data = { format: 'idx', path: IMAGES, labels: LABELS }
  return (seed) => assemble(parseJobFile(JSON.stringify({ ...FILE, data, steps, seed })), intake)
}
