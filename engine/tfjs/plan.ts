/** What a graph becomes for a backend: parts for the exact engine, and operations on tensors of the backend. */
import type { TensorType } from '#arith/types.ts'
import type { Graph } from '#graph/types.ts'
import type { Formula } from './formula.ts'

/** A graph for the exact engine: its ports, in order, are these values of the plan. */
export interface HostPart {
  readonly graph: Graph
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
}

/** One operation of the backend. Types of operands and result are those of the plan's values. */
export type Operation =
  | { readonly op: 'formula'; readonly formula: Formula }
  | { readonly op: 'matmul'; readonly transposeA: boolean; readonly transposeB: boolean }
  | {
      readonly op: 'reduce'
      readonly kind: 'sum' | 'max'
      readonly axes: readonly number[]
      readonly keepDims: boolean
    }
  | { readonly op: 'reshape' }
  | { readonly op: 'transpose'; readonly permutation: readonly number[] }
  | { readonly op: 'slice'; readonly starts: readonly number[]; readonly strides: readonly number[] }
  | { readonly op: 'pad'; readonly low: readonly number[]; readonly high: readonly number[]; readonly fill: number }
  | { readonly op: 'concat'; readonly axis: number }
  /** Operands: table, index (i32, all in range), and which rows are taken (bool, with an axis of size 1 behind). */
  | { readonly op: 'gather' }
  /** Operands: index (i32; `rows` for rows that drop), rows. */
  | { readonly op: 'scatterAdd'; readonly rows: number }
  | { readonly op: 'window'; readonly height: number; readonly width: number }
  | { readonly op: 'fold' }

export type Step =
  | { readonly on: 'host'; readonly part: HostPart; readonly free: readonly number[] }
  | {
      readonly on: 'device'
      readonly operation: Operation
      readonly inputs: readonly number[]
      readonly out: number
      readonly free: readonly number[]
    }

export interface Plan {
  /** Types of all values: the graph's, then those that were cut out of its nodes. */
  readonly types: readonly TensorType[]
  /** Depends on nothing: computed once. */
  readonly constants: HostPart | null
  /** Depends on inputs alone: computed before the first step. */
  readonly prelude: HostPart | null
  /** In order; `free` names the values that no later step and no output needs. */
  readonly steps: readonly Step[]
  /** The graph's outputs: their values, and where they lie after the steps. */
  readonly outputs: readonly { readonly value: number; readonly on: 'host' | 'device' | 'input' }[]
}
