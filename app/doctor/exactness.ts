/** The exactness probe: every engine trains a small job, and all must end in the same state, bit for bit. */
import { availableParallelism } from 'node:os'
import { type Check, failed, ok, warn } from '#app/doctor/check.ts'
import { textIntake } from '#app/job/data/text.ts'
import { assemble, type LoadedJob } from '#app/job/load.ts'
import { parseJobFile } from '#app/job/parse.ts'
import { duration } from '#app/terminal/format.ts'
import { train } from '#app/train.ts'
import { createEngine, ENGINES, type EngineName } from '#engine/index.ts'
import { fuses } from '#engine/wasm/fma.ts'
import { toHex } from '#proto/bytes.ts'
import { isAssayError } from '#proto/errors.ts'
import { Dataset } from '#runtime/dataset.ts'
import { listRoot } from '#runtime/tensors.ts'

/** A transformer small enough for the reference engine, with every kind of kernel in it. */
const PROBE = `
model: {type: gpt, width: 8, layers: 1, heads: 2, context: 8, dropout: 0.1}
data: {format: text, path: none}
steps: 3
batch: 4
microBatches: 4
optimizer: {type: adamw, learningRate: 0.01, warmup: 2}
seed: 1
`
const TEXT = 'The quick brown fox jumps over the lazy dog. '.repeat(8)

/** Whether the fast path of relaxed SIMD is there; without it the same bits take longer. */
export function checkFma(): Check {
  if (fuses()) return ok('fma', 'relaxed SIMD multiplies and adds with one rounding')
  return warn(
    'fma',
    'relaxed SIMD does not fuse here: fma is emulated, exactly but slowly',
    'Use Node 24 on a CPU with FMA.',
  )
}

interface Trial {
  readonly name: string
  readonly engine: EngineName
  readonly threads: number
  readonly replicas: number
}

const TRIALS: readonly Trial[] = [
  ...ENGINES.map((engine) => ({ name: engine, engine, threads: 1, replicas: 1 })),
  { name: 'wasm, 2 threads, 2 replicas', engine: 'wasm', threads: 2, replicas: 2 },
]

/** One check per engine: it runs, and it ends where the reference ends. */
export async function checkEngines(): Promise<Check[]> {
  const job = assemble(parseJobFile(PROBE), textIntake(new TextEncoder().encode(TEXT), 8))
  const checks: Check[] = []
  let expected: string | undefined
  for (const trial of TRIALS) {
    if (trial.threads > availableParallelism() * 2) continue
    const started = performance.now()
    try {
      const root = await stateRoot(job, trial)
      expected ??= root
      const detail = `state ${root.slice(0, 16)} in ${duration(performance.now() - started)}`
      checks.push(
        root === expected
          ? ok(trial.name, detail)
          : failed(
              trial.name,
              `${detail}, but the reference has ${expected.slice(0, 16)}`,
              'Do not train with this engine; please report it.',
            ),
      )
    } catch (error) {
      if (trial.engine !== 'wasm' && isAssayError(error, 'no-engine')) {
        checks.push(warn(trial.name, error.message, error.next ?? 'Train with the wasm engine.'))
        continue
      }
      checks.push(
        failed(trial.name, `does not run: ${(error as Error).message}`, 'Update Node; if it stays, please report it.'),
      )
    }
  }
  return checks
}

async function stateRoot({ spec, program, data }: LoadedJob, trial: Trial): Promise<string> {
  const engine = await createEngine(trial.engine, { threads: trial.threads })
  try {
    const state = await train({ engine, program, spec, data: new Dataset(spec.data, data), replicas: trial.replicas })
    return toHex(listRoot(program.state, state))
  } finally {
    await engine.close()
  }
}
