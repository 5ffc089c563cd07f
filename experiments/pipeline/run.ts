/**
 * A GPT as one, two and four stages, each on an engine of its own: one state root for all, and bytes, balance and memory
 * against what the plan predicts. `npm run experiment -- pipeline [--model NAME] [--stages A,B] [--steps N] [--json]`.
 */
import { loadavg } from 'node:os'
import { createEngine, type EngineName } from '#engine/index.ts'
import { watched } from '#engine/watch.ts'
import { type Plan, partition } from '#graph/partition/plan.ts'
import { stageMemory } from '#graph/partition/stage.ts'
import { Dataset } from '#runtime/dataset.ts'
import { Trainer } from '#runtime/trainer.ts'
import { isModel, MODELS } from '../bench/models.ts'
import { commandLine } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { feedOf } from './feed.ts'
import { Pipeline } from './pipeline.ts'
import { rootOf, trainedRoot } from './root.ts'

const USAGE = `npm run experiment -- pipeline [--model NAME] [--stages A,B] [--steps N] [--engine NAME] [--json]

  --model NAME    ${Object.keys(MODELS).join(', ')}
  --stages A,B    how often the model is cut, and into how many stages
  --steps N       steps of training
  --engine NAME   wasm, native
  --json          prints the JSON line alone`
const values = commandLine(USAGE, {
  model: { type: 'string', default: 'gpt-0.84m' },
  stages: { type: 'string', default: '1,2,4' },
  steps: { type: 'string', default: '2' },
  engine: { type: 'string', default: 'wasm' },
  json: { type: 'boolean' },
})
if (!isModel(values.model)) throw new Error(`--model ${values.model}: choose among ${Object.keys(MODELS).join(', ')}`)
const { spec, program, data: bytes } = MODELS[values.model]('f32')
const data = new Dataset(spec.data, bytes)
const steps = Number(values.steps)
const name = values.engine as EngineName

const total = (list: readonly number[]): number => list.reduce((sum, one) => sum + one, 0)
const worst = (list: readonly number[]): number => Math.max(0, ...list.map(Math.abs))
/** Of the dearest stage, in parts of the mean. */
const balanceOf = (list: readonly number[]): number => Math.max(...list) / (total(list) / list.length)

interface Row {
  readonly root: string
  /** Of the dearest stage against the mean: building blocks of a micro-batch, and seconds in kernels. */
  readonly predictedBalance: number
  readonly measuredBalance: number
  /** That cross borders in a micro-batch, and of shared tensors in a step. */
  readonly predictedTransferBytes: number
  readonly measuredTransferBytes: number
  readonly predictedShareBytes: number
  readonly measuredShareBytes: number
  /** Peak of each stage's engine. */
  readonly predictedMemory: readonly number[]
  readonly measuredMemory: readonly number[]
}

/** Trains the job as the stages of a plan. */
async function train(plan: Plan): Promise<Row> {
  const bare = await Promise.all(plan.stages.map(() => createEngine(name)))
  const seconds = plan.stages.map(() => 0)
  const engines = bare.map((engine, i) =>
    watched(engine, (_, run) => {
      const start = performance.now()
      run()
      seconds[i] = (seconds[i] as number) + (performance.now() - start) / 1000
    }),
  )
  try {
    const pipeline = new Pipeline(engines, program, plan, feedOf(spec, program, data))
    for (let step = 0; step < steps; step++) pipeline.step(step)
    const memory = plan.stages.map((_, i) => stageMemory(program, plan, i, { ...spec, inFlight: 1 }))
    return {
      root: rootOf(program, pipeline.state()),
      predictedBalance: balanceOf(plan.stages.map(({ blocks }) => Number(blocks))),
      measuredBalance: balanceOf(seconds),
      predictedTransferBytes: total(plan.transfers.map((transfer) => transfer.bytes)),
      measuredTransferBytes: pipeline.traffic.transfers / (steps * spec.microBatches),
      predictedShareBytes: total(plan.shares.map((share) => share.bytes)),
      measuredShareBytes: pipeline.traffic.shares / steps,
      predictedMemory: memory.map((one) => one.total),
      measuredMemory: bare.map((engine) => engine.peak()),
    }
  } finally {
    await Promise.all(bare.map((engine) => engine.close()))
  }
}

/** The root and the peak memory of training the uncut program. */
async function trainWhole(): Promise<{ readonly root: string; readonly memory: number }> {
  const engine = await createEngine(name)
  try {
    const trainer = new Trainer(engine, program, spec, data)
    return { root: trainedRoot(trainer, steps), memory: engine.peak() }
  } finally {
    await engine.close()
  }
}

const whole = await trainWhole()
const rows: Record<string, Row> = {}
for (const stages of values.stages.split(',')) {
  const row = await train(partition(program, Number(stages)))
  rows[stages] = row
  if (jsonOnly()) continue
  const mebibytes = row.measuredMemory.map((size) => (size / 2 ** 20).toFixed(1)).join(', ')
  console.log(`${stages} stages: ${row.measuredTransferBytes} bytes a micro-batch, ${mebibytes} MiB, root ${row.root}`)
}

const all = Object.values(rows)
const of = (of: (row: Row) => number): number => Math.max(...all.map(of))
report({
  name: 'pipeline',
  figures: {
    stateRootsEqual: all.every(({ root }) => root === whole.root),
    transferBytesAsPredicted: all.every((row) => row.measuredTransferBytes === row.predictedTransferBytes),
    shareBytesAsPredicted: all.every((row) => row.measuredShareBytes === row.predictedShareBytes),
    worstPredictedBalance: of((row) => row.predictedBalance),
    worstMeasuredBalance: of((row) => row.measuredBalance),
    worstMemoryError: of((row) => worst(row.predictedMemory.map((size, i) => size / (row.measuredMemory[i] ?? 0) - 1))),
    wholeMemory: whole.memory,
  },
  thresholds: {
    stateRootsEqual: { equals: true },
    transferBytesAsPredicted: { equals: true },
    shareBytesAsPredicted: { equals: true },
    worstMemoryError: { max: 0.15 },
  },
  details: { model: values.model, engine: name, steps, stages: rows, loadAverage: loadavg()[0] },
})
