/** Ways for a solver to cheat, one lie each: adversaries are actors of the tests and of `npm start -- --liar solver`. */

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
    // A normal number stays canonical when its last bit flips.
    const at = words.findIndex((word) => ((word >>> 23) & 0xff) > 0 && ((word >>> 23) & 0xff) < 0xff)
    if (at < 0) return false
    words[at] = (words[at] as number) ^ 1
    return true
  }
}

export const LIES = ['sum'] as const
export type LieName = (typeof LIES)[number]
