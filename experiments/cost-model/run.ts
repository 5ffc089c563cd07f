/**
 * The cost model against the machine: predicted and measured time and memory of a training step, for four models on every
 * engine that runs here. `npm run experiment -- cost-model [--engines A,B] [--models A,B] [--threads N] [--json]`.
 */
import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import type { LoadedJob } from '#app/job/load.ts'
import { createEngine, type EngineName } from '#engine/index.ts'
import { programMemory } from '#graph/memory.ts'
import { isAssayError } from '#proto/errors.ts'
import { Dataset } from '#runtime/dataset.ts'
import { calibrate } from '#runtime/speed/calibrate.ts'
import { predict } from '#runtime/speed/predict.ts'
import { Trainer } from '#runtime/trainer.ts'
import { isModel, MODELS } from '../bench/models.ts'
import { jsonOnly, report } from '../lib/figures.ts'

/** Steps are timed for this long, but at least a few of them. */
const SECONDS = 4
const STEPS = 3

const { values } = parseArgs({
  options: {
    engines: { type: 'string', default: 'wasm,native' },
    models: { type: 'string', default: Object.keys(MODELS).join(',') },
    threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    json: { type: 'boolean' },
  },
})
const threads = Number(values.threads)
const now = (): number => performance.now() / 1000
const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN

/** Median seconds of a whole step; the first one is left out. */
function stepSeconds(trainer: Trainer): number {
  const seconds: number[] = []
  trainer.init()
  for (let step = 0, begun = now(); step <= STEPS || now() - begun < SECONDS; step++) {
    const start = now()
    trainer.sum(step, 0, 1)
    trainer.update(step)
    if (step > 0) seconds.push(now() - start)
  }
  return median(seconds)
}

interface Row {
  readonly calibrationSeconds: number
  readonly predictedSeconds: number
  readonly measuredSeconds: number
  readonly predictedBytes: number
  readonly measuredBytes: number
}

/** One model on one engine; null where this machine has no such engine. */
async function compare(name: EngineName, { spec, program, data }: LoadedJob): Promise<Row | null> {
  const make = () =>
    createEngine(name, { threads }).catch((error: unknown) => {
      if (isAssayError(error, 'no-engine') || isAssayError(error, 'unsupported')) return null
      throw error
    })
  const gauge = await make()
  const engine = await make()
  if (!gauge || !engine) return null
  try {
    const start = now()
    const rates = calibrate(gauge)
    const calibrationSeconds = now() - start
    const measuredSeconds = stepSeconds(new Trainer(engine, program, spec, new Dataset(spec.data, data)))
    return {
      calibrationSeconds,
      predictedSeconds: predict(program, spec.microBatches, rates).step,
      measuredSeconds,
      predictedBytes: programMemory(program, { ...spec, threads }).total,
      measuredBytes: engine.peak(),
    }
  } finally {
    await Promise.all([gauge.close(), engine.close()])
  }
}

const rows: Record<string, Row> = {}
for (const model of values.models.split(',')) {
  if (!isModel(model)) throw new Error(`--models ${model}: choose among ${Object.keys(MODELS).join(', ')}`)
  for (const engine of values.engines.split(',')) {
    const row = await compare(engine as EngineName, MODELS[model]('f32'))
    if (!row) {
      if (!jsonOnly()) console.log(`${engine}: not available here`)
      continue
    }
    rows[`${engine} ${model}`] = row
    const seconds = `${row.predictedSeconds.toFixed(4)} s predicted, ${row.measuredSeconds.toFixed(4)} s measured`
    if (!jsonOnly()) console.log(`${engine} ${model}: ${seconds}`)
  }
}

const all = Object.values(rows)
const worst = (error: (row: Row) => number): number => Math.max(...all.map((row) => Math.abs(error(row))))
report({
  name: 'cost-model',
  figures: {
    worstTimeError: worst((row) => row.predictedSeconds / row.measuredSeconds - 1),
    worstMemoryError: worst((row) => row.predictedBytes / row.measuredBytes - 1),
    calibrationSeconds: Math.max(...all.map((row) => row.calibrationSeconds)),
    threads,
  },
  thresholds: { worstTimeError: { max: 0.25 }, worstMemoryError: { max: 0.1 } },
  details: { models: rows, loadAverage: loadavg()[0] },
})
