/** The scalar machine of the contracts against microStep, on an EVM. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { words } from '#arith/hard.ts'
import { traceLength } from '#arith/layout.ts'
import { convolution, gather, matmul, randomProgram } from '#arith/testing-programs.ts'
import { type Probe, startProbe } from '#contracts/testing/arithmetic.ts'
import { dearest, LONG, programsOf } from '#contracts/testing/machine-programs.ts'
import { MOST_GAS, surveyMutations } from '#contracts/testing/mutations.ts'
import { stepCase } from '#contracts/testing/step-cases.ts'
import { expectSteps } from '#contracts/testing/step-runs.ts'
import { PRESETS } from '#graph/presets.ts'

const SEED = 70_521
let probe: Probe

beforeAll(async () => {
  probe = await startProbe()
})
afterAll(() => probe?.stop())

test.each(Object.entries(LONG))(`%s (seed ${SEED})`, async (_, p) => {
  await expectSteps(probe, p, words(SEED), 20)
})

test(`random programs (seed ${SEED})`, async () => {
  const next = words(SEED)
  let steps = 0
  for (let i = 0; i < 120; i++) steps += await expectSteps(probe, randomProgram(next).program, next, 3)
  expect(steps).toBeGreaterThan(2000)
})

test(`element programs of a job with convolutions (seed ${SEED})`, async () => {
  const next = words(SEED)
  const programs = programsOf(PRESETS['cnn-tiny'])
  expect(programs.size).toBeGreaterThan(50)
  for (const p of programs.values()) await expectSteps(probe, p, next, 1)
})

test(`changed bytes give what TypeScript says, and never run out of gas (seed ${SEED})`, async () => {
  const { counts, wrong } = await surveyMutations(probe, 2000, SEED)
  expect(wrong).toEqual([])
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(400)
})

test('every word that a micro-step needs is asked for by its name', async () => {
  // Two factors and an accumulator; an index and the row that it names.
  const { opened, ...product } = stepCase(matmul(4, 5, 1300), 7, 600, () => 2)
  expect(opened.length).toBe(3)
  for (const { traced, operand, index } of opened) {
    const rest = opened.filter((one) => one.index !== index)
    const missing = `MissingWord(${traced}, ${operand}, ${index})`
    await expect(probe.execute(matmul(4, 5, 1300), { ...product, opened: rest })).rejects.toThrow(missing)
  }
  const rows = gather(10, 4, 3)
  await expect(probe.execute(rows, { element: 6, t: 0, opened: [] })).rejects.toThrow('MissingWord(false, 1, 1)')
  const index = { traced: false, operand: 1, index: 1, word: 9 }
  await expect(probe.execute(rows, { element: 6, t: 0, opened: [index] })).rejects.toThrow('MissingWord(false, 0, 38)')
  const outside = { ...index, word: 10 }
  expect((await probe.execute(rows, { element: 6, t: 0, opened: [outside] })).word).toBe(0)
})

test('elements and words that do not exist', async () => {
  const p = convolution(2, 4, 5, 3, 2)
  const last = traceLength(p) - 1
  await expect(probe.execute(p, { element: 80, t: last, opened: [] })).rejects.toThrow(`NoMicroStep(80, ${last})`)
  await expect(probe.execute(p, { element: 79, t: last + 1, opened: [] })).rejects.toThrow(
    `NoMicroStep(79, ${last + 1})`,
  )
  await expect(probe.execute(p, { element: 79, t: last, opened: [] })).rejects.toThrow('MissingWord')
  const empty = { ...p, out: { dtype: 'f32', shape: [2, 0, 5, 2] } } as const
  await expect(probe.execute(empty, { element: 0, t: 0, opened: [] })).rejects.toThrow('NoMicroStep(0, 0)')
})

test('the dearest program stays below the bound', async () => {
  const p = dearest()
  // The last block of the last step: three loads, each through all others.
  const { word, ...step } = stepCase(p, 255, 256 * 64 - 1, () => 2)
  expect(step.opened.length).toBe(32)
  const run = await probe.execute(p, step)
  expect(run.word).toBe(word)
  expect(run.gas).toBeGreaterThan(MOST_GAS / 2)
  expect(run.gas).toBeLessThan(MOST_GAS)
})
