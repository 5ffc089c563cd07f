/** Ways for a solver to cheat, one lie each: adversaries are actors of the tests and of `npm start -- --liar solver`. */
import { firstNormal } from '#runtime/pinpoint/ulp.ts'

/** A lie changes the bytes of a sum that the cell is about to use and send; true if it did. */
export type Lie = (step: number, sum: Uint8Array) => boolean

/**
 * Changes one value of the gradient sum by one ulp, once in every entry: the smallest possible lie. All replicas apply the
 * same wrong sum and agree on a wrong state, so only a replay can tell.
 */
export function oneUlp(entrySteps: number): Lie {
  return (step, sum) => {
    if (step % entrySteps !== 0) return false
    const words = new Uint32Array(sum.buffer, sum.byteOffset, sum.length / 4)
    const at = firstNormal(words)
    if (at < 0) return false
    words[at] = (words[at] as number) ^ 1
    return true
  }
}

export const LIES = ['sum'] as const
export type LieName = (typeof LIES)[number]
