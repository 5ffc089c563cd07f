/** Replays the world of a seed with its event log: `node test/sim/world/replay.ts SEED [FINALITY]`. */
import { ChainPool } from '#test/sim/world/chain.ts'
import { FINALITY } from '#test/sim/world/weather.ts'
import { World } from '#test/sim/world/world.ts'

const [seed = '1', finality = String(FINALITY)] = process.argv.slice(2)
const pool = await ChainPool.start()
try {
  const tell = (line: string): void => void process.stdout.write(`${line}\n`)
  const report = await World.live(pool, Number(seed), { finality: Number(finality), tell })
  process.stdout.write(`${JSON.stringify(report)}\n`)
} finally {
  await pool.stop()
}
