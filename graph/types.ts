/** The step graph: a static, typed, shaped SSA program without control flow. */
import type { TensorType } from '#arith/types.ts'

/** One application of a primitive. Its result is the value with id `inputs.length + index of the node`. */
export interface Node {
  /** Name of the primitive in the registry (graph/primitives). */
  readonly op: string
  /** The primitive's attributes, already validated; encoded canonically by its codec. */
  readonly attrs: unknown
  /** Value ids of the operands; each is smaller than this node's own id. */
  readonly inputs: readonly number[]
  /** Type of the result, equal to `infer(attrs, input types)`. */
  readonly type: TensorType
}

/** A named input or output of a graph. */
export interface Port {
  readonly name: string
  readonly type: TensorType
}

/**
 * Values are numbered: inputs `0..inputs.length-1`, then nodes in order.
 * `outputs[i].value` may name any value; names are unique within inputs and within outputs.
 */
export interface Graph {
  readonly name: string
  readonly inputs: readonly Port[]
  readonly nodes: readonly Node[]
  readonly outputs: readonly { readonly name: string; readonly value: number }[]
}

/**
 * A job's whole program. All graphs agree on the state ports `state` (in canonical state order) and on the gradient
 * ports `gradients` (same order as the trainable parameters).
 *
 * - `init`: `seed` (u32[2]) -> state
 * - `micro`: state, `seed` (u32[2]), `step` (u32[]), `position` (u32[b], global record positions), `records` -> gradients, then metrics (f32[], summed over micro-batches)
 * - `combine`: `a.<g>` for every gradient and metric g, then `b.<g>` -> `<g>` = a + b, elementwise
 * - `update`: state, `step` (u32[]), gradients, metrics -> state, then step metrics (f32[])
 * - `evaluate`: state, `records` -> metrics (f32[], summed over batches; `count` is always among them). A record whose last
 *   element is negative is padding: it counts nothing
 */
export interface Program {
  readonly init: Graph
  readonly micro: Graph
  readonly combine: Graph
  readonly update: Graph
  readonly evaluate: Graph
  /** State tensors in canonical order. */
  readonly state: readonly Port[]
  /** Gradient tensors, in the order `micro` emits them (before its metrics). */
  readonly gradients: readonly Port[]
  /** Metrics emitted by `micro` after the gradients. */
  readonly metrics: readonly Port[]
}

/** The phases of a program, in the order in which they are committed. */
export const PHASES = ['init', 'micro', 'combine', 'update', 'evaluate'] as const
export type Phase = (typeof PHASES)[number]
