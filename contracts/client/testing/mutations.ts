/** Bytes that are nearly those of an element program, and what the machine of the contracts must make of them. */
import { decodeProgram, encodeProgram } from '#arith/encode.ts'
import { words } from '#arith/hard.ts'
import { traceLength } from '#arith/layout.ts'
import { checkProgram, elements } from '#arith/program.ts'
import { randomProgram } from '#arith/testing-programs.ts'
import type { ElementProgram, Word } from '#arith/types.ts'
import type { Attempt, Outcome, Probe } from '#contracts/testing/arithmetic.ts'
import { stepCase } from '#contracts/testing/step-cases.ts'
import { toHex } from '#proto/bytes.ts'
import { isAssayError } from '#proto/errors.ts'

type Next = () => Word

/**
 * What TypeScript says about bytes: no program; a program that is not valid, so that the step has this word or none;
 * or a valid one whose step has this word.
 */
type Expected =
  | { readonly kind: 'malformed' }
  | { readonly kind: 'invalid'; readonly word: Word | undefined }
  | { readonly kind: 'valid'; readonly word: Word }

interface Mutation {
  readonly attempt: Attempt
  readonly expected: Expected
}

/** A random program, changed in a few bytes, cut, lengthened, or left as it is. */
function mutation(next: Next): Mutation {
  const { program, operands } = randomProgram(next)
  const bytes = changed(encodeProgram(program), next)
  const sizes = operands.map(({ length }) => length)
  const decoded = tried(() => decodeProgram(bytes))
  if (decoded === undefined) return { attempt: { program: bytes, ...any(next) }, expected: { kind: 'malformed' } }
  const valid = tried(() => {
    checkProgram(decoded, sizes)
    return step(decoded, next)
  })
  if (valid === undefined) {
    // Words for it, if its step can be named at all: an answer is as good as an error here.
    const { element, t, opened, word } = tried(() => step(decoded, next)) ?? { ...any(next), word: undefined }
    const named = opened.filter(({ index }) => Number.isSafeInteger(index) && index >= 0)
    return { attempt: { program: bytes, element, t, opened: named }, expected: { kind: 'invalid', word } }
  }
  const { element, t, opened, word } = valid
  return { attempt: { program: bytes, element, t, opened }, expected: { kind: 'valid', word } }
}

/** Whether the machine did what it must. */
function fits({ error, word }: Outcome, expected: Expected): boolean {
  if (expected.kind === 'malformed') return error === 'BadProgram'
  if (expected.kind === 'valid') return error === undefined && word === expected.word
  if (error === undefined) return expected.word === undefined || word === expected.word
  return ['BadProgram', 'NoMicroStep', 'MissingWord'].includes(error)
}

const any = (next: Next) => ({ element: next() % 64, t: next() % 200, opened: [] })

function step(p: ElementProgram, next: Next) {
  // What is not valid may go in circles.
  if (p.loads.some(({ via }, n) => via !== undefined && via.load >= n)) return undefined
  const [count, length] = [elements(p.out.shape), traceLength(p)]
  if (!(count > 0 && length > 0 && Number.isSafeInteger(count * length))) return undefined
  return stepCase(p, next() % count, next() % length, next)
}

/** Undefined where it fails with a typed error, or cannot be run at all. */
function tried<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (isAssayError(error) || error instanceof TypeError) return undefined
    throw error
  }
}

function changed(bytes: Uint8Array, next: Next): Uint8Array {
  const kind = next() % 8
  if (kind === 0) return bytes
  if (kind === 1) return bytes.subarray(0, next() % bytes.length)
  if (kind === 2) return Uint8Array.of(...bytes, next() & 255)
  const result = Uint8Array.from(bytes)
  // Mostly small values: counts, codes and references.
  for (let n = 1 + (next() % 3); n > 0; n--) {
    result[next() % bytes.length] = next() % 3 === 0 ? next() & 255 : next() % 9
  }
  return result
}

/** More than any bytes cost. */
export const MOST_GAS = 5_000_000
const BATCH = 100

/**
 * Runs mutations and counts them by what they are.
 * @returns the counts, and every mutation that did not fit, with what came of it
 */
export async function surveyMutations(probe: Probe, count: number, seed: number) {
  const next = words(seed)
  const counts = { malformed: 0, invalid: 0, valid: 0 }
  const wrong: object[] = []
  for (let done = 0; done < count; done += BATCH) {
    const all = Array.from({ length: BATCH }, () => mutation(next))
    const attempts = all.map(({ attempt }) => attempt)
    for (const [i, outcome] of (await probe.survey(attempts, MOST_GAS)).entries()) {
      const { attempt, expected } = all[i]!
      counts[expected.kind]++
      if (!fits(outcome, expected)) wrong.push({ ...attempt, program: toHex(attempt.program), expected, outcome })
    }
  }
  return { counts, wrong }
}
