/**
 * Any number of cells, over any network, with any crash on the way, give the state root of the bare run.
 * Every entry that anybody signs is compared with what an honest solver alone would have signed (`CellNetwork`).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import type { Engine } from '#engine/types.ts'
import { Dataset } from '#runtime/dataset.ts'
import { programOf } from '#runtime/program.ts'
import { tinyJob } from '#runtime/testing.ts'
import { Trainer } from '#runtime/trainer.ts'
import { BareRun } from '#test/sim/bare.ts'
import { expectRoot, FAIR, FOUL, simulateCells } from '#test/sim/cell-stories.ts'
import { CellNetwork } from '#test/sim/cells.ts'
import { chance, eachSeed } from '#test/sim/chance.ts'
import { inVirtualTime } from '#test/sim/clock.ts'
import { SymbolicTrainer } from '#test/sim/symbolic.ts'

test('symbolic cells through loss, delay, stalls, partitions, deaths, restarts and rollbacks', () =>
  eachSeed('cells', 200, (random) => inVirtualTime(() => simulateCells(random))))

test('a state that arrives after the next plan has begun disturbs nothing', () =>
  eachSeed('late state', 20, (random) =>
    inVirtualTime(async () => {
      const job = { steps: 40, entrySteps: 1, entriesPerWindow: 4, depth: 8 }
      const engines = [new SymbolicTrainer(2, 2), new SymbolicTrainer(2, 2)]
      const bare = new BareRun(new SymbolicTrainer(2, 2), job.steps)
      const network = new CellNetwork(job, engines, bare, random, { loss: 0, delay: 3_000, work: 60, stall: 0 })
      const joins = (window: number) => network.plan(1, window, network.members.slice(1))
      const newcomer = (): void => {
        joins(network.nextWindow)
        // it has nothing to fetch for this one
        setTimeout(() => joins(0), random.below(500))
      }
      await network.run(1, [{ at: 4_000, what: newcomer }])
      expectRoot(network, bare)
      expect(network.epoch).toBe(3)
    }),
  ))

describe.each([2, 4])('%i replicas, one restarted at any moment', (replicas) => {
  const job = { steps: 12, entrySteps: 2, entriesPerWindow: 2, depth: 2 }
  const bare = new BareRun(new SymbolicTrainer(8, 8), job.steps)
  const engines = (): SymbolicTrainer[] => Array.from({ length: replicas }, () => new SymbolicTrainer(8, 8))

  // How long it is away decides who is ahead: back at once, while it is waited for, after it was given up, much later.
  test.each([0, 2_000, 25_000, 50_000])('away for %i ms', (away) =>
    eachSeed(`restart ${replicas} ${away}`, 12, (random, seed) =>
      inVirtualTime(async () => {
        const network = new CellNetwork(job, engines(), bare, random, seed % 2 ? FAIR : FOUL)
        const member = random.pick(network.members)
        const restart = (): void => {
          network.kill(member)
          setTimeout(() => network.start(member), away)
        }
        await network.run(replicas, [{ at: random.below(15_000), what: restart }])
        expectRoot(network, bare)
        // away for too long, it may have been replaced
        if (away < 50_000) expect(network.epoch).toBe(1)
      }),
    ),
  )

  test('every one of them, every few seconds', () =>
    eachSeed(`restarts ${replicas}`, 12, (random) =>
      inVirtualTime(async () => {
        const network = new CellNetwork(job, engines(), bare, random, FAIR)
        const restart = (): void => {
          const member = random.pick(network.members)
          if (!member.process) return
          network.kill(member)
          setTimeout(() => network.start(member), random.below(4_000))
        }
        const faults = Array.from({ length: 12 }, (_, i) => ({ at: 1_000 + 3_000 * i, what: restart }))
        await network.run(replicas, faults)
        expectRoot(network, bare)
      }),
    ))
})

describe('the real engine', () => {
  const { spec, bytes } = tinyJob({ steps: 12, depth: 2 })
  const engines: Engine[] = []
  const trainers: Trainer[] = []
  let bare: BareRun

  beforeAll(async () => {
    for (let i = 0; i < 5; i++) {
      const engine = await createEngine('wasm')
      engines.push(engine)
      trainers.push(new Trainer(engine, programOf(spec), spec, new Dataset(spec.data, bytes)))
    }
    bare = new BareRun(trainers.pop() as Trainer, spec.steps)
  })

  afterAll(() => Promise.all(engines.map((engine) => engine.close())))

  test.each([1, 2, 4])('%i replicas', (replicas) =>
    inVirtualTime(async () => {
      const network = new CellNetwork(spec, trainers.slice(0, replicas), bare, chance('replicas'), FOUL)
      await network.run(replicas)
      expectRoot(network, bare)
      expect(network.epoch).toBe(1)
    }),
  )

  test('a solver lost in mid-run: its partner computes its sums, then fewer replicas go on', () =>
    inVirtualTime(async () => {
      const network = new CellNetwork(spec, trainers, bare, chance('lost'), FAIR)
      const lost = network.members[1]
      await network.run(4, [{ at: 1_500, what: () => lost && network.kill(lost) }])
      expectRoot(network, bare)
      expect(network.cells).toHaveLength(2)
      expect(network.epoch).toBe(2)
      // in the meantime the others trained on without it
      const first = network.signed.filter(({ entry }) => entry.epoch === 1)
      const reached = (mine: boolean): number =>
        Math.max(0, ...first.filter(({ entry }) => (entry.replica === 1) === mine).map(({ entry }) => entry.stepTo))
      expect(reached(false)).toBeGreaterThan(reached(true))
    }))

  test('a solver that restarts with its database', () =>
    inVirtualTime(async () => {
      const network = new CellNetwork(spec, trainers.slice(0, 2), bare, chance('restart'), FAIR)
      const [member] = network.members
      const restart = (): void => {
        if (!member) return
        network.kill(member)
        setTimeout(() => network.start(member), 5_000)
      }
      await network.run(2, [{ at: 1_500, what: restart }])
      expectRoot(network, bare)
      expect(network.epoch).toBe(1)
    }))
})
