/** Runs micro-steps of a program on an EVM. */
import { expect } from 'vitest'
import { traceLength } from '#arith/layout.ts'
import { elements } from '#arith/program.ts'
import type { ElementProgram, Word } from '#arith/types.ts'
import type { Probe } from '#contracts/testing/arithmetic.ts'
import { interesting, someElements, stepCase } from '#contracts/testing/step-cases.ts'

const DTYPES = ['f32', 'i32', 'u32', 'bool']

/**
 * Expects type and length of the trace, and the words of micro-steps at every edge of the trace and `more` at random
 * ones, for the first, the last and two random elements.
 * @returns how many micro-steps
 */
export async function expectSteps(probe: Probe, p: ElementProgram, next: () => Word, more: number): Promise<number> {
  expect(await probe.traceLength(p)).toBe(traceLength(p))
  const { dtype, dims, elements: count } = await probe.outputType(p)
  expect([DTYPES[dtype], dims, count]).toEqual([p.out.dtype, p.out.shape, elements(p.out.shape)])
  const cases = someElements(p, next, 2).flatMap((element) =>
    interesting(p, next, more).map((t) => stepCase(p, element, t, next)),
  )
  const same = await probe.checkSteps(p, cases)
  if (same < cases.length) {
    const { word, ...step } = cases[same]!
    expect({ step, word: (await probe.execute(p, step)).word }).toEqual({ step, word })
  }
  return cases.length
}
