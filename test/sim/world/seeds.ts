/** Which worlds are simulated, and what came of all of them. */
import type { ChainPool } from '#test/sim/world/chain.ts'
import { FINALITY } from '#test/sim/world/weather.ts'
import { type Report, World } from '#test/sim/world/world.ts'

/** The seeds 1 .. `runs`; `ASSAY_SIM_SEED=n` is that one alone, `ASSAY_SIM_RUNS=n` that many. */
export function seeds(runs: number): number[] {
  const only = process.env['ASSAY_SIM_SEED']
  const count = Number(process.env['ASSAY_SIM_RUNS'] ?? runs)
  return only === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(only)]
}

/** Lives through the world of a seed. @throws Error that names the seed and how to replay it */
export async function live(pool: ChainPool, seed: number): Promise<Report> {
  try {
    return await World.live(pool, seed, { finality: FINALITY })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`world ${seed}: ${message} (replay it: node test/sim/world/replay.ts ${seed})`, { cause })
  }
}

/** Sums over reports, for people. */
export function figures(reports: readonly Report[]): Record<string, number> {
  const sum = (of: (report: Report) => number): number => reports.reduce((total, report) => total + of(report), 0)
  return {
    worlds: reports.length,
    settled: reports.filter(({ phase }) => phase === 'settled').length,
    events: sum(({ events }) => events),
    checks: sum(({ checks }) => checks),
    blocks: sum(({ blocks }) => blocks),
    replaced: sum(({ replaced }) => replaced),
    crashes: sum(({ crashes }) => crashes),
  }
}
