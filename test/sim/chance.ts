/**
 * Chance with a seed: every choice of a simulation comes from one generator, so that its seed replays it exactly.
 * `ASSAY_SIM_SEED=n` runs that seed alone, `ASSAY_SIM_RUNS=n` runs n seeds of every simulation.
 */
import seedrandom from 'seedrandom'

export interface Chance {
  /** Uniform in `0 .. n-1`. */
  below(n: number): number
  bool(probability: number): boolean
  pick<T>(items: readonly T[]): T
  shuffle<T>(items: readonly T[]): T[]
}

export function chance(seed: string): Chance {
  const next = seedrandom(seed)
  const below = (n: number): number => Math.floor(next() * n)
  return {
    below,
    bool: (probability) => next() < probability,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    shuffle(items) {
      const out = [...items]
      for (let i = out.length - 1; i > 0; i--) {
        const j = below(i + 1)
        const swap = out[i] as (typeof items)[number]
        out[i] = out[j] as (typeof items)[number]
        out[j] = swap
      }
      return out
    },
  }
}

/**
 * Runs a simulation with the seeds 1 .. `runs`. A failure names its seed and how to replay it.
 *
 * @param name names the simulation: equal seeds of different simulations are unrelated
 */
export async function eachSeed(
  name: string,
  runs: number,
  simulate: (random: Chance, seed: number) => Promise<void>,
): Promise<void> {
  const only = process.env['ASSAY_SIM_SEED']
  const count = Number(process.env['ASSAY_SIM_RUNS'] ?? runs)
  const seeds = only === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(only)]
  for (const seed of seeds) {
    try {
      await simulate(chance(`${name} ${seed}`), seed)
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`${name}: seed ${seed} fails (replay it with ASSAY_SIM_SEED=${seed}): ${message}`, { cause })
    }
  }
}
