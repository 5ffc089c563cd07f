/** Processor time of all parties of one training, part by part beside bare training, so that noise falls on all alike. */
import type { LoadedJob } from '#app/job/load.ts'
import type { Engine } from '#engine/types.ts'
import { isSampled, sampleRate } from '#proto/draw.ts'
import { taggedHash } from '#proto/hash.ts'
import { deviation } from '#tolerance/distance.ts'
import { Bare, type Claimed, Solver, Verifier } from './parties.ts'

export interface Course {
  readonly job: LoadedJob
  /** Steps of an entry. */
  readonly entry: number
  /** Probability with which an entry is drawn. */
  readonly rate: number
  /** Of a part of the run: its steps, and a higher probability with which they are drawn, so that a mean comes out. Default: all of it. */
  readonly part?: { readonly steps: number; readonly rate: number }
}

/** Engines of the parties; each has one of its own. */
export interface Engines {
  readonly bare: Engine
  readonly solver: Engine
  readonly verifier: Engine
}

/** Seconds of processor time, of all threads. */
export interface Cost {
  readonly engine: string
  readonly bare: number
  readonly solver: number
  /** Of the entries that are drawn with the course's probability. */
  readonly verifiers: number
  readonly audited: number
  /** Whether every audited entry was accepted: all are honest. */
  readonly accepted: boolean
  /** Of all parties together over bare training, less 1. */
  readonly overhead: number
}

/**
 * The sampling rate at which cheating in a share of the entries is detected with a probability: 1 - (1 - p)^n for n cheated entries.
 * @param detected below 1
 */
export function sampleRateFor(entries: number, cheated: number, detected: number): number {
  return 1 - (1 - detected) ** (1 / Math.max(1, Math.floor(entries * cheated)))
}

/** Runs `work`; the processor seconds that this process took for it. */
function timed<T>(work: () => T): { readonly result: T; readonly seconds: number } {
  const before = process.cpuUsage()
  const result = work()
  const { user, system } = process.cpuUsage(before)
  return { result, seconds: (user + system) / 1e6 }
}

const SEED = taggedHash('experiments/overhead', (p) => p)

/**
 * Trains a job to its end three times over, entry by entry: bare, as a solver does, and again as far as its entries are drawn.
 * @param tolerant verifiers measure distances, since the solver's engine is not exact; else they compare bits
 */
export function costOf({ job, entry, rate, part }: Course, engines: Engines, tolerant = false): Cost {
  const { steps, rate: drawn } = part ?? { steps: job.spec.steps, rate }
  const bare = new Bare(engines.bare, job)
  const solver = new Solver(engines.solver, job)
  const verifier = new Verifier(engines.verifier, job)
  const seconds = { bare: 0, solver: 0, verifiers: 0 }
  let audited = 0
  let accepted = true
  const audit = (claimed: Claimed): boolean => {
    const { accept, after } = verifier.audit(claimed)
    if (!tolerant) return accept
    return deviation(floats(claimed.before), floats(after), floats(claimed.after)).relative.l2 < 1
  }
  for (let from = 0; from < steps; from += entry) {
    const to = Math.min(steps, from + entry)
    seconds.bare += timed(() => bare.train(from, to)).seconds
    const { result: claimed, seconds: claiming } = timed(() => solver.claim(from, to))
    seconds.solver += claiming
    if (!isSampled(SEED, claimed.hash, sampleRate(drawn))) continue
    const { result, seconds: auditing } = timed(() => audit(claimed))
    seconds.verifiers += auditing
    audited++
    accepted &&= result
  }
  const verifiers = drawn === 0 ? 0 : (seconds.verifiers * rate) / drawn
  const overhead = (seconds.solver + verifiers) / seconds.bare - 1
  return { engine: engines.verifier.name, ...seconds, verifiers, audited, accepted, overhead }
}

function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}
