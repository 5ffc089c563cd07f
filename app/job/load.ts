/** A job file and its data become a job: canonical spec, program and data set. */
import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { csvIntake } from '#app/job/data/csv.ts'
import { idxIntake } from '#app/job/data/idx.ts'
import type { Intake } from '#app/job/data/intake.ts'
import { readSource, type SourceOptions, unpacked } from '#app/job/data/source.ts'
import { textIntake } from '#app/job/data/text.ts'
import { MAX_JOB_FILE_BYTES, parseJobFile } from '#app/job/parse.ts'
import { planDefaults } from '#app/job/plan.ts'
import type { JobFile } from '#app/job/schema.ts'
import { programRoot } from '#graph/encode.ts'
import { buildProgram } from '#graph/program.ts'
import type { Program } from '#graph/types.ts'
import { sampleRate } from '#proto/draw.ts'
import { AssayError, fail } from '#proto/errors.ts'
import { type Hash, ZERO_HASH } from '#proto/ids.ts'
import { createJob, type DataSpec, type JobSpec, recordCount, specHash } from '#proto/job.ts'
import { bytesRoot } from '#proto/merkle.ts'

export interface LoadedJob {
  readonly file: JobFile
  readonly spec: JobSpec
  readonly specHash: Hash
  readonly program: Program
  /** The canonical bytes of the data set: what `spec.data.root` names. */
  readonly data: Uint8Array
  /** Most that the job may cost, in wei; undefined where the file does not say. */
  readonly budget: bigint | undefined
}

export interface LoadOptions {
  /** Takes the place of the file's `data.path` or `data.url` (and of its sha256); relative to the working directory. */
  readonly dataPath?: string | undefined
  readonly signal?: AbortSignal
}

/**
 * Loads a job file (YAML or JSON) with its data.
 * @throws AssayError `bad-job`, `bad-data`, `not-found`, `over-limit`, `network`, `timeout`, `cancelled`
 */
export async function loadJob(path: string, options: LoadOptions = {}): Promise<LoadedJob> {
  const file = parseJobFile(await readJobFile(path))
  const base = dirname(resolve(path))
  return assemble(file, await intake(file, base, options))
}

/** A job from a checked file and its data set. Throws `bad-job` where they do not fit together. */
export function assemble(file: JobFile, { bytes, layout }: Intake): LoadedJob {
  const data: DataSpec = { ...layout, root: bytesRoot(bytes), ...splitRecords(file, recordCount(layout as DataSpec)) }
  const { lanes, ...plan } = planDefaults(file)
  // The program is built from the spec with its numbers rounded to binary32, so that everyone builds the same.
  const draft = createJob({
    model: file.model,
    data,
    programRoot: ZERO_HASH,
    steps: file.steps,
    batch: file.batch,
    microBatches: file.microBatches,
    ...(lanes === undefined ? {} : { lanes }),
    optimizer: file.optimizer,
    arithmetic: file.arithmetic,
    recompute: file.recompute,
    seed: BigInt(file.seed),
    ...plan,
    policy: { sampleRate: sampleRate(file.policy.sampleRate) },
  })
  const program = buildProgram(draft)
  const spec = createJob({ ...draft, programRoot: programRoot(program) })
  return {
    file,
    spec,
    specHash: specHash(spec),
    program,
    data: bytes,
    budget: file.budget === undefined ? undefined : wei(file.budget),
  }
}

async function readJobFile(path: string): Promise<string> {
  const next = 'Give the path of a job file: examples/ has some, docs/job-file.md explains them.'
  try {
    const { size } = await stat(path)
    if (size > MAX_JOB_FILE_BYTES) fail('over-limit', `${path} is larger than ${MAX_JOB_FILE_BYTES} bytes`, { next })
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path))
  } catch (cause) {
    if (cause instanceof AssayError) throw cause
    if (cause instanceof TypeError) fail('bad-job', `${path} is not UTF-8 text`, { next, cause })
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') fail('not-found', `there is no job file ${path}`, { next })
    return fail('storage', `${path} cannot be read: ${(cause as Error).message}`, { next, cause })
  }
}

async function intake({ data, model }: JobFile, base: string, options: LoadOptions): Promise<Intake> {
  const limits: SourceOptions = { base, ...(options.signal ? { signal: options.signal } : {}) }
  const bytes = await (options.dataPath === undefined
    ? readSource(data, limits)
    : readSource({ path: resolve(options.dataPath) }, limits))
  switch (data.format) {
    case 'text':
      return textIntake(bytes, model.type === 'gpt' ? model.context : 1)
    case 'csv':
      return csvIntake(await unpacked('the csv file', bytes), data)
    case 'idx': {
      const remote = /^https?:/.test(data.labels)
      const source = { [remote ? 'url' : 'path']: data.labels, sha256: data.labelsSha256 }
      const labels = await unpacked('idx labels', await readSource(source, limits))
      return idxIntake(await unpacked('idx images', bytes), labels, data.classes)
    }
  }
}

/** Most records that evaluation holds out by default. */
const MAX_HELD_OUT = 1000

/** Which records are trained on and which are evaluated on. */
function splitRecords(file: JobFile, records: number): Pick<DataSpec, 'trainRecords' | 'evalFrom' | 'evalTo'> {
  const held = file.eval?.records ?? heldOut(records, file.data.train?.[1])
  const [evalFrom, evalTo] = held
  const trainRecords = file.data.train?.[1] ?? (evalFrom < evalTo ? evalFrom : records)
  const next = `The data set holds records 0 to ${records - 1}.`
  if (trainRecords > records) fail('bad-job', `data.train: ends at ${trainRecords}, behind the data`, { next })
  if (evalTo > records) fail('bad-job', `eval.records: ends at ${evalTo}, behind the data`, { next })
  if (trainRecords < 1) {
    fail('bad-job', 'eval.records: starts at 0, so nothing is left to train on', { next: 'State data.train as well.' })
  }
  return { trainRecords, evalFrom, evalTo }
}

/** The last tenth, at most 1000 records; what the job trains on is never held out. */
function heldOut(records: number, trainEnd: number | undefined): [number, number] {
  const size = Math.min(MAX_HELD_OUT, Math.floor(records / 10), records - (trainEnd ?? 0))
  return size < 1 ? [0, 0] : [records - size, records]
}

const DECIMALS = 18

/** Wei of an amount in ether, exactly; a number means the decimal that it prints as. What is below one wei is dropped. */
export function wei(ether: number | string): bigint {
  const [mantissa = '', exponent = '0'] = typeof ether === 'number' ? ether.toExponential().split('e') : [ether]
  const [whole = '', fraction = ''] = mantissa.split('.')
  const shift = DECIMALS + Number(exponent) - fraction.length
  const digits = BigInt(whole + fraction)
  return shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift)
}
