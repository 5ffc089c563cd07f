/** Contenders timed in turn within one run, and what their times say about each other: machines are shared. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Seconds of one call, by the clock and of the processor, all threads together. */
export interface Sample {
  readonly seconds: number
  readonly cpuSeconds: number
}

export interface Contender {
  readonly name: string
  /** The mean of `calls` in a row, after one that is not counted if they are short. */
  sample(calls: number): Promise<Sample>
}

export interface RoundOptions {
  /** Seconds that all rounds together take, at least `minRounds` of them. */
  readonly seconds: number
  readonly minRounds: number
  /** Milliseconds between two samples: idle threads of a library spin that long before they sleep. */
  readonly pause: number
}

/** `times[name][round]`. */
export type Times = Readonly<Record<string, readonly Sample[]>>

/** Calls of a sample take about that long together: long for a clock, short beside what else the machine does. */
const SAMPLE_SECONDS = 0.02
/** Code that is compiled in the background gets ready meanwhile. */
const WARM_SECONDS = 0.25
const WARM_SAMPLES = 3

const processorSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** Times `calls` calls of something in this process. */
export function timed(run: () => void, calls: number): Sample {
  if (calls > 1) run()
  const [start, cpuStart] = [performance.now(), processorSeconds()]
  for (let call = 0; call < calls; call++) run()
  return {
    seconds: (performance.now() - start) / 1e3 / calls,
    cpuSeconds: (processorSeconds() - cpuStart) / calls,
  }
}

/** Calls of one sample for a call that takes `seconds`. */
export const callsFor = (seconds: number): number =>
  Math.min(1000, Math.max(1, Math.round(SAMPLE_SECONDS / Math.max(seconds, 1e-9))))

async function warm(contender: Contender): Promise<number> {
  const start = performance.now()
  let fastest = Number.POSITIVE_INFINITY
  for (let i = 0; i < WARM_SAMPLES || performance.now() - start < 1e3 * WARM_SECONDS; i++) {
    fastest = Math.min(fastest, (await contender.sample(1)).seconds)
    // One call of a second has warmed everything that there is.
    if (fastest > 1) break
  }
  return callsFor(fastest)
}

/** Times every contender once a round; each round begins with another one, so that none always follows the same. */
export async function inRounds(contenders: readonly Contender[], options: RoundOptions): Promise<Times> {
  const calls: number[] = []
  for (const contender of contenders) calls.push(await warm(contender))
  const times: Record<string, Sample[]> = Object.fromEntries(contenders.map(({ name }) => [name, []]))
  const end = performance.now() + 1e3 * options.seconds
  for (let round = 0; round < options.minRounds || performance.now() < end; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const index = (round + turn) % contenders.length
      const contender = contenders[index] as Contender
      if (options.pause > 0) await sleep(options.pause)
      times[contender.name]?.push(await contender.sample(calls[index] as number))
    }
  }
  return times
}

/** @throws RangeError for no values */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of nothing')
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] as number) + upper) / 2
}

/** Null for no values. */
export function geometricMean(values: readonly number[]): number | null {
  if (values.length === 0) return null
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}

/** How many times as fast one contender is as another. */
export interface Ratio {
  /** Median over the rounds of the ratio within a round. */
  readonly median: number
  /** Of their fastest times: least is left there of what else the machine does. */
  readonly fastest: number
  /** Median of the ratio of processor times: what a busy machine does not stretch. */
  readonly cpu: number
}

/** Null where one of the two did not take part. */
export function ratioOf(times: Times, name: string, peer: string): Ratio | null {
  const [own, other] = [times[name], times[peer]]
  if (!own?.length || !other?.length) return null
  const within = (of: (sample: Sample) => number): number =>
    median(own.map((sample, round) => of(other[round] as Sample) / of(sample)))
  const least = (samples: readonly Sample[]): number => Math.min(...samples.map(({ seconds }) => seconds))
  return {
    median: within(({ seconds }) => seconds),
    fastest: least(other) / least(own),
    cpu: within(({ cpuSeconds }) => cpuSeconds),
  }
}

/** `table[item][threads]`. */
export type Table = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** Rows as a JSON line shows them. */
export function tableOf(
  rows: readonly { readonly item: string; readonly threads: number; readonly row: unknown }[],
): Table {
  const items = Map.groupBy(rows, ({ item }) => item)
  return Object.fromEntries(
    [...items].map(([item, own]) => [item, Object.fromEntries(own.map(({ threads, row }) => [threads, row]))]),
  )
}

/** Four digits: more than a measured figure has. */
export const rounded = (value: number): number => Number(value.toPrecision(4))
