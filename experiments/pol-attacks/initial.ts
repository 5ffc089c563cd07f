/** Whether weights look as if nobody had trained them: a statistical test, as plain proof of learning has. */

/** Kolmogorov and Smirnov's statistic of words against a uniform distribution from -bound to bound. */
function statistic(words: Float32Array, bound: number): number {
  const sorted = words.slice().sort()
  let most = 0
  for (const [i, value] of sorted.entries()) {
    const share = Math.min(1, Math.max(0, (value + bound) / (2 * bound)))
    most = Math.max(most, Math.abs(share - i / sorted.length), Math.abs(share - (i + 1) / sorted.length))
  }
  return most
}

/** Critical value at a level of 1e-3, times the square root of the sample. */
const CRITICAL = 1.95

/**
 * Tests the tensors of a two-layer net: weights uniform, with the deviation that their fan-in gives, biases zero.
 * @param sizes words of weight, bias, weight, bias
 */
export function looksInitial(state: Float32Array, sizes: readonly number[], hidden: number): boolean {
  let at = 0
  return sizes.every((size, i) => {
    const words = state.subarray(at, at + size)
    at += size
    if (i % 2 === 1) return words.every((word) => word === 0)
    // The first layer stands before a half-rectifier, the second before none.
    const bound = Math.sqrt((3 * (i === 0 ? 2 : 1)) / (i === 0 ? size / hidden : hidden))
    return statistic(words, bound) * Math.sqrt(size) < CRITICAL
  })
}
