/** The vocabulary of exact arithmetic: words, tensor types, building blocks and element programs. */

/** A 32-bit pattern held as an unsigned integer, whatever the dtype. */
export type Word = number

export type DType = 'f32' | 'i32' | 'u32' | 'bool'

/** Type of a dense row-major tensor; `shape` is `[]` for a scalar. Every element is one 32-bit word. */
export interface TensorType {
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** The closed set of correctly rounded building blocks. Their meaning is `evaluate` in blocks.ts. */
export type Block =
  | 'fadd'
  | 'fsub'
  | 'fmul'
  | 'fdiv'
  | 'fsqrt'
  | 'ffma'
  | 'fmax'
  | 'flt'
  | 'fle'
  | 'feq'
  | 'iadd'
  | 'isub'
  | 'imul'
  | 'ilt'
  | 'ieq'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shr'
  | 'select'
  | 'f2i'
  | 'i2f'
  | 'u2f'
  | 'canon'

/** Blocks that only quantised orders execute; no straight program holds them. Their meaning is in quantised.ts. */
export type QuantisedBlock = 'qshift' | 'f2q' | 'q2f' | 'imulh' | 'ult'

/** An operand of a building block inside an element program. */
export type Arg =
  /** The word brought by `loads[n]`. */
  | { readonly from: 'load'; readonly n: number }
  /** The result of instruction `n` of the same straight program. */
  | { readonly from: 'instr'; readonly n: number }
  /** The accumulator: a lane or block sum in `step`, the first operand in `join`, the total in `finish`. */
  | { readonly from: 'acc' }
  /** The second operand of `join`. */
  | { readonly from: 'other' }
  /** A coordinate: output axes first, then loop axes. */
  | { readonly from: 'axis'; readonly n: number }
  | { readonly from: 'const'; readonly bits: Word }

export interface Instr {
  readonly block: Block
  readonly args: readonly Arg[]
}

/** A straight-line program of at most 64 building blocks; its value is that of its last instruction. */
export type Straight = readonly Instr[]

export const MAX_STRAIGHT = 64

/** `base + sum(strides[i] * coordinate[i])`, over output axes then loop axes, into the flat operand. */
export interface Affine {
  readonly base: number
  readonly strides: readonly number[]
}

/** A guard holds when `0 <= affine < below`; outside, the load yields its fill. */
export interface Guard extends Affine {
  readonly below: number
}

/** How one word is brought from an operand. */
export interface Load {
  readonly operand: number
  readonly at: Affine
  readonly fill: Word
  /**
   * Gather: the word of `loads[load]`, read as i32, must lie in `0..limit-1` (else fill);
   * `stride` times it is added to the address.
   */
  readonly via?: { readonly load: number; readonly stride: number; readonly limit: number }
  readonly guard?: readonly Guard[]
}

/** Orders that contract loads 0 and 1 as integers of 16 or 24 bits, scaled in blocks of 256 positions. */
export type QuantisedOrder = 'q16' | 'q24'

/**
 * The order in which a loop's positions are folded: a k-chain in blocks of 512, 32 lanes in blocks of 16,384, or a
 * quantised contraction.
 */
export type Order = 'chain512' | 'lanes32' | QuantisedOrder

/**
 * How ONE output element of a primitive is computed: docs/spec/arithmetic.md.
 *
 * Without a loop (`loop` is `[]`) the element is `finish` alone (a map; `step` and `join` are empty, `acc` is `init`).
 * With a loop, `step` folds each position into `acc` from `init` in the given order, `join` combines lanes or block
 * results, and `finish` (may be empty: the identity) runs once on the total. If `out.dtype` is f32 the value is then made
 * canonical and stored. A quantised order is its own step and join (both are empty, `init` is +0).
 */
export interface ElementProgram {
  readonly out: TensorType
  readonly loop: readonly number[]
  readonly order: Order
  readonly loads: readonly Load[]
  readonly init: Word
  readonly step: Straight
  readonly join: Straight
  readonly finish: Straight
}

/** Where a micro-step's operand comes from. */
export type Source =
  | { readonly at: 'trace'; readonly index: number }
  | { readonly at: 'const'; readonly bits: Word }
  | {
      readonly at: 'operand'
      readonly operand: number
      readonly element: number
      readonly via?: { readonly index: Source; readonly stride: number; readonly limit: number; readonly fill: Word }
    }

/** One building block with named operands: what the chain executes at the end of a dispute. */
export interface MicroStep {
  readonly block: Block | QuantisedBlock
  readonly args: readonly Source[]
}
