/** Stages of a plan as graphs that engines run, and the memory that they take. */
import type { TensorType } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import { turnsOf } from '#proto/machines/stage.ts'
import { intermediateBytes, type MemoryPlan, panelBytes, tensorBytes } from '../memory.ts'
import { neededFor, type Part, partOf, typeOf } from '../part.ts'
import type { Graph, Port, Program } from '../types.ts'
import { updateResults } from './borders.ts'
import type { Plan, Range } from './plan.ts'

/** Graphs of one stage: parts of the program's graphs. */
export interface StageParts {
  readonly init: Part
  readonly forward: Part
  readonly backward: Part
  readonly combine: Part
  readonly update: Part
}

const listed = (ranges: readonly Range[]): number[] =>
  ranges.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, i) => first + i))

/** The values of outputs, each once. */
const valuesOf = (graph: Graph, outputs: readonly number[]): number[] => [
  ...new Set(outputs.map((i) => graph.outputs[i]?.value as number)),
]

/**
 * The graphs of stage `index` of a plan of `program`. `forward` gives what other passes read and the sums that are ready,
 * `backward` the other sums and what lower stages read. The other graphs compute what of the uncut ones belongs to the
 * stage; what several stages need of them, such as the learning rate, each computes for itself.
 * @throws bad-plan if the plan has no such stage
 */
export function stageParts(program: Program, plan: Plan, index: number): StageParts {
  const { init, micro, combine, update } = program
  const stage = plan.stages[index] ?? fail('bad-plan', `a plan of ${plan.stages.length} stages has no stage ${index}`)
  const pass = { forward: listed(stage.forward), backward: listed(stage.backward) }
  const computed = { forward: new Set(pass.forward), backward: new Set(pass.backward) }
  const sums = valuesOf(micro, stage.sums)
  const sent = plan.transfers.filter(({ from }) => from === index).map(({ value }) => value)
  const kept = pass.backward.flatMap((id) => micro.nodes[id - micro.inputs.length]?.inputs ?? [])
  const given = (of: 'forward' | 'backward', ids: readonly number[]): number[] =>
    [...new Set(ids)].filter((id) => computed[of].has(id)).sort((a, b) => a - b)
  const passed = sums.filter((id) => id < micro.inputs.length)
  const whole = (graph: Graph, results: readonly number[]): Part => partOf(graph, neededFor(graph, results), results)
  return {
    init: whole(init, valuesOf(init, stage.state)),
    forward: partOf(micro, pass.forward, given('forward', [...sent, ...kept, ...sums])),
    backward: partOf(micro, pass.backward, [...given('backward', [...sent, ...sums]), ...passed]),
    combine: whole(combine, valuesOf(combine, stage.sums)),
    update: whole(update, updateResults(program, stage.state, index === plan.stages.length - 1)),
  }
}

/** How a stage is run: as in `MemoryPlan`. */
export interface StageRun extends MemoryPlan {
  /** Micro-batches that have gone forward and not yet come back, at once: with 1F1B at most the stages from here on. */
  readonly inFlight: number
}

/** Bytes that a stage takes in an engine, by what they are for. */
export interface StageMemory {
  /** The tensors that live here, and copies of those that others share. */
  readonly state: number
  /** Sums that are held at once. */
  readonly sums: number
  /** Values that wait for a pass, of all micro-batches in flight: what comes in, and what one pass leaves to the next. */
  readonly waiting: number
  /** The tensors of the next state, and what others share of their sums: in place of most sums and of all that waits. */
  readonly next: number
  /** Intermediate values of the graph that needs most, and scratch memory of the threads. */
  readonly intermediates: number
  readonly total: number
}

const bytesOf = (types: readonly TensorType[]): number => types.reduce((sum, type) => sum + tensorBytes(type), 0)

/** What the memory of a stage is made of, however it is run: bytes. */
export interface StageSizes extends Pick<StageMemory, 'state' | 'next'> {
  /** Of one set of its sums. */
  readonly sum: number
  /** Of what waits of one micro-batch. */
  readonly waiting: number
  readonly intermediates: number
  /** Scratch memory of one thread. */
  readonly panel: number
}

/** Sizes of a stage, from its graphs. @throws bad-plan if the plan has no such stage */
export function stageSizes(program: Program, plan: Plan, index: number): StageSizes {
  const { micro, state: ports, gradients, metrics } = program
  const parts = stageParts(program, plan, index)
  const stage = plan.stages[index] as Plan['stages'][number]
  const sumPorts = [...gradients, ...metrics]
  const shared = (of: 'state' | 'sum'): number =>
    bytesOf(plan.shares.filter(({ to, kind }) => to === index && kind === of).map(({ type }) => type))
  const own = bytesOf(stage.state.map((i) => (ports[i] as Port).type))

  const results = new Set(micro.outputs.map(({ value }) => value))
  const arrived = plan.transfers.filter(({ to }) => to === index).map(({ value }) => value)
  const left = [...parts.forward.results, ...parts.backward.results].filter((id) => !results.has(id))
  const fed = micro.inputs.slice(ports.length).map(({ type }) => type)

  const graphs = Object.values<Part>({ ...parts }).map(({ graph }) => graph)
  return {
    state: own + shared('state'),
    next: own + shared('sum'),
    sum: bytesOf(stage.sums.map((i) => (sumPorts[i] as Port).type)),
    waiting: bytesOf([...[...arrived, ...left].map((id) => typeOf(micro, id)), ...fed]),
    intermediates: Math.max(...graphs.map(intermediateBytes)),
    panel: Math.max(...graphs.map(panelBytes)),
  }
}

/** Peak memory of a stage of known sizes. */
export function memoryOfSizes(
  { state, next, sum, waiting, intermediates, panel }: StageSizes,
  run: StageRun,
): StageMemory {
  const used = intermediates + (run.threads ?? 1) * panel
  const moments = backwardMoments(run).map(({ sums, inFlight }) => ({ sums: sums * sum, waiting: inFlight * waiting }))
  const worst = moments.reduce((most, one) => (one.sums + one.waiting > most.sums + most.waiting ? one : most))
  const total = state + used + Math.max(worst.sums + worst.waiting, sum + next)
  return { state, ...worst, next, intermediates: used, total }
}

/**
 * For each backward pass, after which less is held: how many sums there are with its own, and how many micro-batches are
 * in flight. Sums grow while the last micro-batches come back.
 */
function backwardMoments({ microBatches, lanes, inFlight }: StageRun): { sums: number; inFlight: number }[] {
  let held = 0
  return turnsOf(0, microBatches, lanes, 1).map(({ adds }, k) => {
    const sums = held + 1
    held = sums - adds
    return { sums, inFlight: Math.min(inFlight, microBatches - k) }
  })
}

/** Peak memory of a stage, predicted from its graphs. @throws bad-plan if the plan has no such stage */
export function stageMemory(program: Program, plan: Plan, index: number, run: StageRun): StageMemory {
  return memoryOfSizes(stageSizes(program, plan, index), run)
}
