/** Bidders, as far as a plan has to know them: how fast they compute, how much they hold, how they are connected. */
import { check } from '#proto/errors.ts'
import type { Program } from '../types.ts'

/** What a program takes on one machine, in whole nanoseconds, as a calibration of its engine predicts it. */
export interface Times {
  /** For a run of any graph, however small. */
  readonly run: number
  /** By node. */
  readonly micro: readonly number[]
  readonly combine: readonly number[]
  readonly update: readonly number[]
}

export interface Bidder {
  /** Tells it from all others; nothing else depends on it but the order in which equal bidders are taken. */
  readonly name: string
  /** Bidders of one kind should share the object: what a stage takes is then added up once. */
  readonly times: Times
  /** Threads for which the times hold. */
  readonly threads: number
  /** Bytes that its engine may take. */
  readonly memory: number
  /** Bits a second, in each direction. */
  readonly rate: number
  /** Nanoseconds from it to any other bidder, one way. */
  readonly latency: number
}

export const MAX_BIDDERS = 256

/** Two hours for a node, and every sum of a step stays a whole number. */
const MAX_NANOSECONDS = 2 ** 43

const isTime = (n: number): boolean => Number.isInteger(n) && n >= 0 && n <= MAX_NANOSECONDS

/**
 * Bidders by speed, the fastest first, and by name where that is equal: so that nothing depends on the order in which they
 * came, and whoever serves as well as others but is slower is left out.
 * @throws bad-input
 */
export function checkBidders(program: Program, bidders: readonly Bidder[]): readonly Bidder[] {
  const count = bidders.length >= 1 && bidders.length <= MAX_BIDDERS
  check(count, 'bad-input', `${bidders.length} bidders: a plan is made for 1 to ${MAX_BIDDERS}`)
  const named = [...bidders].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const kinds = new Map(named.map(({ times }) => [times, 0]))
  for (const times of kinds.keys()) {
    const { run, micro, combine, update } = times
    const lists = { micro, combine, update }
    for (const [graph, list] of Object.entries(lists) as [keyof typeof lists, readonly number[]][]) {
      const whole = list.length === program[graph].nodes.length && list.every(isTime)
      check(whole, 'bad-input', `times of graph '${graph}' are not whole nanoseconds of each of its nodes`)
    }
    check(isTime(run), 'bad-input', 'the time of a run is not a whole number of nanoseconds')
    kinds.set(
      times,
      micro.reduce((sum, one) => sum + one, 0),
    )
  }
  for (const [i, { name, threads, memory, rate, latency }] of named.entries()) {
    check(name !== named[i - 1]?.name, 'bad-input', `two bidders are called '${name}'`)
    const about = (what: string): string => `bidder '${name}': ${what}`
    check(Number.isInteger(threads) && threads >= 1 && threads <= 1024, 'bad-input', about('threads are 1 to 1024'))
    check(Number.isSafeInteger(memory) && memory >= 0, 'bad-input', about('memory is a whole number of bytes'))
    check(Number.isFinite(rate) && rate >= 1, 'bad-input', about('rate is at least 1 bit a second'))
    check(isTime(latency), 'bad-input', about(`latency is 0 to ${MAX_NANOSECONDS} whole nanoseconds`))
  }
  const slowness = ({ times }: Bidder): number => kinds.get(times) ?? 0
  return named.sort((a, b) => slowness(a) - slowness(b))
}
