/**
 * Golden histories: the state roots of small trainings, as they were when the arithmetic was fixed. They change only with a
 * deliberate change of committed bits: `npx vitest run test/golden -u` then rewrites test/vectors/training.json.
 */
import seedrandom from 'seedrandom'
import { expect, it } from 'vitest'
import { createEngine } from '#engine/index.ts'
import { programRoot } from '#graph/encode.ts'
import { buildProgram } from '#graph/program.ts'
import { to0x } from '#proto/bytes.ts'
import { createJob, type JobDraft, type JobSpec } from '#proto/job.ts'
import { bytesRoot } from '#proto/merkle.ts'
import { Dataset } from '#runtime/dataset.ts'
import { listRoot } from '#runtime/tensors.ts'
import { tinyJob } from '#runtime/testing.ts'
import { Trainer } from '#runtime/trainer.ts'

const STEPS = 6
/** Three micro-batches in each of four lanes, so that the orders inside and between lanes both count. */
const PLAN = { batch: 24, microBatches: 12, lanes: 4, steps: STEPS } satisfies Partial<JobDraft>
const SIDE = 8
const CLASSES = 4

/** Noise with a bright row that names the class: 200 images, each followed by its class. */
function images(): Uint8Array {
  const random = seedrandom('golden images')
  const bytes = new Uint8Array(200 * (SIDE * SIDE + 1)).map(() => Math.floor(random() * 64))
  for (let record = 0; record < 200; record++) {
    const start = record * (SIDE * SIDE + 1)
    bytes[start + SIDE * SIDE] = record % CLASSES
    bytes.fill(200, start + (record % CLASSES) * SIDE, start + (record % CLASSES) * SIDE + SIDE)
  }
  return bytes
}

function imageJob(change: Partial<JobDraft>): { spec: JobSpec; bytes: Uint8Array } {
  const bytes = images()
  const features = SIDE * SIDE
  const data = {
    format: 'idx' as const,
    root: bytesRoot(bytes),
    size: bytes.length,
    dtype: 'u8' as const,
    stride: features + 1,
    recordLength: features + 1,
    trainRecords: 160,
    evalFrom: 160,
    evalTo: 200,
    height: SIDE,
    width: SIDE,
    features,
    classes: CLASSES,
  }
  return { spec: createJob({ ...tinyJob().spec, ...PLAN, data, ...change }), bytes }
}

const sgd = { type: 'sgd', learningRate: 0.05, momentum: 0.9, weightDecay: 0.001, warmup: 2 } as const
const gpt = { type: 'gpt', width: 16, layers: 1, heads: 2, context: 8, dropout: 0.1 } as const

const JOBS: Readonly<Record<string, () => { spec: JobSpec; bytes: Uint8Array }>> = {
  'gpt, dropout, adamw': () => tinyJob({ ...PLAN, model: gpt }),
  'mlp, sgd': () => imageJob({ model: { type: 'mlp', hidden: [24], activation: 'tanh' }, optimizer: sgd }),
  'mlp, sgd, q16': () =>
    imageJob({ model: { type: 'mlp', hidden: [24], activation: 'tanh' }, optimizer: sgd, arithmetic: 'q16' }),
  'gpt, dropout, adamw, q24': () => tinyJob({ ...PLAN, model: gpt, arithmetic: 'q24' }),
  'cnn, sgd': () =>
    imageJob({ model: { type: 'cnn', channels: [4], kernel: 3, hidden: 12, activation: 'gelu' }, optimizer: sgd }),
}

interface History {
  readonly program: string
  /** Roots of the initial state, then of the state after each step. */
  readonly states: readonly string[]
}

async function train({ spec, bytes }: { spec: JobSpec; bytes: Uint8Array }): Promise<History> {
  const engine = await createEngine('wasm')
  try {
    const program = buildProgram(spec)
    const trainer = new Trainer(engine, program, spec, new Dataset(spec.data, bytes))
    const state = new Uint8Array(trainer.stateBytes)
    const root = (): string => {
      trainer.readState(state)
      return to0x(listRoot(program.state, state))
    }
    trainer.init()
    const states = [root()]
    for (let step = 0; step < STEPS; step++) {
      trainer.sum(step, 0, 1)
      trainer.update(step)
      states.push(root())
    }
    return { program: to0x(programRoot(program)), states }
  } finally {
    await engine.close()
  }
}

it('trainings still give the recorded states', async () => {
  const histories: Record<string, History> = {}
  for (const [name, job] of Object.entries(JOBS)) histories[name] = await train(job())
  await expect(`${JSON.stringify(histories, null, 2)}\n`).toMatchFileSnapshot('../vectors/training.json')
})
