/** `assay doctor --engine`: which engines are exact on this machine, why others are not there, and how fast each one is. */
import { type Check, failed, ok, warn } from '#app/doctor/check.ts'
import { textIntake } from '#app/job/data/text.ts'
import { assemble, type LoadedJob } from '#app/job/load.ts'
import { parseJobFile } from '#app/job/parse.ts'
import { byteCount, duration, figure, plural } from '#app/terminal/format.ts'
import { conform } from '#engine/conformance/conform.ts'
import { createEngine, ENGINES, type EngineName } from '#engine/index.ts'
import type { Engine } from '#engine/types.ts'
import { isAssayError } from '#proto/errors.ts'
import { Dataset } from '#runtime/dataset.ts'
import { calibrate } from '#runtime/speed/calibrate.ts'
import { predict } from '#runtime/speed/predict.ts'
import type { Rates } from '#runtime/speed/rates.ts'
import { Trainer } from '#runtime/trainer.ts'

/** A byte-level transformer of 0.84 million parameters: the one that `bench:step` measures. */
const GPT = `
model: {type: gpt, width: 128, layers: 4, heads: 4, context: 128}
data: {format: text, path: none}
eval: {records: [0, 0]}
steps: 1000
batch: 8
optimizer: {type: adamw, learningRate: 0.001}
`
const TEXT = 'The quick brown fox jumps over the lazy dog. '.repeat(96)
/** The fastest of so many steps counts; the one before them does not. */
const STEPS = 4

/** Measured on this machine, with the engine's threads. */
export interface Speed {
  /** The fastest contraction of 32-bit floats: 10^9 multiplications and additions a second. */
  readonly contractionGflops: number
  /** Building blocks of maps, and words summed, 10^9 a second. */
  readonly mapGblocks: number
  readonly reduceGwords: number
  /** One training step of a GPT of 0.84 million parameters on 8 x 128 bytes. */
  readonly gptStepSeconds: number
  /** The same as the cost model predicts it from the other figures. */
  readonly gptStepPredictedSeconds: number
  /** Most memory that this training took. */
  readonly gptPeakBytes: number
}

export interface EngineReport {
  readonly name: EngineName
  /** Code that was chosen for this machine, where an engine has several; null where it cannot run. */
  readonly variant: string | null
  readonly threads: number
  readonly available: boolean
  readonly exact: boolean
  /** Conformance vectors computed, and the names of those that came out differently. */
  readonly vectors: number
  readonly failures: readonly string[]
  /** Null where the engine is not exact, and of the reference, which is a definition. */
  readonly speed: Speed | null
}

export interface Examined {
  readonly check: Check
  readonly engine: EngineReport
}

export interface EngineOptions {
  readonly threads: number
  /** All conformance vectors instead of the few that every start runs. */
  readonly full: boolean
}

/** Examines the engines one after the other. */
export async function* examineEngines(options: EngineOptions): AsyncGenerator<Examined> {
  const job = assemble(parseJobFile(GPT), textIntake(new TextEncoder().encode(TEXT), 128))
  for (const name of ENGINES) yield await examineEngine(name, job, options)
}

async function examineEngine(name: EngineName, job: LoadedJob, { threads, full }: EngineOptions): Promise<Examined> {
  const none = { name, variant: null, threads, available: false, exact: false, vectors: 0, failures: [], speed: null }
  try {
    const engine = await createEngine(name, { threads })
    try {
      return await examine(engine, name, job, full)
    } finally {
      await engine.close()
    }
  } catch (error) {
    const { message } = error as Error
    const next = (isAssayError(error) && error.next) || 'Update Node; if it stays, please report it.'
    // Training works without an accelerator.
    const missing = name !== 'wasm' && (isAssayError(error, 'no-engine') || isAssayError(error, 'unsupported'))
    return { check: (missing ? warn : failed)(name, `not available: ${message}`, next), engine: none }
  }
}

async function examine(engine: Engine, name: EngineName, job: LoadedJob, full: boolean): Promise<Examined> {
  const started = performance.now()
  const { vectors, failures } = conform(engine, { quick: !full })
  const variant = 'variant' in engine ? String(engine.variant) : null
  const report = { name, variant, threads: engine.threads, available: true, vectors, failures }
  if (failures.length > 0) {
    const detail = `not exact: ${failures.length} of ${plural(vectors, 'conformance vector')} differ, first ${failures[0]}`
    const next = 'Do not train with this engine; please report it.'
    return { check: failed(name, detail, next), engine: { ...report, exact: false, speed: null } }
  }
  const exact = `exact on ${plural(vectors, 'conformance vector')} in ${duration(performance.now() - started)}`
  const speed = name === 'reference' ? null : speedOf(engine, await ratesOf(name, engine.threads), job)
  const kind = variant === null ? '' : `${variant}, ${plural(engine.threads, 'thread')}: `
  const detail = speed ? `${kind}${exact}` : `${exact}; the definition, not made for speed`
  return { check: ok(name, detail), engine: { ...report, exact: true, speed } }
}

/** Speed in lines for people. */
export function describeSpeed(speed: Speed): string[] {
  const step = `${duration(1000 * speed.gptStepSeconds)}, predicted ${duration(1000 * speed.gptStepPredictedSeconds)}`
  return [
    `contractions of f32 ${figure(speed.contractionGflops, 3)} GFLOP/s`,
    `maps ${figure(speed.mapGblocks, 3)} G blocks/s, sums ${figure(speed.reduceGwords, 3)} G words/s`,
    `a step of a GPT of 0.84 million parameters ${step}, in ${byteCount(speed.gptPeakBytes)}`,
  ]
}

/** Calibration on an engine of its own, whose memory is not that of training. */
async function ratesOf(name: EngineName, threads: number): Promise<Rates> {
  const engine = await createEngine(name, { threads })
  try {
    return calibrate(engine)
  } finally {
    await engine.close()
  }
}

function speedOf(engine: Engine, rates: Rates, { spec, program, data }: LoadedJob): Speed {
  const trainer = new Trainer(engine, program, spec, new Dataset(spec.data, data))
  trainer.init()
  let best = Number.POSITIVE_INFINITY
  for (let step = 0; step <= STEPS; step++) {
    const start = performance.now()
    trainer.sum(step, 0, 1)
    trainer.update(step)
    if (step > 0) best = Math.min(best, (performance.now() - start) / 1000)
  }
  return {
    contractionGflops: Math.max(...rates.contraction.flat(2)) / 1e9,
    mapGblocks: 1e-9 / rates.block,
    reduceGwords: 1e-9 / (rates.element['reduce-rows'] ?? Number.NaN),
    gptStepSeconds: best,
    gptStepPredictedSeconds: predict(program, spec.microBatches, rates).step,
    gptPeakBytes: engine.peak(),
  }
}
