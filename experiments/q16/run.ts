/**
 * Experiment: the same small models, trained in every arithmetic. README.md says what is claimed and measured.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { interruptible } from '#app/interrupt.ts'
import { loadJob } from '#app/job/load.ts'
import { train } from '#app/train.ts'
import { createExactEngine, ENGINE_CHOICES } from '#engine/conformance/exact.ts'
import type { Engine } from '#engine/types.ts'
import { Dataset } from '#runtime/dataset.ts'
import { evaluate } from '#runtime/evaluate.ts'
import { commandLine } from '../lib/command.ts'
import { type Figure, jsonOnly, report, type Threshold } from '../lib/figures.ts'
import { programInBf16 } from './bf16.ts'
import { type Case, casesIn } from './cases.ts'

/**
 * What is compared with f32. `reordered` is f32 as well, with gradients summed in twice as many parts: how far trainings
 * drift apart by rounding alone.
 */
const VARIANTS = {
  f32: { arithmetic: 'f32', microBatches: 4 },
  reordered: { arithmetic: 'f32', microBatches: 8 },
  q24: { arithmetic: 'q24', microBatches: 4 },
  q16: { arithmetic: 'q16', microBatches: 4 },
  bf16: { arithmetic: 'f32', microBatches: 4 },
} as const
type Variant = keyof typeof VARIANTS

interface Outcome {
  readonly losses: readonly number[]
  /** Mean of the last tenth of the losses. */
  readonly finalLoss: number
  readonly evalLoss: number
  readonly evalAccuracy: number | undefined
  readonly secondsPerStep: number
}

const USAGE = `npm run experiment -- q16 [--data FOLDER] [--cases A,B] [--steps N] [--engine auto] [--json]

  --data FOLDER   with MNIST's test set and Tiny Shakespeare; cases without their data are skipped
  --cases A,B     which to run
  --steps N       of each training
  --engine NAME   auto, native, wasm or reference
  --json          prints the JSON line alone`
const values = commandLine(USAGE, {
  data: { type: 'string' },
  json: { type: 'boolean' },
  cases: { type: 'string' },
  steps: { type: 'string' },
  engine: { type: 'string', default: 'auto' },
})

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length

async function runOne(
  engine: Engine,
  folder: string,
  given: Case,
  variant: Variant,
  signal: AbortSignal,
): Promise<Outcome> {
  const file = join(folder, `${given.name}.json`)
  const steps = Number(values.steps ?? given.job.steps)
  await writeFile(file, JSON.stringify({ ...given.job, ...VARIANTS[variant], steps, seed: 1 }))
  const { spec, program: own, data: bytes } = await loadJob(file, { signal })
  const program = variant === 'bf16' ? programInBf16(own) : own
  const data = new Dataset(spec.data, bytes)
  const losses: number[] = []
  const started = performance.now()
  const state = await train({
    engine,
    program,
    spec,
    data,
    replicas: 1,
    signal,
    onStep: (_, loss) => void losses.push(loss),
  })
  const seconds = (performance.now() - started) / 1000
  const metrics = evaluate(engine, program, data, state, [spec.data.evalFrom, spec.data.evalTo])
  if (metrics === null) throw new Error(`${given.name} holds no records out`)
  return {
    losses,
    finalLoss: mean(losses.slice(-Math.ceil(losses.length / 10))),
    evalLoss: metrics.loss,
    evalAccuracy: metrics.accuracy,
    secondsPerStep: seconds / losses.length,
  }
}

/** Claims about differences from f32, of the held-out loss in nats. */
const CLAIMS: Readonly<Record<string, Threshold>> = {
  'gpt.q16.evalLossMinusF32': { max: 0.02 },
  'gpt.q24.evalLossMinusF32': { max: 0.02 },
  'mlp.q16.evalAccuracyMinusF32': { min: -0.01 },
  'mlp.q24.evalAccuracyMinusF32': { min: -0.01 },
  'cnn.q16.evalAccuracyMinusF32': { min: -0.01 },
  'cnn.q24.evalAccuracyMinusF32': { min: -0.01 },
  'outliers.q24.evalAccuracyMinusF32': { min: -0.02 },
  // The weakness that q24 is for.
  'outliers.q16.evalLossMinusF32': { min: 0.05 },
}

/** Steps at which the distance of the losses is told; chance takes over later. */
const EARLY = 10

async function run(folder: string, signal: AbortSignal): Promise<void> {
  const source = values.data ?? process.env.ASSAY_DATA
  const choice = ENGINE_CHOICES.find((name) => name === values.engine)
  if (choice === undefined) throw new Error(`--engine is one of ${ENGINE_CHOICES.join(', ')}`)
  const wanted = values.cases?.split(',')
  const all = await casesIn(folder, source && resolve(source))
  const cases = all.filter(({ name }) => wanted === undefined || wanted.includes(name))
  const engine = await createExactEngine(choice)
  const figures: Record<string, Figure> = {}
  const curves: Record<string, readonly number[]> = {}
  try {
    for (const given of cases) {
      if (!jsonOnly()) console.log(`${given.name}: ${given.data}`)
      let base: Outcome | undefined
      for (const variant of Object.keys(VARIANTS) as Variant[]) {
        const outcome = await runOne(engine, folder, given, variant, signal)
        base ??= outcome
        const key = `${given.name}.${variant}`
        figures[`${key}.finalLoss`] = outcome.finalLoss
        figures[`${key}.evalLoss`] = outcome.evalLoss
        if (outcome.evalAccuracy !== undefined) figures[`${key}.evalAccuracy`] = outcome.evalAccuracy
        if (variant !== 'f32') {
          const { losses } = base
          const distance = outcome.losses.slice(0, EARLY).map((loss, i) => Math.abs(loss - losses[i]!))
          figures[`${key}.earlyLossDistance`] = Math.max(...distance)
          figures[`${key}.evalLossMinusF32`] = outcome.evalLoss - base.evalLoss
          if (outcome.evalAccuracy !== undefined && base.evalAccuracy !== undefined) {
            figures[`${key}.evalAccuracyMinusF32`] = outcome.evalAccuracy - base.evalAccuracy
          }
        }
        curves[key] = outcome.losses.filter((_, i) => i % 10 === 9).map((loss) => Number(loss.toPrecision(6)))
        if (!jsonOnly())
          console.log(
            `  ${variant}: held-out loss ${outcome.evalLoss.toFixed(5)}, ${outcome.secondsPerStep.toFixed(3)} s a step`,
          )
      }
    }
  } finally {
    await engine.close()
  }
  const thresholds = Object.fromEntries(Object.entries(CLAIMS).filter(([key]) => key in figures))
  const data = Object.fromEntries(cases.map(({ name, data }) => [name, data]))
  report({ name: 'q16', figures, thresholds, details: { engine: engine.name, data, lossEveryTenSteps: curves } })
}

const folder = await mkdtemp(join(tmpdir(), 'assay-q16-'))
try {
  await interruptible((signal) => run(folder, signal))
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}
