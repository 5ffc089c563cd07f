/** Who takes which stage: the assignment of least cost when each of two costs counts by its largest item. */

/** What it would cost that a bidder takes a stage; null if it cannot. */
export type Offer = { readonly first: number; readonly second: number } | null

export interface Assignment {
  /** By stage: the bidders that take it, ascending. */
  readonly taken: readonly (readonly number[])[]
  /** The largest first cost, and the largest second one. */
  readonly first: number
  readonly second: number
}

const ascending = (numbers: Iterable<number>): number[] => [...new Set(numbers)].sort((a, b) => a - b)

/**
 * Gives every stage `each` bidders of its own, such that the sum of the largest first cost and the largest second cost is the
 * least possible. Exact: for every bound on the first cost that may matter the least bound on the second is found,
 * and whether bounds can be kept is a bipartite matching.
 * @param offers by stage, then by bidder
 * @param below assignments that cost this much or more are not wanted
 * @returns null if there is none
 */
export function assign(
  offers: readonly (readonly Offer[])[],
  each: number,
  below = Number.POSITIVE_INFINITY,
): Assignment | null {
  const all = offers.flat().filter((offer) => offer !== null)
  const firsts = ascending(all.map(({ first }) => first))
  const seconds = ascending(all.map(({ second }) => second))
  const least = seconds[0] ?? 0
  let best: Assignment | null = null
  let cost = below
  let j = seconds.length - 1
  let i = lowest(firsts.length, (at) => matching(offers, each, firsts[at] as number, seconds[j] as number) !== null)
  for (; i < firsts.length && (firsts[i] as number) + least < cost; i++) {
    const first = firsts[i] as number
    let taken = matching(offers, each, first, seconds[j] as number)
    for (let lower = taken; lower !== null && j > 0; ) {
      lower = matching(offers, each, first, seconds[j - 1] as number)
      if (lower === null) break
      taken = lower
      j--
    }
    const second = seconds[j] as number
    if (taken === null || first + second >= cost) continue
    cost = first + second
    best = { taken, first, second }
  }
  return best
}

/** The lowest of `0 .. count-1` that is `ok`, as all above it are; `count` if none is. */
function lowest(count: number, ok: (at: number) => boolean): number {
  let [from, to] = [0, count]
  while (from < to) {
    const middle = (from + to) >>> 1
    if (ok(middle)) to = middle
    else from = middle + 1
  }
  return from
}

/** Bidders of each stage within both bounds, by augmenting paths; null if some stage gets fewer than `each`. */
function matching(
  offers: readonly (readonly Offer[])[],
  each: number,
  first: number,
  second: number,
): readonly (readonly number[])[] | null {
  const stageOf: (number | undefined)[] = []
  const can = (stage: number, bidder: number): boolean => {
    const offer = offers[stage]?.[bidder]
    return offer !== null && offer !== undefined && offer.first <= first && offer.second <= second
  }
  const bidders = offers[0]?.length ?? 0
  const all = Array.from({ length: bidders }, (_, bidder) => bidder)
  const extend = (stage: number, seen: Set<number>): boolean => {
    const free = all.find((bidder) => stageOf[bidder] === undefined && can(stage, bidder))
    if (free !== undefined) {
      stageOf[free] = stage
      return true
    }
    for (const bidder of all) {
      const holder = stageOf[bidder]
      if (holder === undefined || holder === stage || seen.has(bidder) || !can(stage, bidder)) continue
      seen.add(bidder)
      if (!extend(holder, seen)) continue
      stageOf[bidder] = stage
      return true
    }
    return false
  }
  for (let stage = 0; stage < offers.length; stage++) {
    for (let n = 0; n < each; n++) if (!extend(stage, new Set())) return null
  }
  return offers.map((_, stage) => stageOf.flatMap((of, bidder) => (of === stage ? [bidder] : [])))
}
