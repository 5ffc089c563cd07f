/** Many worlds, one after the other, and what came of all of them. */
import { ChainPool } from '#test/sim/world/chain.ts'
import { FINALITY } from '#test/sim/world/weather.ts'
import { type Report, World } from '#test/sim/world/world.ts'

/**
 * Lives through the worlds of the seeds `from .. to`; `ASSAY_SIM_SEED=n` lives through that one alone.
 * @throws Error that names the seed and how to replay it
 */
export async function liveAll(from: number, to: number): Promise<Report[]> {
  const only = process.env['ASSAY_SIM_SEED']
  const [first, last] = only === undefined ? [from, to] : [Number(only), Number(only)]
  const pool = await ChainPool.start()
  const reports: Report[] = []
  try {
    for (let seed = first; seed <= last; seed++) {
      reports.push(
        await World.live(pool, seed, { finality: FINALITY }).catch((cause: unknown) => {
          const message = cause instanceof Error ? cause.message : String(cause)
          throw new Error(`world ${seed}: ${message} (replay: node test/sim/world/replay.ts ${seed})`, { cause })
        }),
      )
    }
    return reports
  } finally {
    await pool.stop()
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
