/** States on a straight line: what an attacker invents between two that it knows. */
import { BATCH } from '../job.ts'

/** The state at the share `t` of the way from `a` to `b`. */
export const between = (a: Float32Array, b: Float32Array, t: number): Float32Array =>
  t === 1 ? b.slice() : a.map((x, i) => x + (b[i]! - x) * t)

/** What a state on a line costs, in training steps: 2 operations a word, where a step takes 6 for each record. */
export const LINE_COST = 2 / (6 * BATCH)
