/**
 * A toy arithmetic in which every value is the hash of the expression that made it: two runs agree on a state exactly if
 * they added the same micro-batch gradients in the same tree and updated in the same order. Hundreds of runs are cheap.
 */
import type { Port } from '#graph/types.ts'
import { concatBytes } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import { microBatchesOfLane } from '#proto/lanes.ts'
import type { Trainer } from '#runtime/trainer.ts'

/** The part of a trainer that a cell's process uses. */
export type TrainerLike = Pick<
  Trainer,
  | 'stateBytes'
  | 'sumBytes'
  | 'sumPorts'
  | 'init'
  | 'loadState'
  | 'readState'
  | 'sum'
  | 'readSum'
  | 'writeSum'
  | 'join'
  | 'update'
> & { readonly program: { readonly state: readonly Port[]; readonly metrics: readonly Port[] } }

/** Symbolic jobs have no program whose facts could be told. */
export const SYMBOLIC_FACTS = sha256(new TextEncoder().encode('symbolic'))

const HASH: Port = { name: 'expression', type: { dtype: 'u32', shape: [8] } }
const METRIC: Port = { name: 'metric', type: { dtype: 'f32', shape: [] } }

const of = (operation: string, ...operands: readonly Uint8Array[]): Uint8Array =>
  sha256(new TextEncoder().encode(operation), concatBytes(...operands))

export class SymbolicTrainer implements TrainerLike {
  readonly program = { state: [HASH], metrics: [METRIC] }
  /** A gradient and the metrics of its batch, as in a real sum; the metrics stay zero. */
  readonly sumPorts = [HASH, METRIC]
  readonly stateBytes = 32
  readonly sumBytes = 36
  readonly #microBatches: number
  readonly #lanes: number
  #state = of('nothing')
  #sum: Uint8Array | undefined

  constructor(microBatches: number, lanes: number) {
    this.#microBatches = microBatches
    this.#lanes = lanes
  }

  init(): void {
    this.#state = of('init')
  }

  loadState(bytes: Uint8Array): void {
    this.#state = bytes.slice()
  }

  readState(into: Uint8Array): void {
    into.set(this.#state)
  }

  sum(step: number, replica: number, replicas: number): void {
    this.#sum = this.#subtree(step, replica, replicas) ?? fail('internal', `replica ${replica} owns no micro-batch`)
  }

  readSum(into: Uint8Array): void {
    into.set(this.#current())
  }

  writeSum(bytes: Uint8Array): void {
    this.#sum = bytes.slice(0, 32)
  }

  join(other: Uint8Array, lower: boolean): void {
    const mine = this.#current()
    const its = other.slice(0, 32)
    this.#sum = lower ? of('+', its, mine) : of('+', mine, its)
  }

  update(step: number): Float32Array {
    const sum = this.#current()
    this.#state = of(`update ${step}`, this.#state, sum)
    this.#sum = undefined
    // an integer below 2^24: exact in f32
    return Float32Array.of(((sum[0] as number) << 8) | (sum[1] as number))
  }

  /** An activation of a micro-batch: what a proof of replay shows. */
  tap(step: number, microBatch: number, node: number): Uint32Array {
    const bytes = of(`activation ${step} ${microBatch} ${node}`, this.#state)
    return new Uint32Array(bytes.buffer, bytes.byteOffset, 8)
  }

  /** The halving tree as docs/spec/protocol.md writes it down, without the plan that a cell makes of it. */
  #subtree(step: number, lane: number, level: number): Uint8Array | undefined {
    if (level >= this.#lanes) return this.#lane(step, lane)
    const low = this.#subtree(step, lane, 2 * level)
    const high = this.#subtree(step, lane + level, 2 * level)
    return low && high ? of('+', low, high) : (low ?? high)
  }

  #lane(step: number, lane: number): Uint8Array | undefined {
    let sum: Uint8Array | undefined
    for (const microBatch of microBatchesOfLane(lane, this.#microBatches, this.#lanes)) {
      const gradient = of(`gradient ${step} ${microBatch}`, this.#state)
      sum = sum ? of('+', sum, gradient) : gradient
    }
    return sum
  }

  #current(): Uint8Array {
    return this.#sum ?? fail('internal', 'there is no sum')
  }
}
