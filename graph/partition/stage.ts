/** Stages of a plan as graphs that engines run, and the memory that they take. */
import type { TensorType } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import { intermediateBytes, tensorBytes } from '../memory.ts'
import { neededFor, type Part, partOf, typeOf } from '../part.ts'
import type { Graph, Program } from '../types.ts'
import { type Plan, type Range, updateResults } from './plan.ts'

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

/** How a stage is run. */
export interface StageRun {
  /** Micro-batches that have gone forward and not yet come back, at once: with 1F1B at most the stages from here on. */
  readonly inFlight: number
  /** Sums that are held at once, that of a micro-batch included. */
  readonly sums: number
}

/** Bytes that a stage takes in an engine, by what they are for. */
export interface StageMemory {
  /** The state that lives here, of this step and the next, and copies of tensors that other stages share. */
  readonly state: number
  readonly sums: number
  /** Values that wait for their pass, of all micro-batches in flight: what the forward pass leaves and what comes in. */
  readonly waiting: number
  /** Intermediate values and results of the pass that needs most. */
  readonly intermediates: number
  readonly total: number
}

const bytesOf = (types: readonly TensorType[]): number => types.reduce((sum, type) => sum + tensorBytes(type), 0)

/** Peak memory of a stage, predicted from its graphs. @throws bad-plan if the plan has no such stage */
export function stageMemory(
  program: Program,
  plan: Plan,
  index: number,
  { inFlight, sums: held }: StageRun,
): StageMemory {
  const { micro, state: ports, gradients, metrics } = program
  const parts = stageParts(program, plan, index)
  const { state: own, sums: summed } = plan.stages[index] as Plan['stages'][number]
  const sumPorts = [...gradients, ...metrics]
  const shared = plan.shares.filter(({ to }) => to === index).map(({ type }) => type)
  const state = 2 * bytesOf(own.map((i) => ports[i]!.type)) + bytesOf(shared)
  const sums = held * bytesOf(summed.map((i) => sumPorts[i]!.type))
  const results = new Set(micro.outputs.map(({ value }) => value))
  const arrived = plan.transfers.filter(({ to }) => to === index).map(({ value }) => value)
  const left = parts.forward.results.filter((id) => !results.has(id))
  const fed = micro.inputs.slice(ports.length).map(({ type }) => type)
  const waiting = inFlight * (bytesOf([...arrived, ...left].map((id) => typeOf(micro, id))) + bytesOf(fed))
  const sent = parts.backward.results.filter((id) => !results.has(id)).map((id) => typeOf(micro, id))
  const { init, forward, backward, combine, update } = parts
  const intermediates = Math.max(
    ...[init, forward, combine, update].map(({ graph }) => intermediateBytes(graph)),
    intermediateBytes(backward.graph) + bytesOf(sent),
  )
  return { state, sums, waiting, intermediates, total: state + sums + waiting + intermediates }
}
