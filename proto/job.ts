/**
 * The job: everything that fixes the bits of a training run and how it is verified. Its canonical bytes are what
 * `specHash` names; prices, stakes and periods are the chain's (terms.ts). docs/spec/protocol.md, "Job".
 */
import { ascii, Reader, Writer } from '#proto/bytes.ts'
import {
  count,
  decode,
  encode,
  f32,
  hash,
  list,
  type Of,
  oneOf,
  struct,
  u8,
  u16,
  u32,
  u64,
  union,
} from '#proto/codec.ts'
import { check } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { checkPlan, defaultLanes, MAX_LANES, MAX_MICRO_BATCHES, sumsPerStep } from '#proto/lanes.ts'
import { MAX_RECORDS } from '#proto/permutation.ts'

export const JOB_VERSION = 1
/** Most bytes of an encoded job. */
export const MAX_JOB_BYTES = 16 * 1024
/** Most entries of a window: slots times replicas; the contract holds them in 64-bit masks. */
export const MAX_WINDOW_ENTRIES = 64
/**
 * Most nodes of a job's program, as `programNodes` counts them: everybody who meets a job builds its program, and the job
 * itself is a few hundred bytes.
 */
export const MAX_PROGRAM_NODES = 16_384
/** Most data bytes: 1 TiB. */
export const MAX_DATA_BYTES = 2 ** 40
/** Global record positions are u32 inside the step graph. */
const MAX_POSITIONS = 2 ** 32
/** Sums, or rows of metrics, behind an entry: what a solver shows of it fits a message. */
const MAX_ENTRY_ROOTS = 16_384
const MAX_SIZE = 65_536
const JOB_MAGIC = ascii('assay/spec/1')

const activation = oneOf(['relu', 'gelu', 'tanh'])

/** Model families and their sizes; inputs and classes come from the data. */
export const MODEL = union({
  mlp: struct({ hidden: list(u32(1, MAX_SIZE), 0, 16), activation }),
  cnn: struct({ channels: list(u32(1, 4096), 1, 8), kernel: u8(1, 11), hidden: u32(1, MAX_SIZE), activation }),
  gpt: struct({
    width: u32(1, MAX_SIZE),
    layers: u32(1, 256),
    heads: u32(1, 256),
    context: u32(1, MAX_SIZE),
    dropout: f32(0, Math.fround(0.99)),
  }),
})
export type ModelSpec = Of<typeof MODEL>

const learningRate = f32(0, 1e6)
const weightDecay = f32(0, 1e6)
const warmup = u32()
const fraction = f32(0, 1)

/** Optimizers; `warmup` is the number of steps over which the learning rate rises linearly. */
export const OPTIMIZER = union({
  sgd: struct({ learningRate, momentum: fraction, weightDecay, warmup }),
  adamw: struct({ learningRate, beta1: fraction, beta2: fraction, epsilon: f32(0, 1), weightDecay, warmup }),
})
export type OptimizerSpec = Of<typeof OPTIMIZER>

/**
 * The data set: records of `recordLength` elements, `stride` elements apart, in one byte string.
 *
 * - `text`: u8; record i is bytes [i*T, i*T+T+1) with T the model's context: stride T, recordLength T+1, classes 256.
 * - `idx`: u8; each record is height*width pixels, then the class: stride = recordLength = features + 1.
 * - `csv`: f32 words; each record is the features, then the class: stride = recordLength = features + 1.
 */
export const DATA = struct({
  format: oneOf(['text', 'idx', 'csv']),
  /** `bytesRoot` of the byte string. */
  root: hash,
  /** Length of the byte string in bytes. */
  size: count(1, MAX_DATA_BYTES),
  dtype: oneOf(['u8', 'f32']),
  stride: u32(1, 2 ** 24),
  recordLength: u32(1, 2 ** 24),
  /** Records 0 .. trainRecords-1 are trained on. */
  trainRecords: count(1, MAX_RECORDS),
  /** Records evalFrom .. evalTo-1 are evaluated on; an empty range means none. */
  evalFrom: count(0, MAX_RECORDS),
  evalTo: count(0, MAX_RECORDS),
  /** Image size; 0 where records are no images. */
  height: u32(0, MAX_SIZE),
  width: u32(0, MAX_SIZE),
  /** Input values of a record. */
  features: u32(1, 2 ** 24),
  classes: u32(1, MAX_SIZE),
})
export type DataSpec = Of<typeof DATA>

/** What is verified. */
export const POLICY = struct({
  /** An entry is sampled iff its 64-bit draw is below; 2^64-1 samples all (`sampleRate` in draw.ts). */
  sampleRate: u64,
})

export const JOB = struct({
  version: u16(JOB_VERSION, JOB_VERSION),
  model: MODEL,
  data: DATA,
  /** Root of the job's program (all its graphs). */
  programRoot: hash,
  /** Optimizer steps. */
  steps: u32(1),
  /** Records of a global step. */
  batch: u32(1, 2 ** 20),
  microBatches: u16(1, MAX_MICRO_BATCHES),
  lanes: u16(1, MAX_LANES),
  optimizer: OPTIMIZER,
  /** Seed of everything random in training (`derivedSeed` in ids.ts). */
  seed: u64,
  /** Arithmetic profile: the order of every contraction; that of other operations is the same in all of them. */
  arithmetic: oneOf(['f32', 'q16', 'q24']),
  /** Activations that training computes again in the backward pass rather than keep; never changes the weights. */
  recompute: oneOf(['none', 'blocks']),
  /** Replicas that the plan asks for; the result never depends on it. */
  replicas: u16(1, MAX_LANES),
  /** Steps of an entry (k); the last may be shorter. */
  entrySteps: u32(1),
  /** Step ranges ("slots") of a window (W). */
  entriesPerWindow: u16(1, MAX_WINDOW_ENTRIES),
  /** Windows that may be committed and not final (D). */
  depth: u8(1, 8),
  policy: POLICY,
})

/** A job in canonical form: as `createJob` or `decodeJob` return it. */
export type JobSpec = Of<typeof JOB>

/** A job as a caller states it: fields that have a default may be left out, numbers need not be binary32. */
export type JobDraft = Omit<JobSpec, 'version' | 'arithmetic' | 'recompute' | 'lanes'> &
  Partial<Pick<JobSpec, 'version' | 'arithmetic' | 'recompute' | 'lanes'>>

/** Whole job from a draft: defaults filled in, real numbers rounded to binary32, every rule checked. Throws `bad-job`. */
export function createJob(draft: JobDraft): JobSpec {
  const spec: JobSpec = {
    ...draft,
    version: draft.version ?? JOB_VERSION,
    arithmetic: draft.arithmetic ?? 'f32',
    recompute: draft.recompute ?? 'none',
    lanes: draft.lanes ?? defaultLanes(draft.microBatches),
  }
  return decodeJob(encodeJob(JOB.round?.(spec) ?? spec))
}

/** Canonical bytes of a job. Throws `bad-job` unless it is valid and canonical. */
export function encodeJob(spec: JobSpec): Uint8Array {
  const body = encode(JOB, spec, 'bad-job')
  validateJob(spec)
  return new Writer().raw(JOB_MAGIC).raw(body).finish()
}

/** The job of canonical bytes. Throws `bad-job` for anything `encodeJob` does not produce. */
export function decodeJob(bytes: Uint8Array): JobSpec {
  check(bytes.length <= MAX_JOB_BYTES, 'bad-job', `${bytes.length} bytes, at most ${MAX_JOB_BYTES}`)
  check(bytes.length >= JOB_MAGIC.length, 'bad-job', 'truncated')
  const reader = new Reader(bytes)
  const magic = reader.raw(JOB_MAGIC.length)
  check(
    magic.every((byte, i) => byte === JOB_MAGIC[i]),
    'bad-job',
    'these bytes are no job',
  )
  const spec = decode(JOB, bytes.subarray(JOB_MAGIC.length), MAX_JOB_BYTES, 'bad-job')
  validateJob(spec)
  return spec
}

/** specHash = H(canonical bytes). */
export function specHash(spec: JobSpec): Hash {
  return sha256(encodeJob(spec))
}

/** Number of records that the data's bytes hold. */
export function recordCount(data: DataSpec): number {
  const elements = Math.floor(data.size / (data.dtype === 'u8' ? 1 : 4))
  return elements < data.recordLength ? 0 : Math.floor((elements - data.recordLength) / data.stride) + 1
}

/** The rules that hold between fields. Throws `bad-job`. */
export function validateJob(spec: JobSpec): void {
  const rule = (holds: boolean, message: string): void => check(holds, 'bad-job', message)
  rule(spec.batch % spec.microBatches === 0, `batch ${spec.batch} is no multiple of ${spec.microBatches} micro-batches`)
  try {
    checkPlan(spec.microBatches, spec.lanes, spec.replicas)
  } catch (error) {
    rule(false, (error as Error).message)
  }
  const entries = spec.entriesPerWindow * spec.replicas
  rule(entries <= MAX_WINDOW_ENTRIES, `a window of ${entries} entries is above ${MAX_WINDOW_ENTRIES}`)
  const roots = spec.entrySteps * Math.max(1, sumsPerStep(spec.replicas))
  rule(
    roots <= MAX_ENTRY_ROOTS,
    `an entry of ${roots} sums and metrics is above ${MAX_ENTRY_ROOTS}: use fewer entrySteps`,
  )
  rule(
    spec.steps * spec.batch <= MAX_POSITIONS,
    `${spec.steps} steps of ${spec.batch} records are above 2^32 positions`,
  )
  validateData(spec, rule)
  validateModel(spec, rule)
}

function validateData({ data, model }: JobSpec, rule: (holds: boolean, message: string) => void): void {
  const records = recordCount(data)
  rule(data.trainRecords <= records, `the data holds ${records} records, not ${data.trainRecords}`)
  rule(data.evalFrom <= data.evalTo && data.evalTo <= records, `no records ${data.evalFrom}..${data.evalTo}`)
  rule(data.dtype === (data.format === 'csv' ? 'f32' : 'u8'), `${data.format} data is not ${data.dtype}`)
  if (data.format === 'text') {
    rule(model.type === 'gpt', `text data trains a gpt, not a ${model.type}`)
    rule(data.classes === 256, 'text data has 256 classes')
    rule(data.recordLength === data.features + 1 && data.stride === data.features, 'text records overlap by one byte')
    rule(data.height === 0 && data.width === 0, 'text records are no images')
  } else {
    rule(model.type !== 'gpt', `a gpt trains on text data, not on ${data.format}`)
    const exact = data.recordLength === data.features + 1 && data.stride === data.recordLength
    rule(exact, `a ${data.format} record is its features and its class`)
    const images = data.height * data.width === data.features || (data.height === 0 && data.width === 0)
    rule(images, `height ${data.height} times width ${data.width} is not the number of features`)
    rule(data.format === 'csv' || data.classes <= 256, 'idx data has at most 256 classes')
  }
}

/**
 * About how many nodes the graphs of a model's program have together: what building it costs. Sizes of tensors do not
 * matter, layers do.
 */
export function programNodes(model: ModelSpec): number {
  switch (model.type) {
    case 'mlp':
      return 100 + 60 * model.hidden.length
    case 'cnn':
      return 200 + 100 * model.channels.length
    case 'gpt':
      return 250 + 200 * model.layers
  }
}

function validateModel({ data, model }: JobSpec, rule: (holds: boolean, message: string) => void): void {
  const nodes = programNodes(model)
  rule(nodes <= MAX_PROGRAM_NODES, `a program of about ${nodes} nodes is above ${MAX_PROGRAM_NODES}`)
  if (model.type === 'gpt') {
    rule(model.width % model.heads === 0, `width ${model.width} is no multiple of ${model.heads} heads`)
    rule(model.context === data.features, `the context ${model.context} is not the records' ${data.features} bytes`)
  }
  if (model.type === 'cnn') {
    rule(data.height > 0, 'a cnn needs images: height and width')
    rule(model.kernel % 2 === 1, `kernel ${model.kernel} is not odd`)
  }
}
