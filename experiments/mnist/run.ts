/**
 * Experiment: a small net trained on handwritten digits through a whole network - chain, coordinator, solvers, verifiers,
 * whistleblower, each a process - classifies digits it has not seen. README.md says what is claimed and measured.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { finishJob } from '#app/client/finish.ts'
import { followJob } from '#app/client/follow.ts'
import { submitJob } from '#app/client/submit.ts'
import { DEVNET_DEFAULTS, startDevnet } from '#app/devnet/devnet.ts'
import { interruptible } from '#app/interrupt.ts'
import { loadJob } from '#app/job/load.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { PRESETS } from '#proto/presets.ts'
import { commandLine } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { bytesSent, stepsReplayed } from '../lib/logs.ts'
import { accuracy } from './evaluate.ts'

const IMAGES = 't10k-images-idx3-ubyte.gz'
const LABELS = 't10k-labels-idx1-ubyte.gz'
const HELD_OUT = [8000, 10_000] as const

const USAGE = `npm run experiment -- mnist --data FOLDER [--model mlp|cnn] [--keep FOLDER] [--json]

  --data FOLDER   with t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz
  --model NAME    mlp or cnn
  --keep FOLDER   keeps the network's files there
  --json          prints the JSON line alone`
const values = commandLine(USAGE, {
  data: { type: 'string' },
  model: { type: 'string', default: 'mlp' },
  json: { type: 'boolean' },
  keep: { type: 'string' },
})

/** Models by name, with the least accuracy that is claimed. */
const MODELS = {
  mlp: { model: { type: 'mlp', hidden: [256] }, steps: 600, least: 0.95 },
  cnn: { model: { type: 'cnn', channels: [8, 16], kernel: 3, hidden: 64 }, steps: 1000, least: 0.97 },
} as const
type ModelName = keyof typeof MODELS

/** The job file; digits are read from `data`. */
const job = (data: string, name: ModelName): object => ({
  model: MODELS[name].model,
  data: { format: 'idx', path: join(data, IMAGES), labels: join(data, LABELS), train: [0, HELD_OUT[0]] },
  eval: { records: HELD_OUT },
  steps: MODELS[name].steps,
  batch: 64,
  microBatches: 4,
  optimizer: { type: 'adamw', learningRate: 0.002 },
  seed: 1,
  policy: { sampleRate: 0.1, entrySteps: 25, entriesPerWindow: 4 },
})

async function run(data: string, name: ModelName, folder: string, signal: AbortSignal): Promise<void> {
  const terminal = terminalOf(jsonOnly() ? process.stderr : process.stdout)
  await mkdir(folder, { recursive: true })
  const jobFile = join(folder, 'job.json')
  await writeFile(jobFile, JSON.stringify(job(data, name), null, 2))
  const loaded = await loadJob(jobFile, { signal })
  const devnet = await startDevnet({ ...DEVNET_DEFAULTS, folder: join(folder, 'devnet') })
  const abandon = (): void => void devnet.stop()
  signal.addEventListener('abort', abandon)
  const started = performance.now()
  try {
    const { network, submitterKey, group } = devnet
    const names = group.members.map(({ name }) => name).filter((name) => name !== 'chain')
    const { jobId } = await submitJob(network, loaded, submitterKey, PRESETS.devnet, signal)
    const sight = await followJob(network, jobId, terminal, signal)
    const seconds = (performance.now() - started) / 1000
    const pulled = await finishJob(network, sight.job, join(folder, 'weights'), signal)
    // A role tells what it sent as it stops.
    await devnet.stop()
    const logs = join(folder, 'devnet', 'logs')
    const sent = await bytesSent(logs, names)
    const replayed = await stepsReplayed(logs, names, jobId)
    const { counts, epoch, terms, finalRoot } = sight.job
    report({
      name: 'mnist',
      figures: {
        testAccuracy: await accuracy(
          join(pulled.weights, 'model.safetensors'),
          join(data, IMAGES),
          join(data, LABELS),
          HELD_OUT,
        ),
        seconds,
        bytesSent: Object.values(sent).reduce((sum, bytes) => sum + bytes, 0),
        verificationShare: Object.values(replayed).reduce((sum, steps) => sum + steps, 0) / terms.steps,
      },
      thresholds: { testAccuracy: { min: MODELS[name].least } },
      details: {
        model: name,
        steps: terms.steps,
        entries: counts.entriesCommitted,
        entriesDrawn: counts.entriesSampled,
        epochs: epoch,
        stateRoot: finalRoot,
        bytesSentBy: sent,
        stepsReplayedBy: replayed,
      },
    })
  } finally {
    signal.removeEventListener('abort', abandon)
    await devnet.stop()
  }
}

const data = values.data ?? process.env.ASSAY_DATA
if (data === undefined) {
  console.error(`mnist: skipped: name the folder of ${IMAGES} and ${LABELS} with --data DIR`)
} else if (!Object.hasOwn(MODELS, values.model)) {
  console.error(`mnist: --model ${values.model}: choose among ${Object.keys(MODELS).join(', ')}`)
  process.exitCode = 2
} else {
  const name = values.model as ModelName
  const folder = values.keep === undefined ? await mkdtemp(join(tmpdir(), 'assay-mnist-')) : resolve(values.keep)
  try {
    await interruptible((signal) => run(resolve(data), name, folder, signal))
  } finally {
    if (values.keep === undefined) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
