/** What a stage of a cut asks of whoever takes it: work, memory, bytes on its links. */
import { neededFor } from '../part.ts'
import { updateResults } from '../partition/borders.ts'
import type { Range } from '../partition/plan.ts'
import { type StageMemory, type StageRun, stageMemory } from '../partition/stage.ts'
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

export interface StageNeeds {
  readonly parameters: number
  /** Of each micro-batch. */
  readonly forward: Traffic
  readonly backward: Traffic
  /** Once a step: tensors that several stages need. */
  readonly shared: Traffic
  /** Bytes of its sums. */
  readonly sums: number
  /** Bytes that an engine takes. */
  readonly memory: (run: StageRun) => number
  readonly times: (times: Times) => StageTimes
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

/** What each stage of a cut of a program needs. */
export function stageNeeds(program: Program, { plan }: Cut): readonly StageNeeds[] {
  const { micro, combine, update, state, gradients, metrics } = program
  const sums = [...gradients, ...metrics]
  const traffic = (carried: readonly { from: number; to: number; bytes: number }[], stage: number): Traffic => {
    const of = (end: 'from' | 'to'): number =>
      carried.reduce((sum, one) => (one[end] === stage ? sum + one.bytes : sum), 0)
    return { received: of('to'), sent: of('from') }
  }
  const passOf = (pass: 'forward' | 'backward') => plan.transfers.filter((transfer) => transfer.pass === pass)
  const passes = { forward: passOf('forward'), backward: passOf('backward') }
  return plan.stages.map((stage, s) => {
    const results = { combine: stage.sums, update: updateResults(program, stage.state, s === plan.stages.length - 1) }
    const added = results.combine.map((i) => combine.outputs[i]?.value as number)
    const nodes = {
      micro: [...listed(stage.forward), ...listed(stage.backward)].map((id) => id - micro.inputs.length),
      combine: neededIn(combine, added),
      update: neededIn(update, results.update),
    }
    // A stage of several has two graphs, one for each pass.
    const passRuns = plan.stages.length === 1 ? 1 : 2
    const known = new Map<string, StageMemory>()
    const memory = (run: StageRun): number => {
      const key = [run.threads, run.microBatches, run.lanes].join()
      const one = known.get(key) ?? stageMemory(program, plan, s, { ...run, inFlight: 1 })
      known.set(key, one)
      // Only what waits grows with the micro-batches in flight.
      return Math.max(one.total, one.state + one.intermediates + one.sums + run.inFlight * one.waiting)
    }
    return {
      parameters: stage.state
        .filter((i) => i < gradients.length)
        .reduce((sum, i) => sum + elementsOf(state[i]?.type.shape ?? []), 0),
      forward: traffic(passes.forward, s),
      backward: traffic(passes.backward, s),
      shared: traffic(plan.shares, s),
      sums: stage.sums.reduce((sum, i) => sum + 4 * elementsOf(sums[i]?.type.shape ?? []), 0),
      memory,
      times: once((times: Times): StageTimes => {
        const of = (graph: 'micro' | 'combine' | 'update', runs: number): number =>
          nodes[graph].reduce((sum, i) => sum + (times[graph][i] as number), runs * times.run)
        return { micro: of('micro', passRuns), combine: of('combine', 1), update: of('update', 1) }
      }),
    }
  })
}

const neededIn = (graph: Graph, results: readonly number[]): number[] =>
  neededFor(graph, results).map((id) => id - graph.inputs.length)
