/**
 * Experiment: what verification costs all parties together, in processor time, over bare local training of the same model.
 * README.md says what is counted and what is not.
 */
import { createExactEngine, ENGINE_CHOICES, type ExactEngineName } from '#engine/conformance/exact.ts'
import { BACKENDS, type BackendName } from '#engine/tfjs/backends.ts'
import { tfjsEngine } from '#engine/tfjs/engine.ts'
import type { Engine } from '#engine/types.ts'
import { isAssayError } from '#proto/errors.ts'
import { imageJob } from '../bench/jobs.ts'
import { commandLine } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { type Cost, type Course, costOf, sampleRateFor } from './cost.ts'

const USAGE = `npm run experiment -- overhead [--epochs 100] [--batch 256] [--entry 25] [--engine ${ENGINE_CHOICES.join('|')}] [--backend ${BACKENDS.join('|')}] [--json]

  --epochs N    epochs over 60,000 images of 28 x 28, of a perceptron 784-256-10 with SGD and momentum
  --batch N     records of a step
  --entry N     steps of an entry: what is drawn, and replayed, at a time
  --engine X    what computes exact arithmetic: the solver's of the exact job, and every verifier's
  --backend X   of TensorFlow.js: the solver's of the tolerance job (assay doctor --install tfjs)
  --json        prints the JSON line alone`
const values = commandLine(USAGE, {
  epochs: { type: 'string', default: '100' },
  batch: { type: 'string', default: '256' },
  entry: { type: 'string', default: '25' },
  engine: { type: 'string', default: 'auto' },
  backend: { type: 'string', default: 'wasm' },
  json: { type: 'boolean' },
})

/** Images, as many as MNIST has to train on; what they show makes no difference to what it costs. */
const RECORDS = 60_000
/** Steps of the tolerance job that are measured: a step of its solver takes many times as long. */
const PART = { steps: 200, rate: 0.5 }
/** What is to be detected, and how surely. */
const CHEATED = 0.1
const DETECTED = 0.99
/** Of the network that verifies by doing everything again. */
const REPLICAS = 7

const [epochs, batch, entry] = [values.epochs, values.batch, values.entry].map(Number) as [number, number, number]
const stepsPerEpoch = Math.floor(RECORDS / batch)
const job = imageJob(
  {
    ...{ model: { type: 'mlp', hidden: [256] }, steps: epochs * stepsPerEpoch, batch, replicas: 1 },
    ...{ optimizer: { type: 'sgd', learningRate: 0.05, momentum: 0.9 }, policy: { entrySteps: entry } },
  },
  RECORDS,
)
const entries = Math.ceil(job.spec.steps / entry)
const rate = sampleRateFor(entries, CHEATED, DETECTED)
const course: Course = { job, entry, rate }

const say = (line: string): void => {
  if (!jsonOnly()) console.log(line)
}

/** The tolerance job's solver, where its backend can be had here. */
async function tolerant(): Promise<Engine | undefined> {
  try {
    return await tfjsEngine({ backend: values.backend as BackendName })
  } catch (error) {
    if (!isAssayError(error)) throw error
    say(`tolerance is not measured: ${error.message}. ${error.next ?? ''}`)
    return undefined
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`

function show(name: string, { bare, solver, verifiers, audited, overhead }: Cost): void {
  const [s, v] = [solver / bare - 1, verifiers / bare]
  say(`${name}: ${bare.toFixed(1)} s of processor time for bare training`)
  say(
    `  solver ${percent(s)} more, verifiers ${percent(v)} (${audited} entries replayed), together ${percent(overhead)}`,
  )
}

say(
  `${job.spec.steps} steps of ${batch} records, entries of ${entry} steps, each drawn with probability ${rate.toFixed(4)}`,
)
const engines: Engine[] = []
const open = async (): Promise<Engine> => {
  const engine = await createExactEngine(values.engine as ExactEngineName)
  engines.push(engine)
  return engine
}
try {
  const exact = costOf(course, { bare: await open(), solver: await open(), verifier: await open() })
  show('exact', exact)
  const other = await tolerant()
  if (other) engines.push(other)
  const second = other && (await tolerant())
  if (second) engines.push(second)
  const tolerance =
    other && second
      ? costOf({ ...course, part: PART }, { bare: other, solver: second, verifier: await open() }, true)
      : undefined
  if (tolerance) show(`tolerance, ${values.backend}`, tolerance)
  report({
    name: 'overhead',
    figures: {
      exact: exact.overhead,
      ...(tolerance && { tolerance: tolerance.overhead }),
      replication: REPLICAS,
      entriesAccepted: exact.accepted,
    },
    thresholds: { exact: { max: 0.46 }, entriesAccepted: { equals: true } },
    details: {
      published: { litepaper: 0.46, ovig: 0.143 },
      settings: { epochs, batch, entry, entries, rate, detected: DETECTED, cheated: CHEATED, engine: exact.engine },
      ...{ exactCost: exact, toleranceCost: tolerance ?? null },
    },
  })
} finally {
  for (const engine of engines) await engine.close()
}
