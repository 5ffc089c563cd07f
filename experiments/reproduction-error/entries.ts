/** Honest entries: training from a state of the exact run on another engine, and how far that ends from the exact run. */
import type { LoadedJob } from '#app/job/load.ts'
import type { Engine } from '#engine/types.ts'
import { Dataset } from '#runtime/dataset.ts'
import { Trainer } from '#runtime/trainer.ts'
import { type Deviation, deviation } from '#tolerance/distance.ts'

/** One training on one engine, from whatever state it is given. */
class Run {
  readonly #trainer: Trainer

  constructor(engine: Engine, { program, spec, data }: LoadedJob) {
    this.#trainer = new Trainer(engine, program, spec, new Dataset(spec.data, data))
  }

  init(): Uint8Array {
    this.#trainer.init()
    return this.#state()
  }

  /** The state after `count` steps from step `first` and the state before it. */
  replay(state: Uint8Array, first: number, count: number): Uint8Array {
    this.#trainer.loadState(state)
    for (let step = first; step < first + count; step++) {
      this.#trainer.sum(step, 0, 1)
      this.#trainer.update(step)
    }
    return this.#state()
  }

  #state(): Uint8Array {
    const state = new Uint8Array(this.#trainer.stateBytes)
    this.#trainer.readState(state)
    return state
  }
}

/**
 * Deviations of honest entries: consecutive entries of `length` steps, each from the exact state before it, seed after
 * seed, without end. A seed's run has as many entries as fit its steps.
 */
export function* honestEntries(
  exact: Engine,
  other: Engine,
  job: (seed: number) => LoadedJob,
  firstSeed: number,
  length: number,
): Generator<Deviation> {
  for (let seed = firstSeed; ; seed++) {
    const loaded = job(seed)
    const [right, given] = [exact, other].map((engine) => new Run(engine, loaded)) as [Run, Run]
    let before = right.init()
    for (let step = 0; step + length <= loaded.spec.steps; step += length) {
      const after = right.replay(before, step, length)
      yield deviation(floats(before), floats(after), floats(given.replay(before, step, length)))
      before = after
    }
  }
}

function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}
