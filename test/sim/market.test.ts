/** Markets with liars and losses, on the real contracts: the job ends with the bare run's root, and the guilty pay. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import type { Engine } from '#engine/types.ts'
import { sampleRate } from '#proto/draw.ts'
import { Dataset } from '#runtime/dataset.ts'
import { programOf } from '#runtime/program.ts'
import { tinyJob } from '#runtime/testing.ts'
import { Trainer } from '#runtime/trainer.ts'
import { BareRun } from '#test/sim/bare.ts'
import { type Chance, eachSeed } from '#test/sim/chance.ts'
import { Scenario, type Stage } from '#test/sim/scenario.ts'

const { spec, bytes } = tinyJob({
  steps: 12,
  entrySteps: 2,
  entriesPerWindow: 2,
  depth: 2,
  policy: { sampleRate: sampleRate(0.5) },
})
const engines: Engine[] = []
let stage: Stage

beforeAll(async () => {
  const trainers: Trainer[] = []
  for (let i = 0; i < 4; i++) {
    const engine = await createEngine('wasm')
    engines.push(engine)
    trainers.push(new Trainer(engine, programOf(spec), spec, new Dataset(spec.data, bytes)))
  }
  const [audits, ...solvers] = trainers as [Trainer, ...Trainer[]]
  stage = { spec, bare: new BareRun(audits, spec.steps), solvers, audits }
})

afterAll(() => Promise.all(engines.map((engine) => engine.close())))

const simulate = (name: string, runs: number, play: (scenario: Scenario, random: Chance) => Promise<void>) =>
  eachSeed(name, runs, (random, seed) => Scenario.run(stage, random, seed, (scenario) => play(scenario, random)))

test('an honest job settles', () =>
  simulate('honest', 2, async (s) => {
    await s.troupe.coordinator('coordinator', 0)
    await s.troupe.solver('solver A', stage.solvers[0] as Trainer)
    await s.troupe.solver('solver B', stage.solvers[1] as Trainer)
    await s.troupe.verifier('verifier A')
    await s.troupe.verifier('verifier B')
    await s.troupe.whistleblower('whistleblower', 0.3)
    await s.submit()
    const view = await s.until()
    expect(view).toMatchObject({ phase: 'settled', finalRoot: s.honestRoot, epoch: 1 })
  }))
