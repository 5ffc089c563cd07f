/**
 * Experiment: how far TensorFlow.js ends from the exact replay of the same entry, and how rarely thresholds from profiled
 * entries reject an honest one. README.md says what is claimed and measured.
 */
import type { LoadedJob } from '#app/job/load.ts'
import { createEngine } from '#engine/index.ts'
import { BACKENDS, type BackendName } from '#engine/tfjs/backends.ts'
import { type TfjsEngine, tfjsEngine } from '#engine/tfjs/engine.ts'
import type { Engine } from '#engine/types.ts'
import { isAssayError } from '#proto/errors.ts'
import { type Deviation, MEASURES } from '#tolerance/distance.ts'
import {
  exceeded,
  type Level,
  levelOfEach,
  SCALES,
  samplesNeeded,
  type Thresholds,
  thresholdsOf,
} from '#tolerance/threshold.ts'
import { commandLine } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { honestEntries } from './entries.ts'
import { jobs } from './jobs.ts'

const USAGE = `npm run experiment -- reproduction-error [--data FOLDER] [--backends A,B] [--quick] [--rate P] [--seconds N] [--json]

  --data FOLDER    with MNIST's test set; without it the images are noise
  --backends A,B   cpu, wasm, webgpu, node; default: all that are installed (assay doctor --install tfjs)
  --quick          100 honest entries instead of 1,000, short entries alone
  --rate P         of false positives that the thresholds state; default 0.05. The lower it is the more entries are profiled
  --seconds N      longest measurement of one engine at one length; fewer entries are measured where it ends; default 240
  --json           prints the JSON line alone`
const values = commandLine(USAGE, {
  data: { type: 'string' },
  backends: { type: 'string', default: BACKENDS.join(',') },
  quick: { type: 'boolean' },
  rate: { type: 'string', default: '0.05' },
  seconds: { type: 'string', default: '240' },
  json: { type: 'boolean' },
})

/** Steps of each seed's run, before the next seed begins. */
const STEPS = 390
const LENGTHS = values.quick ? [1, 10] : [1, 10, 100, 390]
/** The length at which false positives are counted. */
const TESTED = 10
const LEVEL: Level = { rate: Number(values.rate), confidence: 0.95 }
const HONEST = values.quick ? 100 : 1000
/** Entries at each other length. */
const FEW = 6
/** Seeds of profiles and of the entries that are judged by them. */
const [PROFILED, JUDGED] = [1000, 5000]
/** No distance is so large: what a median is where nothing was measured. */
const NONE = Number.NaN

const say = (line: string): void => {
  if (!jsonOnly()) console.log(line)
}

interface Row {
  readonly backend: BackendName
  readonly length: number
  readonly samples: number
  /** The rate of false positives that the samples allow to state, all distances together; null where they allow none. */
  readonly rate: number | null
  readonly median: Record<string, number>
  readonly thresholds: Record<string, number> | null
}

const names = SCALES.flatMap((scale) => MEASURES.map((measure) => ({ scale, measure, name: `${scale}.${measure}` })))

/** The lowest rate that so many samples allow to state. */
function rateOf(samples: number): number | null {
  for (const rate of [0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.95]) {
    if (samplesNeeded(levelOfEach({ ...LEVEL, rate })) <= samples) return rate
  }
  return null
}

function flat(thresholds: Thresholds): Record<string, number> {
  return Object.fromEntries(names.map(({ scale, measure, name }) => [name, thresholds[scale][measure].value]))
}

function median(list: readonly number[]): number {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? NONE
}

function rowOf(backend: BackendName, length: number, samples: readonly Deviation[]): Row {
  const rate = rateOf(samples.length)
  return {
    backend,
    length,
    samples: samples.length,
    rate,
    median: Object.fromEntries(
      names.map(({ scale, measure, name }) => [name, median(samples.map((one) => one[scale][measure]))]),
    ),
    thresholds: rate === null ? null : flat(thresholdsOf(samples, { ...LEVEL, rate })),
  }
}

/** So many entries, or as many as are measured in time. */
function take(entries: Generator<Deviation>, count: number): Deviation[] {
  const until = performance.now() + 1000 * Number(values.seconds)
  const taken: Deviation[] = []
  while (taken.length < count && performance.now() < until) taken.push(entries.next().value)
  return taken
}

function show({ length, samples, median: of, thresholds }: Row): void {
  const line = (name: string): string =>
    `${name} ${of[name]!.toExponential(1)} < ${thresholds?.[name]?.toExponential(1) ?? '?'}`
  say(`  ${String(length).padStart(4)} steps, ${samples} entries: ${names.map(({ name }) => line(name)).join(', ')}`)
}

interface Judged {
  readonly entries: number
  readonly falsePositives: number
}

/** Profiles the tested length, then judges entries of other seeds; null where the engine is too slow for it. */
function judge(
  exact: Engine,
  engine: Engine,
  backend: BackendName,
  job: (seed: number) => LoadedJob,
): [Row, Judged | null] {
  const wanted = samplesNeeded(levelOfEach(LEVEL))
  const profile = take(honestEntries(exact, engine, job, PROFILED, TESTED), wanted)
  const row = rowOf(backend, TESTED, profile)
  show(row)
  if (profile.length < wanted) return [row, null]
  const thresholds = thresholdsOf(profile, LEVEL)
  const honest = take(honestEntries(exact, engine, job, JUDGED, TESTED), HONEST)
  const positives = honest.filter((entry) => exceeded(entry, thresholds).length > 0)
  say(`  ${positives.length} of ${honest.length} honest entries of other seeds rejected`)
  return [row, honest.length < HONEST ? null : { entries: honest.length, falsePositives: positives.length }]
}

const exact = await createEngine('wasm')
const data = values.data ?? process.env['ASSAY_DATA']
const job = jobs(data, STEPS)
const rows: Row[] = []
const judged: Partial<Record<BackendName, Judged>> = {}
const missing: Partial<Record<BackendName, string>> = {}

async function start(backend: BackendName): Promise<TfjsEngine | null> {
  try {
    return await tfjsEngine({ backend })
  } catch (error) {
    if (!isAssayError(error, 'no-engine')) throw error
    missing[backend] = error.message
    say(`${backend}: ${error.message}`)
    return null
  }
}

const wantedBackends = values.backends.split(',')
for (const backend of BACKENDS.filter((name) => wantedBackends.includes(name))) {
  const engine = await start(backend)
  if (!engine) continue
  say(`${engine.name}: ${engine.about}`)
  for (const length of LENGTHS) {
    if (length === TESTED) {
      const [row, result] = judge(exact, engine, backend, job)
      rows.push(row)
      if (result) judged[backend] = result
      else missing[backend] = `too slow to profile: ${row.samples} entries in ${values.seconds} s`
    } else {
      const row = rowOf(backend, length, take(honestEntries(exact, engine, job, PROFILED, length), FEW))
      rows.push(row)
      show(row)
    }
  }
  await engine.close()
}
await exact.close()

if (rows.length === 0) {
  console.error('reproduction-error: skipped: no backend of TensorFlow.js is installed; assay doctor --install tfjs')
} else {
  const results = Object.values(judged)
  const falsePositives = Math.max(...results.map((one) => one.falsePositives), results.length === 0 ? NONE : 0)
  report({
    name: 'reproduction-error',
    figures: {
      /** Of the worst engine. */
      falsePositives,
      entries: HONEST,
      statedRate: LEVEL.rate,
      engines: results.length,
    },
    thresholds: { falsePositives: { max: LEVEL.rate * HONEST }, engines: { min: 1 } },
    details: {
      data: data === undefined ? 'noise' : 'mnist',
      confidence: LEVEL.confidence,
      length: TESTED,
      judged,
      rows,
      missing,
    },
  })
}
