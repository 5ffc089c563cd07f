/** Simulated runs of a job whose solver cheats, audited by the protocol's own rule of sampling. */
import { auditSeed, isSampled, sampleRate } from '#proto/draw.ts'
import type { Hash } from '#proto/ids.ts'

/** Draws from [0, 1): the solver's choices, which know nothing of the audit seeds. */
export type Random = () => number

export interface Case {
  readonly name: string
  /** Chance that a run is detected, by the law. */
  readonly law: number
  /** One run: whether an entry that cheats is among the sampled ones. */
  run(index: number, random: Random): boolean
}

/** A hash of its own for each entry of each run: the sampling rule hashes it anyway. */
function entryHash(run: number, entry: number): Hash {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, run)
  view.setUint32(4, entry)
  return bytes
}

/** The seed that the chain would draw for a run. */
function seedOf(run: number): Hash {
  return auditSeed(entryHash(0, 0), 0, run, entryHash(run, 0xffffffff))
}

/** A run with `cheats` bad entries, each sampled at the rate: 1 - (1 - rate)^cheats. */
export function byEntries(rate: number, cheats: number): Case {
  const threshold = sampleRate(rate)
  return {
    name: `sampled at ${rate}, ${cheats} bad entries`,
    law: 1 - (1 - rate) ** cheats,
    run(index) {
      const seed = seedOf(index)
      for (let entry = 0; entry < cheats; entry++) {
        if (isSampled(seed, entryHash(index, entry), threshold)) return true
      }
      return false
    },
  }
}

/** A run until `samples` entries were sampled, each entry bad with the chance `fraction`: 1 - (1 - fraction)^samples. */
export function bySamples(rate: number, fraction: number, samples: number): Case {
  const threshold = sampleRate(rate)
  return {
    name: `${samples} samples, ${fraction} of the entries bad`,
    law: 1 - (1 - fraction) ** samples,
    run(index, random) {
      const seed = seedOf(index)
      for (let entry = 0, taken = 0; taken < samples; entry++) {
        const bad = random() < fraction
        if (!isSampled(seed, entryHash(index, entry), threshold)) continue
        if (bad) return true
        taken++
      }
      return false
    },
  }
}

/** The fewest samples that detect with a chance of at least `wanted`. */
export function samplesFor(fraction: number, wanted: number): number {
  let samples = 0
  for (let missed = 1; missed > 1 - wanted; missed *= 1 - fraction) samples++
  return samples
}

/** By how many standard deviations of a binomial the share of detected runs lies away from the law. */
export function sigma(law: number, detected: number, runs: number): number {
  return Math.abs(detected / runs - law) / Math.sqrt((law * (1 - law)) / runs)
}
