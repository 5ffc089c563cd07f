/** The job that liars lie about, and the truth about it. */

import type { LoadedJob } from '#app/job/load.ts'
import type { Engine } from '#engine/types.ts'
import { factsHash, factsOf } from '#pinpoint/facts.ts'
import { itemsOf, type Schedule } from '#pinpoint/schedule.ts'
import type { Facts, Statement } from '#pinpoint/types.ts'
import { drawActivation, replayDigest } from '#proto/draw.ts'
import type { Entry } from '#proto/entry.ts'
import { addressBytes, type Hash } from '#proto/ids.ts'
import { presetOf } from '#proto/presets.ts'
import { createTerms, type Hex, type JobTerms } from '#proto/terms.ts'
import { type Replayed, replay } from '#runtime/compute/replay.ts'
import { Dataset } from '#runtime/dataset.ts'
import { type Evidence, type Judgement, judge } from '#runtime/judge.ts'
import type { EntrySource } from '#runtime/pinpoint/results.ts'
import { Runner } from '#runtime/pinpoint/runner.ts'
import { EntryStatement } from '#runtime/pinpoint/statement.ts'
import { Trainer } from '#runtime/trainer.ts'
import { imageJob } from '../bench/jobs.ts'

const ENTRY_STEPS = 2
const RECORDS = 64
/** Blocks. Long enough for every honest move, short enough to be stalled through. */
const PERIODS = {
  ...{ bidPeriod: 12, commitPeriod: 2000, verdictPeriod: 400, revealPeriod: 400 },
  ...{ challengePeriod: 24, responsePeriod: 24, jobPeriod: 200_000 },
}

/** Which claim: of a replica, about a window, which has one slot. */
export interface Place {
  readonly window: number
  readonly replica: number
}

export interface Size {
  readonly windows: number
  readonly replicas: 1 | 2
}

/** A small job of some windows of one slot each, and its honest course. */
export class Ground {
  readonly job: LoadedJob
  readonly size: Size
  readonly runner: Runner
  readonly engine: Engine
  readonly data: Dataset
  readonly facts: Facts
  readonly terms: JobTerms
  /** State roots before each window, and after the last one. */
  readonly roots: readonly Hash[]
  readonly #states: readonly Uint8Array[]
  readonly #trainer: Trainer
  readonly #truths = new Map<string, Statement>()

  constructor(engine: Engine, size: Size) {
    const { windows, replicas } = size
    this.size = size
    this.engine = engine
    this.job = imageJob(
      {
        model: { type: 'mlp', hidden: [4] },
        optimizer: { type: 'sgd', learningRate: 0.05, momentum: 0.9 },
        ...{ steps: windows * ENTRY_STEPS, batch: 8, microBatches: 4, replicas },
        policy: { entrySteps: ENTRY_STEPS, entriesPerWindow: 1, sampleRate: 1 },
      },
      RECORDS,
    )
    const { spec, program, data } = this.job
    this.data = new Dataset(spec.data, data)
    this.runner = new Runner(engine)
    this.facts = factsOf(spec, program)
    const economy = { prices: presetOf('devnet').prices, periods: PERIODS }
    this.terms = createTerms(spec, economy, factsHash(this.facts))
    this.#trainer = new Trainer(engine, program, spec, this.data)
    this.#trainer.init()
    const states: Uint8Array[] = []
    const roots: Hash[] = []
    for (let window = 0; window < windows; window++) {
      states.push(this.#state())
      const { stepFrom, stepTo } = stepsOf(window)
      const { rootBefore, rootAfter } = replay(this.#trainer, { stepFrom, stepTo, replicas })
      roots[window] = rootBefore
      roots[window + 1] = rootAfter
    }
    this.#states = states
    this.roots = roots
  }

  #state(): Uint8Array {
    const bytes = new Uint8Array(this.#trainer.stateBytes)
    this.#trainer.readState(bytes)
    return bytes
  }

  /** What an entry follows from. */
  source({ window, replica }: Place): EntrySource {
    const { job, data, size } = this
    const before = window === 0 ? undefined : (this.#states[window] as Uint8Array)
    return {
      ...{ spec: job.spec, program: job.program, data, replicas: size.replicas },
      entry: { replica, ...stepsOf(window) },
      ...(before && { before }),
    }
  }

  /** What is true about an entry. */
  truth(place: Place): Statement {
    const key = `${place.window} ${place.replica}`
    const known = this.#truths.get(key) ?? new EntryStatement(this.source(place), this.runner)
    this.#truths.set(key, known)
    return known
  }

  schedule({ window, replica }: Place): Schedule {
    return itemsOf(this.facts, { replica, ...stepsOf(window) }, this.size.replicas)
  }

  /** What every entry of that place says, whatever it claims to have computed. */
  base(jobId: Hash, epoch: number, place: Place, solver: Hex): Entry {
    const rootBefore = this.roots[place.window] as Hash
    // One replica exchanges no sums.
    const lanesRoot = this.size.replicas === 1 ? new Uint8Array(32) : rootBefore
    return {
      ...{ jobId, epoch, ...place, ...stepsOf(place.window), rootBefore },
      ...{ rootAfter: rootBefore, lanesRoot, metricsRoot: rootBefore },
      solver: addressBytes(solver),
    }
  }

  /** Replays a window as a verifier does: its verdict on an entry, and its proof of replay. */
  audit(entry: Entry, evidence: Evidence | undefined, seed: Hash, entryHash: Hash) {
    const { window } = entry
    const { microBatches } = this.job.spec
    const { micro } = this.job.program
    const drawn = drawActivation(seed, entryHash, microBatches, micro.nodes.length)
    this.#trainer.loadState(this.#states[window] as Uint8Array)
    const replayed: Replayed = replay(this.#trainer, {
      ...stepsOf(window),
      replicas: this.size.replicas,
      activations: [{ microBatch: drawn.microBatch, node: micro.inputs.length + drawn.node }],
    })
    const judgement: Judgement = judge(replayed, entry, this.size.replicas, evidence)
    const digest = (verifier: Hex): Hash =>
      replayDigest(addressBytes(verifier), seed, replayed.activations[0] as Uint8Array)
    return { judgement, digest }
  }
}

export const stepsOf = (window: number): { stepFrom: number; stepTo: number } => ({
  stepFrom: window * ENTRY_STEPS,
  stepTo: (window + 1) * ENTRY_STEPS,
})
