/**
 * The cost model against the machine: predicted and measured time and memory of a training step, for four models on every
 * engine that runs here. `npm run experiment -- cost-model [--engines A,B] [--models A,B] [--threads N] [--json]`.
 */
import { availableParallelism, loadavg } from 'node:os'
import type { LoadedJob } from '#app/job/load.ts'
import { createEngine, type EngineName } from '#engine/index.ts'
import type { Engine } from '#engine/types.ts'
import { watched } from '#engine/watch.ts'
import { programMemory } from '#graph/memory.ts'
import { isAssayError } from '#proto/errors.ts'
import { Dataset } from '#runtime/dataset.ts'
import { calibrate } from '#runtime/speed/calibrate.ts'
import { predict } from '#runtime/speed/predict.ts'
import { Trainer } from '#runtime/trainer.ts'
import { isModel, MODELS } from '../bench/models.ts'
import { commandLine } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'

/** Steps are timed for this long, but at least a few of them. */
const SECONDS = 4
const STEPS = 3

const USAGE = `npm run experiment -- cost-model [--engines A,B] [--models A,B] [--threads N] [--json]

  --engines A,B   wasm, native
  --models A,B    mlp, cnn, gpt-0.84m, gpt-10m
  --threads N     of every engine
  --json          prints the JSON line alone`
const values = commandLine(USAGE, {
  engines: { type: 'string', default: 'wasm,native' },
  models: { type: 'string', default: Object.keys(MODELS).join(',') },
  threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
  json: { type: 'boolean' },
})
const threads = Number(values.threads)
const now = (): number => performance.now() / 1000
const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN

/** An engine that notes the fastest run of each graph. */
function timed(engine: Engine): { engine: Engine; fastest: Map<string, number> } {
  const fastest = new Map<string, number>()
  const watching = watched(engine, (graph, run) => {
    const start = now()
    run()
    fastest.set(graph.name, Math.min(now() - start, fastest.get(graph.name) ?? Number.POSITIVE_INFINITY))
  })
  return { engine: watching, fastest }
}

/** Seconds of a whole step: the median, without the first, and the sum of the fastest runs of its graphs. */
function measure(bare: Engine, { spec, program, data }: LoadedJob): { median: number; fastest: number } {
  const { engine, fastest } = timed(bare)
  const trainer = new Trainer(engine, program, spec, new Dataset(spec.data, data))
  const seconds: number[] = []
  trainer.init()
  for (let step = 0, begun = now(); step <= STEPS || now() - begun < SECONDS; step++) {
    const start = now()
    trainer.sum(step, 0, 1)
    trainer.update(step)
    if (step > 0) seconds.push(now() - start)
  }
  const of = (name: string): number => fastest.get(name) ?? 0
  const { microBatches } = spec
  return {
    median: median(seconds),
    fastest: microBatches * of('micro') + (microBatches - 1) * of('combine') + of('update'),
  }
}

interface Row {
  readonly calibrationSeconds: number
  readonly predictedSeconds: number
  /** The fastest runs of a step's graphs, and the median of whole steps. */
  readonly measuredSeconds: number
  readonly medianSeconds: number
  readonly predictedBytes: number
  readonly measuredBytes: number
}

/** One model on one engine; null where this machine has no such engine. */
async function compare(name: EngineName, job: LoadedJob): Promise<Row | null> {
  const { spec, program } = job
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
    const measured = measure(engine, job)
    return {
      calibrationSeconds,
      predictedSeconds: predict(program, spec.microBatches, rates).step,
      measuredSeconds: measured.fastest,
      medianSeconds: measured.median,
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
    const [predicted, fastest, middle] = [row.predictedSeconds, row.measuredSeconds, row.medianSeconds].map((s) =>
      s.toFixed(4),
    )
    const seconds = `${predicted} s predicted, ${fastest} s measured (median ${middle} s)`
    if (!jsonOnly()) console.log(`${engine} ${model}: ${seconds}`)
  }
}

const all = Object.values(rows)
const worst = (error: (row: Row) => number): number => Math.max(...all.map((row) => Math.abs(error(row))))
report({
  name: 'cost-model',
  figures: {
    worstTimeError: worst((row) => row.predictedSeconds / row.measuredSeconds - 1),
    worstMedianError: worst((row) => row.predictedSeconds / row.medianSeconds - 1),
    worstMemoryError: worst((row) => row.predictedBytes / row.measuredBytes - 1),
    calibrationSeconds: Math.max(...all.map((row) => row.calibrationSeconds)),
    threads,
  },
  thresholds: { worstTimeError: { max: 0.25 }, worstMemoryError: { max: 0.1 } },
  details: { models: rows, loadAverage: loadavg()[0] },
})
