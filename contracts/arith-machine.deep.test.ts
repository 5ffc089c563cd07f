/**
 * The scalar machine of the contracts against microStep: every element program of every preset, random programs,
 * changed bytes.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { words } from '#arith/hard.ts'
import { randomProgram } from '#arith/testing-programs.ts'
import { type Probe, startProbe } from '#contracts/testing/arithmetic.ts'
import { LONG, programsOf } from '#contracts/testing/machine-programs.ts'
import { surveyMutations } from '#contracts/testing/mutations.ts'
import { expectSteps } from '#contracts/testing/step-runs.ts'
import { PRESETS } from '#graph/presets.ts'

const SEED = 70_524
let probe: Probe

beforeAll(async () => {
  probe = await startProbe()
})
afterAll(() => probe?.stop())

test.each(Object.entries(LONG))(`%s (seed ${SEED})`, async (_, p) => {
  const next = words(SEED)
  for (let i = 0; i < 5; i++) await expectSteps(probe, p, next, 1000)
})

test.each(Object.entries(PRESETS))(`every element program of %s (seed ${SEED})`, async (name, spec) => {
  const next = words(SEED)
  let steps = 0
  for (const arithmetic of ['f32', 'q16', 'q24'] as const) {
    const programs = programsOf({ ...spec, arithmetic })
    for (const p of programs.values()) steps += await expectSteps(probe, p, next, 10)
  }
  expect(steps).toBeGreaterThan(1000)
  console.log(`${name}: ${steps} micro-steps`)
})

test(`10,000 random programs (seed ${SEED})`, async () => {
  const next = words(SEED)
  let steps = 0
  for (let i = 0; i < 10_000; i++) steps += await expectSteps(probe, randomProgram(next).program, next, 5)
  console.log(`random programs: ${steps} micro-steps`)
})

test(`100,000 changed programs (seed ${SEED})`, async () => {
  const { counts, wrong } = await surveyMutations(probe, 100_000, SEED)
  expect(wrong).toEqual([])
  console.log('changed programs:', counts)
})
