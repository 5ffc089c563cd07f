/** What an engine does in a second here: the measured figures from which times are predicted. */

/** Sizes at which contractions are measured; rates between them are interpolated. Each list ascends. */
export const GRID = { m: [8, 64, 512], n: [8, 64, 256], k: [9, 64, 512] } as const

export interface Rates {
  readonly engine: string
  /** Threads with which the rates were measured; they hold for that number alone. */
  readonly threads: number
  /** Floating-point operations a second of contractions [m, k] x [k, n], by the places of m, n and k in the grid. */
  readonly contraction: readonly (readonly (readonly number[])[])[]
  /** Time of a contraction in another form or arithmetic over that of the plain one: `tn`, `nt`, `q16`, `q24`. */
  readonly forms: Readonly<Record<string, number>>
  /** Seconds for one building block of a map at one element: most blocks, then divisions and roots. */
  readonly block: number
  readonly heavyBlock: number
  /** Seconds for a word that a map reads or writes: in cache, and in memory. */
  readonly word: number
  readonly farWord: number
  /** Seconds for each element of other primitives: elements of the result, positions of a loop. */
  readonly element: Readonly<Record<string, number>>
  /** Seconds for a run of a graph, and for each of its nodes, however small. */
  readonly call: number
  readonly node: number
  /** Time of chains of maps and reductions over that of their nodes one by one: what fusing them saves. */
  readonly fused: { readonly micro: number; readonly update: number }
}
