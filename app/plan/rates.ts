/** How fast a machine is: measured here, or read from a file that was measured there. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { createExactEngine, type ExactEngineName } from '#engine/conformance/exact.ts'
import { AssayError, fail } from '#proto/errors.ts'
import { calibrate } from '#runtime/speed/calibrate.ts'
import { GRID, type Rates } from '#runtime/speed/rates.ts'

const MAX_BYTES = 64 * 1024

const rate = z.number().positive().max(1e18)
const seconds = z.number().min(0).max(1e3)
const byKind = z
  .record(z.string().max(64), z.number().min(0).max(1e6))
  .refine((all) => Object.keys(all).length <= 64, 'must have at most 64 entries')

const RATES = z.strictObject({
  engine: z.string().max(64),
  threads: z.int().min(1).max(256),
  contraction: z.array(z.array(z.array(rate).length(GRID.k.length)).length(GRID.n.length)).length(GRID.m.length),
  forms: byKind,
  ...{ block: seconds, heavyBlock: seconds, word: seconds, farWord: seconds },
  element: byKind,
  ...{ call: seconds, node: seconds },
  fused: z.strictObject({ micro: z.number().min(0).max(1), update: z.number().min(0).max(1) }),
})

/** Measures the engine that roles would take here: about two seconds. @throws no-engine, not-exact */
export async function measureRates(name: ExactEngineName, threads: number): Promise<Rates> {
  const engine = await createExactEngine(name, { threads })
  try {
    return calibrate(engine)
  } finally {
    await engine.close()
  }
}

/** A calibration as `assay plan --save-rates` writes it. @throws not-found, storage, bad-config */
export async function readRates(path: string): Promise<Rates> {
  const text = await readSmall(path, 'calibration')
  try {
    return RATES.parse(JSON.parse(text))
  } catch (cause) {
    return fail('bad-config', `${path} is not a calibration: ${faultOf(cause)}`, {
      next: 'Write one with assay plan FILE --save-rates on the machine that it is of.',
      cause,
    })
  }
}

export async function saveRates(path: string, rates: Rates): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(rates)}\n`)
  } catch (cause) {
    fail('storage', `${path} cannot be written: ${(cause as Error).message}`, { cause })
  }
}

/** Text of a file of at most 64 KiB. @throws not-found, over-limit, storage */
export async function readSmall(path: string, what: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES) fail('over-limit', `${path}: a ${what} has at most ${MAX_BYTES} bytes`)
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof AssayError) throw cause
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    return fail(missing ? 'not-found' : 'storage', `there is no readable ${what} ${path}`, {
      next: 'docs/cli.md, assay plan, shows what such a file looks like.',
      cause,
    })
  }
}

/** The first fault that a schema found, with its place. */
export function faultOf(cause: unknown): string {
  const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined
  if (!issue) return (cause as Error).message.split('\n')[0]?.slice(0, 200) ?? ''
  return `${issue.path.map(String).join('.') || 'the file'}: ${issue.message}`
}
