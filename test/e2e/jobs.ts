/** The job of these tests: a GPT so small that everything else takes longer than its arithmetic. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OPTIMIZER_FILE, WEIGHTS_FILE } from '#app/weights/export.ts'
import { decodeSafetensors } from '#app/weights/safetensors.ts'
import { toHex } from '#proto/bytes.ts'
import { DTYPE_CODE, hashTree, tensorRootOf } from '#proto/merkle.ts'

export const STEPS = 24
export const WINDOWS = 4
/** Entries of two replicas, each of one step. */
export const ENTRIES = 48

/** What tests change about the job. */
export interface JobChoice {
  readonly steps?: number
  readonly entriesPerWindow?: number
  /** Default 0.1: of 48 entries, half are not drawn once in 10^9 runs. */
  readonly sampleRate?: number
}

const jobText = ({ steps = STEPS, entriesPerWindow = STEPS / WINDOWS, sampleRate = 0.1 }: JobChoice): string => `
model: {type: gpt, width: 8, layers: 1, heads: 2, context: 8}
data: {format: text, path: corpus.txt}
steps: ${steps}
batch: 8
microBatches: 4
optimizer: {type: adamw, learningRate: 0.01}
seed: 3
policy: {sampleRate: ${sampleRate}, entrySteps: 1, entriesPerWindow: ${entriesPerWindow}}
`
const TEXT = Array.from({ length: 60 }, (_, i) => `Verse ${i}: ${i * i} lazy dogs sleep.\n`).join('')

/** Writes the job file and its data to a folder; returns the file's path. */
export async function writeJob(folder: string, choice: JobChoice = {}): Promise<string> {
  await writeFile(join(folder, 'corpus.txt'), TEXT)
  const file = join(folder, 'job.yaml')
  await writeFile(file, jobText(choice))
  return file
}

const DTYPE = { F32: DTYPE_CODE.f32, I32: DTYPE_CODE.i32, U32: DTYPE_CODE.u32 } as Record<string, number>

/** State root of pulled weights: parameters, then the optimizer's tensors. */
export async function rootOfWeights(folder: string): Promise<string> {
  const roots: Uint8Array[] = []
  for (const name of [WEIGHTS_FILE, OPTIMIZER_FILE]) {
    const { tensors } = decodeSafetensors(await readFile(join(folder, name)))
    for (const { dtype, shape, bytes } of tensors) roots.push(tensorRootOf(DTYPE[dtype] ?? -1, shape, bytes))
  }
  return toHex(hashTree(roots))
}
