/** What a model is: named parameters with their initial values, and the loss of a batch of records. */
import type { Builder, Value } from '../builder.ts'

/** Initial values: every element equal, or uniform with the given standard deviation. */
export type Init =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'uniform'; readonly std: number }

export interface Parameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly init: Init
}

export const ZEROS: Init = { kind: 'constant', value: 0 }
export const ONES: Init = { kind: 'constant', value: 1 }
export const uniformInit = (std: number): Init => ({ kind: 'uniform', std })

/** Parameter values by name. @throws through the builder's caller: a model only asks for names that it declares */
export type Weights = (name: string) => Value

/** Where a model draws random bits in training: `seed` u32[2], `step` u32[], `position` u32[b]. */
export interface Draws {
  readonly seed: Value
  readonly step: Value
  readonly position: Value
}

export interface Outcome {
  /** f32[b]: the loss of each record. */
  readonly loss: Value
  /** f32[b], classifiers only: 1 where the record's label is predicted. */
  readonly correct?: Value
  /** Predictions before the softmax: [b, classes], or [b * T, 256] of a language model. */
  readonly logits: Value
}

export interface Model {
  /** In canonical order: the order of the state and of the gradients. */
  readonly parameters: readonly Parameter[]
  /** Whether `forward` gives `correct`. */
  readonly classifies: boolean
  /** @param draws absent in evaluation: nothing is random then */
  forward(b: Builder, weights: Weights, records: Value, draws?: Draws): Outcome
}
