/** `assay doctor --engine`: which backends of TensorFlow.js compute here, and how near the definition they stay. */
import { type Check, failed, ok, warn } from '#app/doctor/check.ts'
import { textIntake } from '#app/job/data/text.ts'
import { assemble, type LoadedJob } from '#app/job/load.ts'
import { parseJobFile } from '#app/job/parse.ts'
import { duration } from '#app/terminal/format.ts'
import { createEngine } from '#engine/index.ts'
import { BACKENDS, type BackendName } from '#engine/tfjs/backends.ts'
import { tfjsEngine } from '#engine/tfjs/engine.ts'
import type { Engine } from '#engine/types.ts'
import { isAssayError } from '#proto/errors.ts'
import { Dataset } from '#runtime/dataset.ts'
import { Trainer } from '#runtime/trainer.ts'
import { deviation } from '#tolerance/distance.ts'

/** A transformer with every kind of operation in it, small enough for a GPU that is emulated. */
const PROBE = `
model: {type: gpt, width: 8, layers: 1, heads: 2, context: 8, dropout: 0.1}
data: {format: text, path: none}
steps: 2
batch: 2
microBatches: 1
optimizer: {type: adamw, learningRate: 0.01}
seed: 1
`
const TEXT = 'The quick brown fox jumps over the lazy dog. '.repeat(8)
const STEPS = 2
/** Of the update, in l2: rounding is a thousand times smaller, a mistake a thousand times larger. */
const NEAR = 1e-3

/** One check for each backend; a single one where nothing is installed. */
export async function* examineTfjs(): AsyncGenerator<Check> {
  const job = assemble(parseJobFile(PROBE), textIntake(new TextEncoder().encode(TEXT), 8))
  const exact = await createEngine('wasm')
  const before = stateAfter(exact, job, 0)
  const expected = stateAfter(exact, job, STEPS)
  await exact.close()
  for (const backend of BACKENDS) yield await examine(backend, job, before, expected)
}

async function examine(
  backend: BackendName,
  job: LoadedJob,
  before: Float32Array,
  expected: Float32Array,
): Promise<Check> {
  const name = `tfjs ${backend}`
  try {
    const engine = await tfjsEngine({ backend })
    try {
      const started = performance.now()
      const { relative } = deviation(before, expected, stateAfter(engine, job, STEPS))
      const took = duration(performance.now() - started)
      const detail = `${engine.about}: off by ${relative.l2.toExponential(1)} of the update, ${took}; not exact, for tolerance alone`
      if (relative.l2 <= NEAR) return ok(name, detail)
      return failed(name, detail, 'Do not train with this backend; please report it.')
    } finally {
      await engine.close()
    }
  } catch (error) {
    const next = (isAssayError(error) && error.next) || 'See docs/tfjs.md.'
    const problem = isAssayError(error, 'no-engine') ? warn : failed
    return problem(name, `not available: ${(error as Error).message}`, next)
  }
}

function stateAfter(engine: Engine, { spec, program, data }: LoadedJob, steps: number): Float32Array {
  const trainer = new Trainer(engine, program, spec, new Dataset(spec.data, data))
  trainer.init()
  for (let step = 0; step < steps; step++) {
    trainer.sum(step, 0, 1)
    trainer.update(step)
  }
  const state = new Uint8Array(trainer.stateBytes)
  trainer.readState(state)
  return new Float32Array(state.buffer)
}
