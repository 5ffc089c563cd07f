/** `assay run FILE`: trains a job on this machine, without a network. Its state root is the one the network reaches. */
import { availableParallelism } from 'node:os'
import { type Command, Option } from 'commander'
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from '#app/checkpoint.ts'
import { whole } from '#app/client/options.ts'
import { interruptible } from '#app/interrupt.ts'
import { type LoadedJob, loadJob } from '#app/job/load.ts'
import { describeJob, describeResult } from '#app/report.ts'
import { createProgress } from '#app/terminal/progress.ts'
import { type Terminal, terminalOf } from '#app/terminal/terminal.ts'
import { train } from '#app/train.ts'
import { exportWeights } from '#app/weights/export.ts'
import { sampleText } from '#app/weights/generate.ts'
import { createExactEngine, ENGINE_CHOICES, type ExactEngineName } from '#engine/conformance/exact.ts'
import type { Engine } from '#engine/types.ts'
import { toHex } from '#proto/bytes.ts'
import { isAssayError } from '#proto/errors.ts'
import { Dataset } from '#runtime/dataset.ts'
import { evaluate, type Metrics } from '#runtime/evaluate.ts'
import { listRoot } from '#runtime/tensors.ts'

interface Options {
  readonly replicas: number
  readonly engine: ExactEngineName
  readonly threads: number
  readonly out?: string
  readonly data?: string
  readonly checkpoint?: string
  readonly json?: boolean
}

/** What `--json` prints as the last line. */
export interface RunResult {
  /** Spec hash: a bare run has no job id. */
  readonly job: string
  readonly steps: number
  readonly firstLoss: number
  readonly finalLoss: number
  readonly stateRoot: string
  /** Means over the held-out records; null where the job has none. */
  readonly metrics: Metrics | null
  readonly losses: readonly number[]
  readonly replicas: number
  readonly engine: string
  readonly threads: number
  /** Of training alone. */
  readonly seconds: number
  readonly stepsPerSecond: number
  /** Steps that an earlier run had done. */
  readonly resumedFrom: number
  /** Folder of the weights, where one was asked for. */
  readonly weights: string | null
  /** Text that a language model generated. */
  readonly text: string | null
}

const MAX_THREADS = 256
/** More threads than this rarely pay before somebody asks for them. */
const DEFAULT_THREADS = 4
/** Milliseconds between two checkpoints. */
const CHECKPOINT_INTERVAL = 30_000

export function define(command: Command): void {
  command
    .argument('<file>', 'job file, YAML or JSON (docs/job-file.md)')
    .option('--replicas <n>', 'replicas in this process, a power of two; never changes the result', whole(1, 256), 1)
    .addOption(new Option('--engine <name>', 'engine that computes').choices(ENGINE_CHOICES).default('auto'))
    .option(
      '--threads <n>',
      'threads of the engine; never changes the result',
      whole(1, MAX_THREADS),
      Math.min(availableParallelism(), DEFAULT_THREADS),
    )
    .option('-o, --out <dir>', 'folder for the weights (safetensors and config.json)')
    .option('--data <path>', 'data file to use instead of the one that the job names')
    .option('--checkpoint <dir>', 'keep a checkpoint here and go on from it if there is one')
    .option('--json', 'print one JSON object as the last line of the output; everything else goes to stderr')
    .action(async (file: string, options: Options) => {
      const terminal = terminalOf(options.json ? process.stderr : process.stdout)
      const result = await interruptible((signal) => run(file, options, terminal, signal))
      if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    })
}

async function run(file: string, options: Options, terminal: Terminal, signal: AbortSignal): Promise<RunResult> {
  const job = await loadJob(file, { dataPath: options.data, signal })
  for (const line of describeJob(job, terminal)) terminal.write(`${line}\n`)
  const engine = await createExactEngine(options.engine, { threads: options.threads })
  try {
    return await runOn(engine, job, options, terminal, signal)
  } finally {
    await engine.close()
  }
}

async function runOn(
  engine: Engine,
  job: LoadedJob,
  options: Options,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<RunResult> {
  const { spec, program } = job
  const data = new Dataset(spec.data, job.data)
  const before = options.checkpoint ? await loadCheckpoint(options.checkpoint, job.specHash, program.state) : null
  if (before) terminal.write(`going on after step ${before.step} of ${spec.steps}\n`)
  const started = performance.now()
  const { state, losses } = await trained(engine, job, data, options, terminal, signal, before)
  const seconds = (performance.now() - started) / 1000
  const metrics = evaluate(engine, program, data, state, [spec.data.evalFrom, spec.data.evalTo])
  const text = sampleText({ engine, program, spec, state, data: job.data })
  if (options.out) await exportWeights(options.out, { spec, program, state, metrics, provenance: { kind: 'run' } })
  const result: RunResult = {
    job: toHex(job.specHash),
    steps: spec.steps,
    firstLoss: losses[0] ?? Number.NaN,
    finalLoss: losses.at(-1) ?? Number.NaN,
    stateRoot: toHex(listRoot(program.state, state)),
    metrics,
    losses,
    replicas: options.replicas,
    engine: engine.name,
    threads: engine.threads,
    seconds,
    stepsPerSecond: (spec.steps - (before?.step ?? 0)) / seconds,
    resumedFrom: before?.step ?? 0,
    weights: options.out ?? null,
    text,
  }
  for (const line of describeResult(result, terminal)) terminal.write(`${line}\n`)
  return result
}

/** Trains with progress and checkpoints. On Ctrl-C the last whole step is kept, if a checkpoint is wanted. */
async function trained(
  engine: Engine,
  { spec, program, specHash }: LoadedJob,
  data: Dataset,
  { replicas, checkpoint }: Options,
  terminal: Terminal,
  signal: AbortSignal,
  before: Checkpoint | null,
): Promise<{ state: Uint8Array; losses: readonly number[] }> {
  const from = before?.step ?? 0
  const losses = [...(before?.losses ?? [])]
  const progress = createProgress(terminal, { label: 'training', total: spec.steps, from })
  let latest: (() => Uint8Array) | undefined
  let savedAt = performance.now()
  const save = async (): Promise<void> => {
    if (!checkpoint || !latest) return
    await saveCheckpoint(checkpoint, specHash, program.state, { step: losses.length, state: latest(), losses })
    savedAt = performance.now()
  }
  try {
    const state = await train({
      engine,
      program,
      spec,
      data,
      replicas,
      signal,
      ...(before ? { from: before } : {}),
      onStep: async (step, loss, stateAfter) => {
        losses.push(loss)
        latest = stateAfter
        progress.update(step + 1, { loss })
        if (performance.now() - savedAt >= CHECKPOINT_INTERVAL) await save()
      },
    })
    await save()
    return { state, losses }
  } catch (error) {
    if (isAssayError(error, 'cancelled')) await save()
    throw error
  } finally {
    progress.stop()
  }
}
