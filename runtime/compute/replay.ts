/** Replays a step range globally: every replica's lane sums, the joined step, the state after it. */
import { fail } from '#proto/errors.ts'
import { listRoot, metricsRoot } from '#runtime/tensors.ts'
import type { Trainer } from '#runtime/trainer.ts'

export interface ReplayRequest {
  readonly stepFrom: number
  readonly stepTo: number
  /** Replicas of the plan epoch whose entries are replayed. Changes what is reported, never the state. */
  readonly replicas: number
  /** The activations that proofs of replay need, of the last step. */
  readonly activations?: readonly { readonly microBatch: number; readonly node: number }[]
}

export interface Replayed {
  readonly rootBefore: Uint8Array
  readonly rootAfter: Uint8Array
  /** Roots of the sums of each step, by number, the steps one after the other: leaves of `lanesRoot`. */
  readonly sumRoots: Uint8Array[]
  /** Metrics of each step, summed over the batch, in the program's order, and their list roots. */
  readonly metrics: Float32Array[]
  readonly metricRoots: Uint8Array[]
  /** Bytes of the wanted activations, in their order. */
  readonly activations: Uint8Array[]
}

/**
 * Replays `stepFrom..stepTo-1` from the trainer's current state.
 * @throws AssayError `internal` on an empty range
 */
export function replay(trainer: Trainer, request: ReplayRequest): Replayed {
  const { stepFrom, stepTo, replicas } = request
  if (stepTo <= stepFrom) fail('internal', `empty step range ${stepFrom}..${stepTo}`)
  const state = new Uint8Array(trainer.stateBytes)
  trainer.readState(state)
  const rootBefore = listRoot(trainer.program.state, state)
  const sumRoots: Uint8Array[] = []
  const metrics: Float32Array[] = []
  const activations: Uint8Array[] = []
  for (let step = stepFrom; step < stepTo; step++) {
    for (const { microBatch, node } of step === stepTo - 1 ? (request.activations ?? []) : []) {
      const words = trainer.tap(step, microBatch, node)
      activations.push(new Uint8Array(words.buffer, words.byteOffset, words.byteLength).slice())
    }
    sumRoots.push(...replayStep(trainer, step, replicas))
    metrics.push(trainer.update(step))
  }
  trainer.readState(state)
  const rootAfter = listRoot(trainer.program.state, state)
  const metricRoots = metrics.map((row) => metricsRoot(trainer.program.metrics, row))
  return { rootBefore, rootAfter, sumRoots, metrics, metricRoots, activations }
}

/**
 * Leaves the step's whole gradient sum in the trainer, joined as R replicas join it; returns the roots of the sums of the step
 * (docs/spec/protocol.md, Lanes).
 */
export function replayStep(trainer: Trainer, step: number, replicas: number): Uint8Array[] {
  if (replicas === 1) {
    trainer.sum(step, 0, 1)
    return []
  }
  const sums = Array.from({ length: replicas }, (_, replica) => {
    trainer.sum(step, replica, replicas)
    return copyOfSum(trainer)
  })
  const roots: Uint8Array[] = []
  joinSums(trainer, sums, (sum) => roots.push(listRoot(trainer.sumPorts, sum)))
  return roots
}

/**
 * Joins the sums of all replicas along the halving tree; the result becomes the trainer's current sum.
 * @param visit called with every sum of the step, by number; with none if there is one replica
 */
export function joinSums(trainer: Trainer, sums: readonly Uint8Array[], visit?: (sum: Uint8Array) => void): void {
  const values = [...sums]
  if (sums.length > 1) for (const sum of sums) visit?.(sum)
  for (let level = sums.length / 2; level >= 1; level /= 2) {
    for (let replica = 0; replica < level; replica++) {
      trainer.writeSum(values[replica] as Uint8Array)
      trainer.join(values[replica + level] as Uint8Array, false)
      if (level === 1) continue
      const joined = copyOfSum(trainer)
      visit?.(joined)
      values[replica] = joined
    }
  }
  if (sums.length === 1) trainer.writeSum(values[0] as Uint8Array)
}

function copyOfSum(trainer: Trainer): Uint8Array {
  const bytes = new Uint8Array(trainer.sumBytes)
  trainer.readSum(bytes)
  return bytes
}
