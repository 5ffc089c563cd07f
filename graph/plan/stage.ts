/** What a stage of a cut asks of whoever takes it: work, memory, bytes on its links. */
import { neededFor } from '../part.ts'
import { updateResults } from '../partition/borders.ts'
import type { Plan, Range } from '../partition/plan.ts'
import { memoryOfSizes, type StageRun, type StageSizes, stageSizes } from '../partition/stage.ts'
import { elementsOf } from '../shape.ts'
import type { Graph, Program } from '../types.ts'
import type { Times } from './bidder.ts'
import type { Cut } from './cuts.ts'

/** Bytes on a link, in each direction. */
export interface Traffic {
  readonly received: number
  readonly sent: number
}

/** Nanoseconds of a stage's work on one machine. */
export interface StageTimes {
  /** Of a micro-batch, forward and backward. */
  readonly micro: number
  /** Of the addition of two sums. */
  readonly combine: number
  readonly update: number
}

/** What a stage needs by itself, wherever the others begin. */
interface StageWork {
  readonly parameters: number
  /** Bytes of its sums. */
  readonly sums: number
  /** Bytes that an engine takes. */
  readonly memory: (run: StageRun) => number
  readonly times: (times: Times) => StageTimes
}

export interface StageNeeds extends StageWork {
  /** Of each micro-batch. */
  readonly forward: Traffic
  readonly backward: Traffic
  /** Once a step: tensors that several stages need. */
  readonly shared: Traffic
}

const listed = (ranges: readonly Range[]): number[] =>
  ranges.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, i) => first + i))

/** `make` once for each key. */
function once<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>()
  return (key) => {
    const known = made.get(key) ?? make(key)
    made.set(key, known)
    return known
  }
}

/** What the stages of a cut need. Cuts of a program share many stages: what one needs by itself is found once. */
export function stageNeeds(program: Program): (cut: Cut) => readonly StageNeeds[] {
  const known = new Map<string, StageWork>()
  return ({ cuts, plan }) => {
    const passes = {
      forward: plan.transfers.filter(({ pass }) => pass === 'forward'),
      backward: plan.transfers.filter(({ pass }) => pass === 'backward'),
    }
    return plan.stages.map((_, s) => {
      const key = `${cuts[s - 1] ?? 'first'} ${cuts[s] ?? 'last'}`
      const work = known.get(key) ?? workOf(program, plan, s)
      known.set(key, work)
      return {
        ...work,
        forward: trafficOf(passes.forward, s),
        backward: trafficOf(passes.backward, s),
        shared: trafficOf(plan.shares, s),
      }
    })
  }
}

function trafficOf(carried: readonly { from: number; to: number; bytes: number }[], stage: number): Traffic {
  const of = (end: 'from' | 'to'): number =>
    carried.reduce((sum, one) => (one[end] === stage ? sum + one.bytes : sum), 0)
  return { received: of('to'), sent: of('from') }
}

function workOf(program: Program, plan: Plan, s: number): StageWork {
  const { micro, combine, update, state, gradients, metrics } = program
  const stage = plan.stages[s] as Plan['stages'][number]
  const count = plan.stages.length
  const added = stage.sums.map((i) => combine.outputs[i]?.value as number)
  const nodes = {
    micro: [...listed(stage.forward), ...listed(stage.backward)].map((id) => id - micro.inputs.length),
    combine: neededIn(combine, added),
    update: neededIn(update, updateResults(program, stage.state, s === count - 1)),
  }
  const sums = [...gradients, ...metrics]
  const parameters = stage.state.filter((i) => i < gradients.length)
  let sizes: StageSizes | undefined
  return {
    parameters: parameters.reduce((sum, i) => sum + elementsOf(state[i]?.type.shape ?? []), 0),
    sums: stage.sums.reduce((sum, i) => sum + 4 * elementsOf(sums[i]?.type.shape ?? []), 0),
    memory: (run) => {
      sizes ??= stageSizes(program, plan, s)
      return memoryOfSizes(sizes, run).total
    },
    times: once((times) => {
      const of = (graph: 'micro' | 'combine' | 'update', runs: number): number =>
        nodes[graph].reduce((sum, i) => sum + (times[graph][i] as number), runs * times.run)
      // A stage of several has two graphs, one for each pass.
      return { micro: of('micro', count === 1 ? 1 : 2), combine: of('combine', 1), update: of('update', 1) }
    }),
  }
}

const neededIn = (graph: Graph, results: readonly number[]): number[] =>
  neededFor(graph, results).map((id) => id - graph.inputs.length)
