/** Runs many cases of a block on an EVM. */
import { setImmediate } from 'node:timers/promises'
import { words } from '#arith/hard.ts'
import type { Word } from '#arith/types.ts'
import type { Probe } from '#contracts/testing/arithmetic.ts'
import { type AnyBlock, blockCase, codeOf } from '#contracts/testing/block-cases.ts'

/** Cases of one call: below the gas of a block even for the dearest ones. */
const BATCH = 200_000

/**
 * @returns the first case that differs: its arguments, the expected word and the one found, as hex; empty without any.
 */
export async function checkBlock(probe: Probe, block: AnyBlock, count: number, seed: number): Promise<string[]> {
  const code = codeOf(block)
  const next = words(seed + code)
  const pack = async (first: number): Promise<Uint32Array> => {
    const cases = new Uint32Array(4 * Math.min(BATCH, count - first))
    for (let i = 0; 4 * i < cases.length; i++) {
      cases.set(blockCase(block, next, first + i), 4 * i)
      // The request of the batch before goes out meanwhile.
      if (i % 2000 === 0) await setImmediate()
    }
    return cases
  }
  let cases = await pack(0)
  for (let first = 0; first < count; first += BATCH) {
    const answer = probe.check(code, cases)
    // The chain works on this batch while the next one is made.
    const following = first + BATCH < count ? await pack(first + BATCH) : cases
    const same = await answer
    if (4 * same < cases.length) {
      const [a, b, c, expected] = cases.subarray(4 * same) as unknown as [Word, Word, Word, Word]
      const { word } = await probe.evaluate(code, [a, b, c])
      return [a, b, c, expected, word].map((w) => `0x${w.toString(16)}`)
    }
    cases = following
  }
  return []
}

/** The gas of the dearest of the cases that `checkBlock` runs first. */
export async function mostGas(probe: Probe, block: AnyBlock, count: number, seed: number): Promise<number> {
  const code = codeOf(block)
  const next = words(seed + code)
  const cases = Array.from({ length: count }, (_, i) => blockCase(block, next, i)).flat()
  return probe.mostGas(code, Uint32Array.from(cases))
}
