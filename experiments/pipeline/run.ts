/**
 * A GPT on grids of stages and replicas, each cell on a thread and an engine of its own: one state root for all, also when
 * the plan changes in mid-run, and bytes, memory and waiting against what the plan predicts.
 * `npm run experiment -- pipeline [--model NAME] [--grids 2x1,..] [--steps N] [--memory-limit MIB] [--json]`.
 */
import { loadavg } from 'node:os'
import { createExactEngine, ENGINE_CHOICES, type ExactEngineName } from '#engine/conformance/exact.ts'
import { programMemory } from '#graph/memory.ts'
import { type Plan, partition } from '#graph/partition/plan.ts'
import { stageMemory } from '#graph/partition/stage.ts'
import { toHex } from '#proto/bytes.ts'
import { isAssayError } from '#proto/errors.ts'
import { inFlightOf, type Pass } from '#proto/machines/stage.ts'
import { Dataset } from '#runtime/dataset.ts'
import type { HashingMethods } from '#runtime/hashing/worker.ts'
import { bordersOf } from '#runtime/pipeline/bundles.ts'
import { Calls } from '#runtime/rpc.ts'
import { listRoot } from '#runtime/tensors.ts'
import { Trainer } from '#runtime/trainer.ts'
import { isModel, MODELS } from '../bench/models.ts'
import { commandLine } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { bubbleOf, type PassTimes } from './bubble.ts'
import { Grid, type GridPlan, type State } from './grid.ts'

const USAGE = `npm run experiment -- pipeline [--model NAME] [--grids 2x1,4x1] [--steps N] [--memory-limit MIB] [--engine NAME] [--json]

  --model NAME        ${Object.keys(MODELS).join(', ')}
  --grids SxR,..      stages x replicas
  --steps N           steps of training, at least 3
  --memory-limit MIB  what a cell may hold; default: half of what the uncut program takes
  --eager N           forward passes in advance, for each stage behind
  --engine NAME       ${ENGINE_CHOICES.join(', ')}
  --json              prints the JSON line alone`
const values = commandLine(USAGE, {
  model: { type: 'string', default: 'gpt-0.84m' },
  grids: { type: 'string', default: '1x1,2x1,4x1,1x2,2x2,4x2' },
  steps: { type: 'string', default: '3' },
  'memory-limit': { type: 'string' },
  eager: { type: 'string', default: '0' },
  engine: { type: 'string', default: 'auto' },
  json: { type: 'boolean' },
})
if (!isModel(values.model)) throw new Error(`--model ${values.model}: choose among ${Object.keys(MODELS).join(', ')}`)
const { spec, program, data } = MODELS[values.model]('f32')
const steps = Number(values.steps)
const eager = Number(values.eager)
const engine = values.engine as ExactEngineName
/** Stages of the plan that the memory limit is about. */
const WITHIN_LIMIT: GridPlan = { stages: 4, replicas: 1 }
/** Plans that follow each other in one run. */
const CHANGES: readonly GridPlan[] = [WITHIN_LIMIT, { stages: 2, replicas: 1 }, { stages: 1, replicas: 2 }]

const say = (line: string): void => {
  if (!jsonOnly()) console.log(line)
}
const total = (list: readonly number[]): number => list.reduce((sum, one) => sum + one, 0)
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0
const mebibytes = (sizes: readonly number[]): string => sizes.map((size) => (size / 2 ** 20).toFixed(1)).join(', ')
const hashing = new Calls<HashingMethods>(new URL('../../runtime/hashing/worker.ts', import.meta.url))
const job = { spec, data, engine }

/** The state root of tensors. Hexadecimal. */
function rootOf(state: State): string {
  const bytes = program.state.map((_, i) => state.get(i) ?? new Uint8Array(0))
  return toHex(listRoot(program.state, Buffer.concat(bytes)))
}

/** The root and the peak memory of training the uncut program in one thread. */
async function trainWhole(): Promise<{ readonly root: string; readonly memory: number }> {
  const own = await createExactEngine(engine)
  try {
    const trainer = new Trainer(own, program, spec, new Dataset(spec.data, data))
    trainer.init()
    for (let step = 0; step < steps; step++) {
      trainer.sum(step, 0, 1)
      trainer.update(step)
    }
    const state = new Uint8Array(trainer.stateBytes)
    trainer.readState(state)
    return { root: toHex(listRoot(program.state, state)), memory: own.peak() }
  } finally {
    await own.close()
  }
}

/** Predicted peak of each stage: with 1F1B, in a replica of so many. */
function predictedMemory(plan: Plan, { stages, replicas }: GridPlan): number[] {
  const count = spec.microBatches / replicas
  return plan.stages.map((_, stage) => {
    const inFlight = inFlightOf({ stage, stages, eager }, count)
    return stageMemory(program, plan, stage, { microBatches: count, lanes: spec.lanes / replicas, inFlight }).total
  })
}

interface Row {
  readonly roots: readonly string[]
  /** Bytes of a step: that cross in micro-batches, that are shared, that replicas exchange. */
  readonly transferBytes: number
  readonly shareBytes: number
  readonly bytesAsPredicted: boolean
  /** Peak of each cell's engine, by replica and then stage, and what is predicted of each stage. */
  readonly memory: readonly number[]
  readonly predictedMemory: readonly number[]
  readonly memoryError: number
  /** Share of the stages' time that they wait, with a processor for each, and by the formula. */
  readonly bubble: number
  readonly bubbleFormula: number
}

async function trainGrid(grid: GridPlan): Promise<Row> {
  const { stages, replicas } = grid
  const plan = partition(program, stages)
  const cells = await Grid.open(job, { ...grid, eager }, hashing)
  const times = plan.stages.map((): Record<Pass, number[]> => ({ forward: [], backward: [] }))
  try {
    await cells.train(0, steps, ({ stage }) => ({
      onPass: (_, { pass }, microseconds) => void times[stage]?.[pass].push(microseconds / 1e6),
    }))
    const roots = await Promise.all(Array.from({ length: replicas }, async (_, r) => rootOf(await cells.state(r))))
    const memory = await cells.peaks()
    const predicted = predictedMemory(plan, grid)
    const { transfers, shares } = cells.traffic
    const bytes = (list: readonly { readonly bytes: number }[]): number => total(list.map((one) => one.bytes))
    const count = spec.microBatches / replicas
    const passTimes: PassTimes = times.map(({ forward, backward }) => ({
      forward: median(forward),
      backward: median(backward),
    }))
    return {
      roots,
      transferBytes: transfers / steps,
      shareBytes: shares / steps,
      bytesAsPredicted:
        transfers === steps * spec.microBatches * bytes(plan.transfers) &&
        shares === steps * replicas * bytes(plan.shares),
      memory,
      predictedMemory: predicted,
      memoryError: Math.max(...memory.map((size, i) => Math.abs((predicted[i % stages] as number) / size - 1))),
      bubble: bubbleOf(passTimes, count, bordersOf(program, plan), eager),
      bubbleFormula: (stages - 1) / (count + stages - 1),
    }
  } finally {
    await cells.close()
  }
}

/** The root when the plan changes between steps; every plan but the last takes one step. */
async function trainChanging(): Promise<string> {
  let state: State | undefined
  for (const [step, plan] of CHANGES.entries()) {
    const cells = await Grid.open(job, plan, hashing, state)
    try {
      await cells.train(step, step === CHANGES.length - 1 ? steps : step + 1)
      state = await cells.state(plan.replicas - 1)
    } finally {
      await cells.close()
    }
  }
  return rootOf(state as State)
}

/** Trains with a limit on what each cell may hold: the root, or undefined if that is not enough. */
async function trainWithin(limit: number, plan: GridPlan): Promise<string | undefined> {
  const cells = await Grid.open(job, { ...plan, limit }, hashing)
  try {
    await cells.train(0, steps)
    return rootOf(await cells.state())
  } catch (error) {
    if (isAssayError(error, 'over-limit')) return undefined
    throw error
  } finally {
    await cells.close()
  }
}

const whole = await trainWhole()
say(`uncut: ${mebibytes([whole.memory])} MiB, root ${whole.root}`)
const rows: Record<string, Row> = {}
for (const name of values.grids.split(',')) {
  const [stages = 0, replicas = 0] = name.split('x').map(Number)
  const row = await trainGrid({ stages, replicas })
  rows[name] = row
  const waiting = `waits ${row.bubble.toFixed(3)} (${row.bubbleFormula.toFixed(3)})`
  say(`${name}: ${row.transferBytes} B a step, ${mebibytes(row.memory)} MiB, ${waiting}, root ${row.roots[0]}`)
}
const changed = await trainChanging()
say(`changing plans: root ${changed}`)
const limit = values['memory-limit'] ? Number(values['memory-limit']) * 2 ** 20 : Math.floor(whole.memory / 2)
const within = await trainWithin(limit, WITHIN_LIMIT)
const single = await trainWithin(limit, { stages: 1, replicas: 1 })
say(`within ${mebibytes([limit])} MiB: 4 stages ${within ?? 'refused'}, one ${single ?? 'refused'}`)
await hashing.close()

const all = Object.values(rows)
const most = (of: (row: Row) => number): number => Math.max(...all.map(of))
report({
  name: 'pipeline',
  figures: {
    stateRootsEqual: [...all.flatMap(({ roots }) => roots), changed].every((root) => root === whole.root),
    bytesAsPredicted: all.every((row) => row.bytesAsPredicted),
    worstMemoryError: most(({ memoryError }) => memoryError),
    worstBubbleError: most(({ bubble, bubbleFormula }) => Math.abs(bubble - bubbleFormula)),
    wholeMemory: whole.memory,
    memoryLimit: limit,
    limitHeld: within === whole.root && single === undefined && whole.memory > limit,
  },
  thresholds: {
    stateRootsEqual: { equals: true },
    bytesAsPredicted: { equals: true },
    worstMemoryError: { max: 0.15 },
    limitHeld: { equals: true },
  },
  details: {
    ...{ model: values.model, engine, steps, eager, grids: rows, loadAverage: loadavg()[0] },
    predictedWholeMemory: programMemory(program, spec).total,
  },
})
