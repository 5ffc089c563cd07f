/** Where to cut: stages of nearly equal cost, at edges over which little is carried. */

/** A bottleneck may be larger than the least possible one by one part in this many, if fewer bytes are carried so. */
const SLACK = 8n

interface Cut {
  /** The first place of each stage but stage 0, ascending. */
  readonly cuts: readonly number[]
  readonly bytes: number
}

/** The least of `low .. high` that satisfies `ok`, which holds for all that are larger; `high` must. */
function bisect(low: bigint, high: bigint, ok: (limit: bigint) => boolean): bigint {
  let [from, to] = [low, high]
  while (from < to) {
    const middle = (from + to) / 2n
    if (ok(middle)) to = middle
    else from = middle + 1n
  }
  return from
}

/**
 * The cut into `stages`, none of them empty or of more than `limit`, that carries the fewest bytes; null if there is none.
 * Dynamic programming over the places: row s holds, for each end, the fewest bytes of its first s + 1 stages, and a window
 * of the starts that the limit allows gives the next row in linear time.
 */
function cheapest(sums: readonly bigint[], bytes: readonly number[], stages: number, limit: bigint): Cut | null {
  const count = bytes.length
  let row = sums.map((sum, end) => (end > 0 && sum <= limit ? 0 : Number.POSITIVE_INFINITY))
  const starts: Int32Array[] = []
  for (let s = 1; s < stages; s++) {
    const next = new Array<number>(count + 1).fill(Number.POSITIVE_INFINITY)
    const from = new Int32Array(count + 1)
    const total = (start: number): number => (row[start] as number) + (bytes[start] as number)
    /** Starts that are still allowed, from the cheapest on; each is cheaper than all behind it. */
    const window: number[] = []
    let head = 0
    for (let end = 1; end <= count; end++) {
      const start = end - 1
      if (start > 0 && row[start] !== Number.POSITIVE_INFINITY) {
        while (window.length > head && total(window[window.length - 1] as number) >= total(start)) window.pop()
        window.push(start)
      }
      while (head < window.length && (sums[end] as bigint) - (sums[window[head] as number] as bigint) > limit) head++
      const best = window[head]
      if (best === undefined) continue
      next[end] = total(best)
      from[end] = best
    }
    row = next
    starts.push(from)
  }
  const least = row[count] as number
  if (least === Number.POSITIVE_INFINITY) return null
  const cuts: number[] = []
  for (let s = stages - 2, end = count; s >= 0; s--) {
    end = starts[s]?.[end] as number
    cuts.unshift(end)
  }
  return { cuts, bytes: least }
}

/**
 * Cuts a line of places into `stages`, at most as many as there are places: the cost of the dearest stage is the least
 * possible, or up to an eighth more if fewer bytes cross so, and the least of all cuts over which as few bytes cross.
 * @param costs of each place
 * @param bytes carried over a cut right before each place; that of place 0 is not read
 * @returns the first place of each stage but stage 0, ascending
 */
export function balance(costs: readonly bigint[], bytes: readonly number[], stages: number): readonly number[] {
  const sums = [0n]
  for (const cost of costs) sums.push((sums.at(-1) as bigint) + cost)
  const within = (limit: bigint): Cut | null => cheapest(sums, bytes, stages, limit)
  const least = bisect(0n, sums.at(-1) as bigint, (limit) => within(limit) !== null)
  const most = least + least / SLACK
  const fewest = within(most)?.bytes
  const limit = bisect(least, most, (bound) => within(bound)?.bytes === fewest)
  return within(limit)?.cuts ?? []
}
