/** What an optimizer is: extra state, and one step as graph. */
import type { Builder, Value } from '../builder.ts'
import type { Port } from '../types.ts'

/** A named state tensor with the value all its elements start from. */
export interface Slot extends Port {
  readonly start: number
}

export interface Optimizer {
  /** Optimizer state after the parameters, in canonical order. */
  slots(parameters: readonly Port[]): Slot[]
  /**
   * One step. All lists follow the parameters; `slots` follows `slots()`.
   * @param rate f32[]: the learning rate of this step
   */
  step(
    b: Builder,
    parameters: readonly Value[],
    gradients: readonly Value[],
    slots: readonly Value[],
    rate: Value,
  ): { parameters: Value[]; slots: Value[] }
}

/** Weight decay acts on matrices only: biases, gains and other vectors stay free. */
export function decays(parameter: Value): boolean {
  return parameter.type.shape.length >= 2
}

/** `learningRate`, rising linearly over the first `warmup` steps: (step + 1) / warmup of it. */
export function learningRate(b: Builder, base: number, warmup: number, step: Value): Value {
  if (warmup === 0) return b.constant(base)
  const share = b.mul(b.toFloat(b.add(step, 1)), 1 / warmup)
  return b.mul(b.select(b.less(share, 1), share, 1), base)
}
