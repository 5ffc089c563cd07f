/** Builds a job's whole program: initialization, micro-batch, combination, update and evaluation as graphs. */
import { check } from '#proto/errors.ts'
import { gradients } from './autodiff.ts'
import { Builder, type Value } from './builder.ts'
import { checkGraph } from './check.ts'
import { modelOf } from './models/index.ts'
import type { Model, Outcome, Parameter, Weights } from './models/model.ts'
import { isRecord, recordsType } from './models/records.ts'
import { randomKey, uniform } from './nn/random.ts'
import { adamw } from './optimizers/adamw.ts'
import { learningRate, type Optimizer, type Slot } from './optimizers/optimizer.ts'
import { sgd } from './optimizers/sgd.ts'
import { recompute } from './recompute.ts'
import type { ProgramSpec } from './spec.ts'
import type { Graph, Port, Program } from './types.ts'

const SCALAR = { dtype: 'f32', shape: [] } as const
/** Prefix of gradient ports: `grad.<parameter>`. */
const GRADIENT = 'grad.'

function optimizerOf({ optimizer }: ProgramSpec): Optimizer {
  return optimizer.type === 'sgd' ? sgd(optimizer) : adamw(optimizer)
}

function inputs(b: Builder, ports: readonly Port[]): Value[] {
  return ports.map(({ name, type }) => b.input(name, type.dtype, type.shape))
}

function outputs(b: Builder, ports: readonly Port[], values: readonly Value[]): void {
  for (const [i, { name }] of ports.entries()) b.output(name, values[i] as Value)
}

/** Declares the state ports; parameters are found by name. */
function stateInputs(b: Builder, state: readonly Port[]): { values: Value[]; weights: Weights } {
  const values = inputs(b, state)
  const byName = new Map(state.map(({ name }, i) => [name, values[i] as Value]))
  return { values, weights: (name) => byName.get(name) as Value }
}

/** Uniform bound of a standard deviation: the variance of U(-a, a) is a^2 / 3. */
const boundOf = (std: number) => Math.sqrt(3) * std

function initGraph(parameters: readonly Parameter[], slots: readonly Slot[]): Graph {
  const b = new Builder()
  const seed = b.input('seed', 'u32', [2])
  for (const [site, { name, shape, init }] of parameters.entries()) {
    const constant = init.kind === 'constant'
    const value = constant
      ? b.constant(init.value, 'f32', shape)
      : uniform(b, randomKey(b, seed, null, site), shape, boundOf(init.std))
    b.output(name, value)
  }
  for (const { name, type, start } of slots) b.output(name, b.constant(start, 'f32', type.shape))
  return b.finish('init')
}

/** Sums over the records of a batch, in the order of the metrics. */
function metricSums(b: Builder, outcome: Outcome, count: Value): Value[] {
  return [b.sum(outcome.loss), count, ...(outcome.correct ? [b.sum(outcome.correct)] : [])]
}

function microGraph(model: Model, spec: ProgramSpec, ports: Omit<Program, keyof Graphs>): Graph {
  const b = new Builder(spec.arithmetic)
  const size = spec.batch / spec.microBatches
  const { weights } = stateInputs(b, ports.state)
  const seed = b.input('seed', 'u32', [2])
  const step = b.input('step', 'u32', [])
  const position = b.input('position', 'u32', [size])
  const type = recordsType(spec.data, size)
  const records = b.input('records', type.dtype, type.shape)
  const outcome = model.forward(b, weights, records, { seed, step, position })
  const sums = metricSums(b, outcome, b.constant(size))
  const parameters = model.parameters.map(({ name }) => weights(name))
  // Micro-batch gradients add up to that of the mean over the global batch.
  outputs(b, ports.gradients, gradients(b, b.mul(sums[0] as Value, 1 / spec.batch), parameters))
  outputs(b, ports.metrics, sums)
  const graph = b.finish('micro')
  if (spec.recompute !== 'blocks') return graph
  const shorter = recompute(
    graph,
    ports.metrics.map(({ name }) => name),
  )
  checkGraph(shorter)
  return shorter
}

function combineGraph(sums: readonly Port[]): Graph {
  const b = new Builder()
  const [left, right] = ['a.', 'b.'].map((side) =>
    inputs(
      b,
      sums.map(({ name, type }) => ({ name: side + name, type })),
    ),
  )
  for (const [i, { name }] of sums.entries()) b.output(name, b.add(left?.[i] as Value, right?.[i] as Value))
  return b.finish('combine')
}

function updateGraph(spec: ProgramSpec, count: number, ports: Omit<Program, keyof Graphs>): Graph {
  const b = new Builder()
  const state = inputs(b, ports.state)
  const step = b.input('step', 'u32', [])
  const grads = inputs(b, ports.gradients)
  const metrics = inputs(b, ports.metrics)
  const rate = learningRate(b, spec.optimizer.learningRate, spec.optimizer.warmup, step)
  const next = optimizerOf(spec).step(b, state.slice(0, count), grads, state.slice(count), rate)
  outputs(b, ports.state, [...next.parameters, ...next.slots])
  b.output('loss', b.div(metrics[0] as Value, metrics[1] as Value))
  b.output('learningRate', rate)
  return b.finish('update')
}

function evaluateGraph(model: Model, spec: ProgramSpec, ports: Omit<Program, keyof Graphs>): Graph {
  const b = new Builder(spec.arithmetic)
  const { weights } = stateInputs(b, ports.state)
  const type = recordsType(spec.data, spec.batch / spec.microBatches)
  const records = b.input('records', type.dtype, type.shape)
  const { loss, correct, logits } = model.forward(b, weights, records)
  const valid = isRecord(b, records)
  const counted = (x: Value) => b.select(valid, x, 0)
  const outcome = { loss: counted(loss), ...(correct && { correct: counted(correct) }), logits }
  outputs(b, ports.metrics, metricSums(b, outcome, b.sum(b.toFloat(valid))))
  return b.finish('evaluate')
}

type Graphs = Pick<Program, 'init' | 'micro' | 'combine' | 'update' | 'evaluate'>

/**
 * The program of a job. Equal specifications give equal programs, to the byte of their encodings. Contractions are in the
 * arithmetic that the specification names.
 *
 * - Metrics: `loss` (sum over records), `count` (records) and, for classifiers, `correct`; all f32[].
 * - Step metrics of `update`: `loss` (mean over the batch) and `learningRate`.
 * - `evaluate` takes as many records as a micro-batch; those whose last element is negative are padding and not counted.
 *
 * @throws bad-job if model, data and batch do not fit together
 */
export function buildProgram(spec: ProgramSpec): Program {
  check(
    Number.isInteger(spec.batch / spec.microBatches) && spec.batch >= 1 && spec.microBatches >= 1,
    'bad-job',
    `a batch of ${spec.batch} records does not divide into ${spec.microBatches} micro-batches`,
  )
  const model = modelOf(spec)
  const parameters = model.parameters.map(({ name, shape }): Port => ({ name, type: { dtype: 'f32', shape } }))
  const slots = optimizerOf(spec).slots(parameters)
  const ports = {
    state: [...parameters, ...slots.map(({ name, type }) => ({ name, type }))],
    gradients: parameters.map(({ name, type }) => ({ name: GRADIENT + name, type })),
    metrics: ['loss', 'count', ...(model.classifies ? ['correct'] : [])].map((name) => ({ name, type: SCALAR })),
  }
  return {
    init: initGraph(model.parameters, slots),
    micro: microGraph(model, spec, ports),
    combine: combineGraph([...ports.gradients, ...ports.metrics]),
    update: updateGraph(spec, parameters.length, ports),
    evaluate: evaluateGraph(model, spec, ports),
    ...ports,
  }
}

/**
 * A graph for using a trained model: the parameters in state order and `records` of `batch` rows (the class or last
 * byte of a row is not read) -> `logits`.
 */
export function buildPrediction(spec: Pick<ProgramSpec, 'model' | 'data' | 'arithmetic'>, batch: number): Graph {
  const b = new Builder(spec.arithmetic)
  const model = modelOf(spec)
  const { weights } = stateInputs(
    b,
    model.parameters.map(({ name, shape }) => ({ name, type: { dtype: 'f32', shape } })),
  )
  const type = recordsType(spec.data, batch)
  const records = b.input('records', type.dtype, type.shape)
  b.output('logits', model.forward(b, weights, records).logits)
  return b.finish('predict')
}
