/** What a micro-batch is computed from beside the state: every cell brings it for itself, since the job's seed names the records. */
import type { Program } from '#graph/types.ts'
import { fail } from '#proto/errors.ts'
import { seedWords } from '#proto/ids.ts'
import type { JobSpec } from '#proto/job.ts'
import type { Dataset } from '#runtime/dataset.ts'
import { type RecordOrder, recordOrder } from '#runtime/order.ts'
import { elements } from '#runtime/tensors.ts'

/** Inputs of a job's `init` and `micro` graphs. docs/spec/protocol.md, "Record order". */
export class Feed {
  /** Input `seed` of `init` and of `micro`: two words each. */
  readonly seeds: Readonly<Record<'init' | 'dropout', Uint32Array>>
  readonly #spec: JobSpec
  readonly #data: Dataset
  readonly #order: RecordOrder
  readonly #recordWords: number

  /** @throws AssayError `bad-program` if `micro` does not take seed, step, positions and records behind the state */
  constructor(spec: JobSpec, program: Program, data: Dataset) {
    const taken = program.micro.inputs.slice(program.state.length)
    const names = taken.map(({ name }) => name).join()
    if (names !== 'seed,step,position,records') fail('bad-program', `the micro graph takes ${names} behind the state`)
    this.#spec = spec
    this.#data = data
    this.#order = recordOrder(spec.seed, spec.data.trainRecords)
    this.#recordWords = elements((taken[3] as (typeof taken)[number]).type)
    this.seeds = {
      init: Uint32Array.from(seedWords(spec.seed, 'init')),
      dropout: Uint32Array.from(seedWords(spec.seed, 'dropout')),
    }
  }

  /** Writes the positions of a micro-batch and the words of its records, in the order that the seed dictates. */
  fill(step: number, microBatch: number, positions: Uint32Array, records: Uint32Array): void {
    const count = this.#spec.batch / this.#spec.microBatches
    const { recordLength } = this.#data.layout
    for (let i = 0; i < count; i++) {
      const position = step * this.#spec.batch + microBatch * count + i
      positions[i] = position
      this.#data.record(this.#order(position), records, i * recordLength)
    }
  }

  /** Inputs of `micro` behind the state, in their order: seed, step, positions, records. */
  inputs(step: number, microBatch: number): Uint32Array[] {
    const positions = new Uint32Array(this.#spec.batch / this.#spec.microBatches)
    const records = new Uint32Array(this.#recordWords)
    this.fill(step, microBatch, positions, records)
    return [this.seeds.dropout, Uint32Array.of(step), positions, records]
  }
}
