/** Trained weights as files that other tools read: safetensors and a config.json that says what they are. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROOF_FILE, proofOf, proofText } from '#app/weights/proof.ts'
import { encodeSafetensors } from '#app/weights/safetensors.ts'
import type { Program } from '#graph/types.ts'
import { toHex } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import { type JobSpec, specHash } from '#proto/job.ts'
import type { Metrics } from '#runtime/evaluate.ts'
import { listRoot, sliceList, type TensorSlice } from '#runtime/tensors.ts'

export const WEIGHTS_FILE = 'model.safetensors'
export const OPTIMIZER_FILE = 'optimizer.safetensors'
export const CONFIG_FILE = 'config.json'

/** How the weights came about. */
export interface Provenance {
  /** `network`: verified and settled on a chain; `run`: trained on one machine, nothing was verified. */
  readonly kind: 'network' | 'run'
  /** Details, such as the job id, the chain and the contract. */
  readonly [detail: string]: string | number
}

export interface WeightsExport {
  readonly spec: JobSpec
  readonly program: Program
  /** The state after the last step, its tensors end to end. */
  readonly state: Uint8Array
  readonly provenance: Provenance
  readonly metrics?: Metrics | null
}

export interface WrittenWeights {
  readonly folder: string
  readonly stateRoot: string
  readonly files: readonly string[]
}

/**
 * Writes `model.safetensors` (the parameters), `optimizer.safetensors` (the rest of the state, if there is any),
 * `config.json` and `proof.json` to a folder, which is made if it is not there. Each file appears whole or not at all.
 * @throws AssayError `bad-data` for a state of another length, `storage`
 */
export async function exportWeights(folder: string, weights: WeightsExport): Promise<WrittenWeights> {
  const { spec, program, state } = weights
  const tensors = sliceList(program.state, state)
  const parameters = tensors.slice(0, program.gradients.length)
  const slots = tensors.slice(program.gradients.length)
  const stateRoot = toHex(listRoot(program.state, state))
  const metadata = metadataOf(spec, stateRoot)
  const files: [string, Uint8Array][] = [[WEIGHTS_FILE, encodeTensors(parameters, metadata)]]
  if (slots.length > 0) files.push([OPTIMIZER_FILE, encodeTensors(slots, metadata)])
  const config = configText(weights, stateRoot, files)
  files.push([CONFIG_FILE, new TextEncoder().encode(config)])
  const proven = Object.fromEntries(files.map(([name, bytes]) => [name, toHex(sha256(bytes))]))
  files.push([PROOF_FILE, new TextEncoder().encode(proofText(proofOf(weights, stateRoot, proven)))])
  try {
    await mkdir(folder, { recursive: true })
    for (const [name, bytes] of files) {
      const file = join(folder, name)
      await writeFile(`${file}.part`, bytes)
      await rename(`${file}.part`, file)
    }
  } catch (cause) {
    return fail('storage', `the weights cannot be written to ${folder}: ${(cause as Error).message}`, {
      next: 'Name another folder with -o.',
      cause,
    })
  }
  return { folder, stateRoot, files: files.map(([name]) => name) }
}

/** What the safetensors files say of themselves. */
export function metadataOf(spec: JobSpec, stateRoot: string): Record<string, string> {
  return { format: 'pt', specHash: toHex(specHash(spec)), stateRoot }
}

/** Text of config.json: it follows from the weights' spec, provenance and metrics, and from the files beside it. */
export function configText(
  weights: Pick<WeightsExport, 'spec' | 'provenance' | 'metrics'>,
  stateRoot: string,
  files: readonly (readonly [string, Uint8Array])[],
): string {
  const hashes = Object.fromEntries(files.map(([name, bytes]) => [name, { sha256: toHex(sha256(bytes)) }]))
  return `${JSON.stringify(describe(weights, stateRoot, hashes), null, 2)}\n`
}

/** Names of safetensors dtypes. Booleans are a word each in a state, so they are written as such. */
const DTYPES = { f32: 'F32', i32: 'I32', u32: 'U32', bool: 'U32' } as const

export function encodeTensors(slices: readonly TensorSlice[], metadata: Record<string, string>): Uint8Array {
  const tensors = slices.map(({ port: { name, type }, bytes }) => ({
    name,
    dtype: DTYPES[type.dtype],
    shape: type.shape,
    bytes,
  }))
  return encodeSafetensors({ tensors, metadata })
}

/** What a reader needs to use the weights without this program: how inputs are fed and how layers compute. */
const NOTES: Readonly<Record<JobSpec['model']['type'], string>> = {
  mlp:
    'y = x W + b for each layer<i>.weight [inputs, outputs] in order, with the activation between layers; the last gives ' +
    'logits. idx pixels enter as value / 255, csv columns as they are.',
  cnn:
    'See graph/models/cnn.ts for the layers. idx pixels enter as value / 255; dense layers are y = x W + b with weight ' +
    '[inputs, outputs].',
  gpt:
    'Pre-norm transformer as GPT-2: wte[token] + wpe[position], blocks h<i>, final norm lnf, logits x head.weight; ' +
    'projections are y = x W + b with weight [inputs, outputs], q k v stand side by side in attn.qkv.',
}

function describe(
  { spec, provenance, metrics }: Pick<WeightsExport, 'spec' | 'provenance' | 'metrics'>,
  stateRoot: string,
  files: Record<string, { sha256: string }>,
): Record<string, unknown> {
  const { data, model } = spec
  return {
    format: 'assay/weights/1',
    model,
    notes: NOTES[model.type],
    ...(model.type === 'gpt'
      ? {
          tokenizer: {
            type: 'bytes',
            vocabulary: data.classes,
            note: 'A token is the value of one byte of UTF-8 text.',
          },
        }
      : {
          input: { format: data.format, features: data.features, height: data.height, width: data.width },
          classes: data.classes,
        }),
    training: {
      steps: spec.steps,
      batch: spec.batch,
      microBatches: spec.microBatches,
      lanes: spec.lanes,
      optimizer: spec.optimizer,
      seed: String(spec.seed),
      trainRecords: data.trainRecords,
    },
    ...(metrics ? { heldOut: { from: data.evalFrom, to: data.evalTo, ...metrics } } : {}),
    specHash: toHex(specHash(spec)),
    programRoot: toHex(spec.programRoot),
    dataRoot: toHex(data.root),
    stateRoot,
    provenance,
    files,
  }
}
