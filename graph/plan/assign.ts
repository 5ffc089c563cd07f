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
  const least = { first: leastOf(offers, each, 'first'), second: leastOf(offers, each, 'second') }
  const all = offers.flat().filter((offer) => offer !== null)
  const wanted = all.filter(({ first }) => first >= least.first && first + least.second < below)
  const firsts = ascending(wanted.map(({ first }) => first))
  const seconds = ascending(all.map(({ second }) => second).filter((second) => second >= least.second))
  const within = (first: number, second: number) => matching(offers, each, first, second)
  const dearest = seconds.at(-1) as number
  // Mostly there is no better one, and the loosest bounds tell.
  if (firsts.length === 0 || !within(firsts.at(-1) as number, dearest)) return null
  let best: Assignment | null = null
  let cost = below
  for (let i = lowest(firsts.length, (at) => within(firsts[at] as number, dearest) !== null); i < firsts.length; i++) {
    const first = firsts[i] as number
    const better = lowest(seconds.length, (at) => first + (seconds[at] as number) >= cost)
    if (better === 0) break
    if (!within(first, seconds[better - 1] as number)) continue
    const second = seconds[lowest(better, (at) => within(first, seconds[at] as number) !== null)] as number
    const taken = within(first, second)
    if (taken) best = { taken, first, second }
    cost = first + second
  }
  return best
}

/** No assignment costs less: so much the dearest stage takes of its cheapest `each` bidders. Infinite if it has fewer. */
function leastOf(offers: readonly (readonly Offer[])[], each: number, cost: 'first' | 'second'): number {
  return offers.reduce((most, stage) => {
    const costs = stage.flatMap((offer) => (offer ? [offer[cost]] : [])).sort((a, b) => a - b)
    return Math.max(most, costs[each - 1] ?? Number.POSITIVE_INFINITY)
  }, Number.NEGATIVE_INFINITY)
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
  const allowed = offers.map((stage) =>
    stage.flatMap((offer, bidder) => (offer && offer.first <= first && offer.second <= second ? [bidder] : [])),
  )
  if (allowed.some(({ length }) => length < each)) return null
  const stageOf: (number | undefined)[] = []
  const extend = (stage: number, seen: Set<number>): boolean => {
    const own = allowed[stage] as readonly number[]
    const free = own.find((bidder) => stageOf[bidder] === undefined)
    if (free !== undefined) {
      stageOf[free] = stage
      return true
    }
    for (const bidder of own) {
      const holder = stageOf[bidder] as number
      if (holder === stage || seen.has(holder)) continue
      // Any of its bidders will do for a stage that has found another one.
      seen.add(holder)
      if (!extend(holder, seen)) continue
      stageOf[bidder] = stage
      return true
    }
    return false
  }
  for (let stage = 0; stage < offers.length; stage++) {
    for (let n = 0; n < each; n++) if (!extend(stage, new Set([stage]))) return null
  }
  return offers.map((_, stage) => stageOf.flatMap((of, bidder) => (of === stage ? [bidder] : [])))
}
