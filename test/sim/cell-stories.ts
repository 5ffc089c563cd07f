/** Drawn networks of cells: a job, who trains it, and what goes wrong. */
import { toHex } from '#proto/bytes.ts'
import { windowCount } from '#proto/windows.ts'
import { BareRun } from '#test/sim/bare.ts'
import { CellNetwork, type Weather } from '#test/sim/cells.ts'
import type { Chance } from '#test/sim/chance.ts'
import { SymbolicTrainer } from '#test/sim/symbolic.ts'

export const FAIR: Weather = { loss: 0, delay: 50, work: 30, stall: 0 }
export const FOUL: Weather = { loss: 0.1, delay: 2_000, work: 30, stall: 0.02 }
/** Machines so slow that partners give each other up all the time. */
const SLOW: Weather = { loss: 0.02, delay: 500, work: 4_000, stall: 0.05 }

/** Every window is committed with the bare run's roots, and every cell that lives holds the final state. */
export function expectRoot(network: CellNetwork, bare: BareRun): void {
  const root = toHex(bare.roots.at(-1) as Uint8Array)
  const same = (reached: Uint8Array | null | undefined): void => {
    if (!reached || toHex(reached) !== root) throw new Error(`${reached && toHex(reached)} instead of ${root}`)
  }
  same(network.root)
  for (const { process } of network.cells) if (process) same(process.stateRoot())
}

/** A job, a network and what goes wrong in it, all of them drawn. */
export async function simulateCells(random: Chance): Promise<void> {
  const lanes = 2 ** random.below(4)
  const microBatches = lanes + random.below(4)
  const job = {
    steps: 1 + random.below(20),
    entrySteps: 1 + random.below(3),
    entriesPerWindow: 1 + random.below(3),
    depth: 1 + random.below(3),
  }
  const members = 1 + random.below(5)
  const engines = Array.from({ length: members }, () => new SymbolicTrainer(microBatches, lanes))
  const bare = new BareRun(new SymbolicTrainer(microBatches, lanes), job.steps)
  const partitions = Array.from({ length: random.below(3) }, () => {
    const from = random.below(60_000)
    return { from, to: from + random.below(30_000), side: new Set([...engines.keys()].filter(() => random.bool(0.5))) }
  })
  const network = new CellNetwork(job, engines, bare, random, random.pick([FAIR, FOUL, SLOW]), partitions)
  const most = Math.min(lanes, 2 ** Math.floor(Math.log2(members)))
  // half of them come in pairs: what one begins is not over when the next one falls
  const moments = Array.from({ length: random.below(4) }, () => random.below(60_000)).flatMap((at) =>
    random.bool(0.5) ? [at] : [at, at + random.below(4_000)],
  )
  const faults = moments.map((at) => ({ at, what: random.pick([kill, restart, rollBack]) }))
  function kill(): void {
    const member = random.pick(network.members)
    if (network.members.some((other) => other !== member && other.process)) network.lose(member)
  }
  function restart(): void {
    const member = random.pick(network.members)
    network.kill(member)
    setTimeout(() => member.process ?? network.start(member), random.below(40_000))
  }
  function rollBack(): void {
    if (network.nextWindow === windowCount(job)) return
    network.plan(2 ** random.below(Math.log2(most) + 1), network.finalWindows, random.shuffle(network.members))
  }
  await network.run(2 ** random.below(Math.log2(most) + 1), faults)
  expectRoot(network, bare)
}
