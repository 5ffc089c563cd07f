/** The job that is attacked: what the protocol fixes of it, and the machines that compute its steps. */
import { assemble } from '#app/job/load.ts'
import { parseJobFile } from '#app/job/parse.ts'
import type { Engine } from '#engine/types.ts'
import { buildProgram } from '#graph/program.ts'
import type { JobSpec } from '#proto/job.ts'
import { type RecordOrder, recordOrder } from '#runtime/order.ts'
import { programInBf16 } from '../q16/bf16.ts'
import { CLASSES, FEATURES, type Table, WIDTH } from './data.ts'
import { Crafter, Machine } from './machine.ts'

export const BATCH = 32
/** Steps of an entry. */
export const STEPS = 2
export const RATE = 0.05
export const HIDDEN = 16

export interface Shape {
  readonly records: number
  readonly entries: number
}

/** Forty entries go over all records once. */
export const FULL: Shape = { records: 2560, entries: 320 }
/** Ten do. */
export const QUICK: Shape = { records: 640, entries: 320 }

export interface Ground {
  readonly spec: JobSpec
  readonly shape: Shape
  readonly table: Table
  readonly entriesPerEpoch: number
  /** The definition: f32 by the exact engine. */
  readonly exact: Machine
  /** The solver's hardware: contractions of bfloat16 operands, summed in f32, as tensor cores have it. */
  readonly fast: Machine
  /** Another vendor's: contractions of 16-bit integers. */
  readonly other: Machine
  readonly crafter: Crafter
}

/** Largest updates of an epoch that plain proof of learning looks at: a tenth. */
export const largestOf = ({ entriesPerEpoch }: Ground): number => Math.ceil(entriesPerEpoch / 10)

export function groundOf(engine: Engine, table: Table, shape: Shape): Ground {
  const file = parseJobFile(
    JSON.stringify({
      model: { type: 'mlp', hidden: [HIDDEN] },
      data: { format: 'csv', path: 'table', train: [0, shape.records], classes: CLASSES },
      eval: { records: [0, 0] },
      steps: shape.entries * STEPS,
      batch: BATCH,
      microBatches: 1,
      optimizer: { type: 'sgd', learningRate: RATE, momentum: 0 },
      seed: 1,
    }),
  )
  const bytes = new Uint8Array(table.words.buffer)
  const { spec, program } = assemble(file, {
    bytes,
    layout: {
      ...{ format: 'csv', size: bytes.length, dtype: 'f32', stride: WIDTH, recordLength: WIDTH },
      ...{ height: 0, width: 0, features: FEATURES, classes: CLASSES },
    },
  })
  return {
    spec,
    shape,
    table,
    entriesPerEpoch: shape.records / BATCH / STEPS,
    exact: new Machine(engine, program),
    fast: new Machine(engine, programInBf16(program)),
    other: new Machine(engine, buildProgram({ ...spec, arithmetic: 'q16' })),
    crafter: new Crafter(engine, spec, program),
  }
}

/** The records of a batch, one after another, by their indices. */
export function batchOf({ words }: Table, indices: readonly number[]): Float32Array {
  const batch = new Float32Array(indices.length * WIDTH)
  for (const [i, index] of indices.entries()) batch.set(words.subarray(index * WIDTH, (index + 1) * WIDTH), i * WIDTH)
  return batch
}

/** What a job's seed fixes: the initial state, and which records each step takes. */
export class Course {
  readonly seed: bigint
  readonly start: Float32Array
  readonly #ground: Ground
  readonly #order: RecordOrder

  constructor(ground: Ground, seed: bigint) {
    this.#ground = ground
    this.seed = seed
    this.start = ground.exact.init(seed)
    this.#order = recordOrder(seed, ground.shape.records)
  }

  /** Indices of a step's records. */
  indices(step: number): number[] {
    return Array.from({ length: BATCH }, (_, i) => this.#order(step * BATCH + i))
  }

  batch(step: number): Float32Array {
    return batchOf(this.#ground.table, this.indices(step))
  }
}
