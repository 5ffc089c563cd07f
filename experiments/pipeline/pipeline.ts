/** All stages of a plan in one process, one after the other: what they exchange is copied from engine to engine. */
import type { Engine } from '#engine/types.ts'
import type { Plan } from '#graph/partition/plan.ts'
import type { Program } from '#graph/types.ts'
import { fail } from '#proto/errors.ts'
import { microBatchesOfLane } from '#proto/lanes.ts'
import { StageTrainer, type Words } from './stage.ts'

export interface PipelineOptions {
  readonly microBatches: number
  readonly lanes: number
  /** For `init`. */
  readonly seed: Words
  /** Inputs of `micro` behind the state, in order. */
  readonly inputs: (step: number, microBatch: number) => readonly Words[]
}

/** Bytes that crossed borders. */
export interface Traffic {
  /** In all micro-batches. */
  transfers: number
  /** State tensors and sums. */
  shares: number
}

/** Trains a program stage by stage: `F0 .. Fn-1, Bn-1 .. B0` for one micro-batch after the other. */
export class Pipeline {
  readonly traffic: Traffic = { transfers: 0, shares: 0 }
  readonly #program: Program
  readonly #plan: Plan
  readonly #options: PipelineOptions
  readonly #stages: readonly StageTrainer[]

  /** @param engines one for each stage */
  constructor(engines: readonly Engine[], program: Program, plan: Plan, options: PipelineOptions) {
    this.#program = program
    this.#plan = plan
    this.#options = options
    this.#stages = plan.stages.map((_, i) => {
      const engine = engines[i] ?? fail('bad-input', `${plan.stages.length} stages need as many engines`)
      return new StageTrainer(engine, program, plan, i)
    })
    for (const stage of this.#stages) stage.init(options.seed)
  }

  step(step: number): void {
    this.#share('state')
    this.#subtree(step, 0, 1)
    this.#share('sum')
    for (const stage of this.#stages) stage.update(step)
  }

  /** The state tensors, in canonical order. */
  state(): Words[] {
    return this.#program.state.map((_, i) => {
      const stage = this.#stages.find(({ stage }) => stage.state.includes(i))
      return (stage ?? fail('internal', `state tensor ${i} lives nowhere`)).state(i)
    })
  }

  /** The lanes' halving tree (docs/spec/protocol.md, Data parallel), low side first; false if all its lanes are empty. */
  #subtree(step: number, lane: number, level: number): boolean {
    if (level >= this.#options.lanes) return this.#lane(step, lane)
    const low = this.#subtree(step, lane, 2 * level)
    const high = this.#subtree(step, lane + level, 2 * level)
    if (low && high) for (const stage of this.#stages) stage.combine()
    return low || high
  }

  #lane(step: number, lane: number): boolean {
    const own = microBatchesOfLane(lane, this.#options.microBatches, this.#options.lanes)
    for (const [i, microBatch] of own.entries()) {
      this.#microBatch(step, microBatch)
      if (i > 0) for (const stage of this.#stages) stage.combine()
    }
    return own.length > 0
  }

  #microBatch(step: number, microBatch: number): void {
    const inputs = this.#options.inputs(step, microBatch)
    for (const stage of this.#stages) stage.begin(microBatch, inputs)
    for (const pass of ['forward', 'backward'] as const) {
      const order = [...this.#stages.entries()]
      if (pass === 'backward') order.reverse()
      for (const [i, stage] of order) {
        this.#receive(i, pass, microBatch)
        stage.run(microBatch, pass)
      }
    }
    for (const stage of this.#stages) stage.finish(microBatch)
  }

  /** Brings what a pass of a stage is the first to read there. */
  #receive(to: number, pass: 'forward' | 'backward', microBatch: number): void {
    for (const transfer of this.#plan.transfers) {
      if (transfer.to !== to || transfer.pass !== pass) continue
      const words = this.#at(transfer.from).give(microBatch, transfer.value)
      this.traffic.transfers += words.byteLength
      this.#at(to).receive(microBatch, transfer.value, words)
    }
  }

  #share(kind: 'state' | 'sum'): void {
    for (const { kind: what, index, from, to } of this.#plan.shares) {
      if (what !== kind) continue
      const [giver, taker] = [this.#at(from), this.#at(to)]
      const words = kind === 'state' ? giver.state(index) : giver.sum(index)
      this.traffic.shares += words.byteLength
      if (kind === 'state') taker.receiveState(index, words)
      else taker.receiveSum(index, words)
    }
  }

  #at(stage: number): StageTrainer {
    return this.#stages[stage] as StageTrainer
  }
}
