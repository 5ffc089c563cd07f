/** Bare training: all replicas of a job in this process, by the same plan and trainer that solvers use, without proofs. */
import type { Engine } from '#engine/types.ts'
import type { Program } from '#graph/types.ts'
import { AssayError, fail } from '#proto/errors.ts'
import type { JobSpec } from '#proto/job.ts'
import { checkPlan, exchangesOf } from '#proto/lanes.ts'
import type { Dataset } from '#runtime/dataset.ts'
import { Trainer } from '#runtime/trainer.ts'

export interface TrainOptions {
  readonly engine: Engine
  readonly program: Program
  readonly spec: JobSpec
  readonly data: Dataset
  /** Replicas, a power of two up to the job's lanes. Never changes the result. */
  readonly replicas: number
  /** Where to go on: the step and the state before it. Default: step 0 and the init graph's state. */
  readonly from?: { readonly step: number; readonly state: Uint8Array }
  /** Called after each step with its number and mean loss; awaited. `state` copies the state after that step. */
  readonly onStep?: (step: number, loss: number, state: () => Uint8Array) => void | Promise<void>
  readonly signal?: AbortSignal
}

/**
 * Trains to the job's last step and returns the final state, its tensors end to end.
 * @throws AssayError `cancelled` between two steps, `bad-plan` for a number of replicas that the lanes do not allow,
 *   `internal` should replicas ever differ
 */
export async function train(options: TrainOptions): Promise<Uint8Array> {
  const { engine, program, spec, data, replicas, from, onStep, signal } = options
  checkPlan(spec.microBatches, spec.lanes, replicas)
  const trainers = Array.from({ length: replicas }, () => new Trainer(engine, program, spec, data))
  for (const trainer of trainers) from ? trainer.loadState(from.state) : trainer.init()
  const read = (trainer: Trainer): Uint8Array => {
    const state = new Uint8Array(trainer.stateBytes)
    trainer.readState(state)
    return state
  }
  const first = trainers[0] as Trainer
  for (let step = from?.step ?? 0; step < spec.steps; step++) {
    // Kernels run synchronously: give timers and signals a turn.
    await new Promise(setImmediate)
    if (signal?.aborted) throw new AssayError('cancelled', `stopped after ${step} of ${spec.steps} steps`)
    const loss = trainStep(trainers, step)
    await onStep?.(step, loss, () => read(first))
  }
  const state = read(first)
  for (const [replica, trainer] of trainers.entries()) {
    if (Buffer.compare(read(trainer), state) !== 0) fail('internal', `replica ${replica} ended in another state`)
  }
  return state
}

/** One step of all replicas: own lanes, recursive doubling, update. Returns the mean loss. */
function trainStep(trainers: readonly Trainer[], step: number): number {
  const replicas = trainers.length
  for (const [replica, trainer] of trainers.entries()) trainer.sum(step, replica, replicas)
  const sums = trainers.map((trainer) => new Uint8Array(replicas > 1 ? trainer.sumBytes : 0))
  const levels = exchangesOf(0, replicas).length
  for (let level = 0; level < levels; level++) {
    // Everyone reads before anyone joins, as messages that cross.
    for (const [replica, trainer] of trainers.entries()) trainer.readSum(sums[replica] as Uint8Array)
    for (const [replica, trainer] of trainers.entries()) {
      const { partner, lower } = exchangesOf(replica, replicas)[level] as { partner: number; lower: boolean }
      trainer.join(sums[partner] as Uint8Array, lower)
    }
  }
  const metrics = trainers.map((trainer) => trainer.update(step))
  const [loss, count] = metrics[0] as unknown as [number, number]
  return loss / count
}
