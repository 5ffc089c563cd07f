/** What all parties of a short training take, and how the sampling rate follows from what is to be detected. */
import { afterAll, expect, it } from 'vitest'
import { createExactEngine } from '#engine/conformance/exact.ts'
import { imageJob } from '../bench/jobs.ts'
import { costOf, sampleRateFor } from './cost.ts'

const engines = await Promise.all([1, 2, 3].map(() => createExactEngine('wasm')))
afterAll(() => Promise.all(engines.map((engine) => engine.close())))

it('draws as often as detection needs', () => {
  for (const [entries, cheated] of [
    [1000, 0.1],
    [4600, 0.01],
    [50, 0.1],
  ] as const) {
    const rate = sampleRateFor(entries, cheated, 0.99)
    expect(1 - (1 - rate) ** Math.floor(entries * cheated)).toBeCloseTo(0.99, 10)
  }
  expect(sampleRateFor(5, 0.1, 0.99)).toBeCloseTo(0.99, 10)
})

it('replays what is drawn, and nothing else', () => {
  const job = imageJob(
    {
      model: { type: 'mlp', hidden: [8] },
      steps: 7,
      batch: 8,
      replicas: 1,
      optimizer: { type: 'sgd', learningRate: 0.1 },
      policy: { entrySteps: 2 },
    },
    32,
  )
  const [bare, solver, verifier] = engines as [(typeof engines)[0], (typeof engines)[0], (typeof engines)[0]]
  const all = costOf({ job, entry: 2, rate: 1 }, { bare, solver, verifier })
  expect(all).toMatchObject({ audited: 4, accepted: true })
  expect(all.verifiers).toBeGreaterThan(0)
  const none = costOf({ job, entry: 2, rate: 0 }, { bare, solver, verifier })
  expect(none).toMatchObject({ audited: 0, verifiers: 0, accepted: true })
  const part = costOf({ job, entry: 2, rate: 0.5, part: { steps: 4, rate: 1 } }, { bare, solver, verifier })
  expect(part).toMatchObject({ audited: 2, accepted: true })
})
