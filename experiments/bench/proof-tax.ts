/**
 * Benchmark: what proofs cost. Two replicas, two processes, train over libp2p with roots, entries and checkpoints and
 * without them, interleaved in one run; the plan is fixed and there is no chain. docs/benchmarks.md says what is counted.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { interruptible } from '#app/interrupt.ts'
import type { LoadedJob } from '#app/job/load.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { imageJob, textJob } from './jobs.ts'
import type { Answer, Order, Sample } from './replica.ts'

/** Pairs of runs of each model: as many as fit into the time, but at least so many that a median means something. */
const MIN_PAIRS = 3
const MAX_PAIRS = 15
const SECONDS = { gpt: 100, mlp: 40 }
const say = (line: string): void => {
  if (!jsonOnly()) console.log(line)
}

const CONTEXT = 128
const RECORDS = 1024
const JOBS: Readonly<Record<keyof typeof SECONDS, LoadedJob>> = {
  gpt: textJob(
    {
      model: { type: 'gpt', width: 128, layers: 4, heads: 4, context: CONTEXT },
      steps: 24,
      batch: 8,
      replicas: 2,
      optimizer: { type: 'adamw', learningRate: 0.001 },
      policy: { entrySteps: 8 },
    },
    CONTEXT,
    RECORDS,
  ),
  mlp: imageJob(
    {
      model: { type: 'mlp', hidden: [256] },
      steps: 75,
      batch: 64,
      replicas: 2,
      optimizer: { type: 'adamw', learningRate: 0.001 },
      policy: { entrySteps: 25 },
    },
    RECORDS,
  ),
}

/** A replica's process, seen from here. */
class Replica {
  readonly #child: ChildProcess
  #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined

  constructor(folder: string) {
    this.#child = fork(fileURLToPath(new URL('./replica.ts', import.meta.url)), [folder], { serialization: 'advanced' })
    this.#child.on('message', (answer: Answer) => this.#waiting?.resolve(answer))
    this.#child.on('exit', (code) => this.#waiting?.reject(new Error(`a replica ended with ${code}`)))
  }

  ask<T extends Answer>(order: Order): Promise<T> {
    return new Promise<Answer>((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#child.send(order)
    }) as Promise<T>
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** One run of a job by both replicas: seconds a step, and processor seconds a step of both together. */
async function train(replicas: readonly Replica[], epoch: number, proofs: boolean): Promise<Sample> {
  await Promise.all(replicas.map((replica) => replica.ask({ type: 'prepare', proofs })))
  const samples = await Promise.all(replicas.map((replica) => replica.ask<Sample>({ type: 'train', epoch })))
  return {
    seconds: Math.max(...samples.map(({ seconds }) => seconds)),
    cpuSeconds: samples.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
  }
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[half] as number)
    : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2
}

async function measure(name: keyof typeof SECONDS, folder: string, signal: AbortSignal) {
  const { spec, data } = JOBS[name]
  const replicas = [0, 1].map((index) => new Replica(join(folder, `${name}-${index}`)))
  const kill = (): void => {
    for (const replica of replicas) replica.kill()
  }
  signal.addEventListener('abort', kill)
  try {
    const addresses = await Promise.all(
      replicas.map((replica, index) => replica.ask<{ addresses: string[] }>({ type: 'open', index, spec, data })),
    )
    await (replicas[0] as Replica).ask({ type: 'meet', addresses: addresses[1]?.addresses ?? [] })
    let epoch = 0
    // What is compiled and allocated once stays out of the comparison.
    await train(replicas, ++epoch, true)
    const pairs: { plain: Sample; proven: Sample }[] = []
    const end = performance.now() + 1e3 * SECONDS[name]
    while (pairs.length < MIN_PAIRS || (pairs.length < MAX_PAIRS && performance.now() < end)) {
      // Each order as often as the other: a machine that gets slower or faster favours neither.
      const first = pairs.length % 2 === 1
      const one = await train(replicas, ++epoch, first)
      const two = await train(replicas, ++epoch, !first)
      const pair = first ? { plain: two, proven: one } : { plain: one, proven: two }
      pairs.push(pair)
      const ms = ({ seconds, cpuSeconds }: Sample): string =>
        `${(seconds * 1e3).toFixed(1)} ms a step (${(cpuSeconds * 1e3).toFixed(1)} ms of CPU)`
      say(`${name} ${pairs.length}: without proofs ${ms(pair.plain)}, with them ${ms(pair.proven)}`)
    }
    const ratios = pairs.map(({ plain, proven }) => proven.seconds / plain.seconds)
    return {
      ratio: median(ratios),
      cpuRatio: median(pairs.map(({ plain, proven }) => proven.cpuSeconds / plain.cpuSeconds)),
      milliseconds: median(pairs.map(({ plain }) => 1e3 * plain.seconds)),
      ratios: ratios.map((ratio) => Number(ratio.toFixed(4))),
    }
  } finally {
    signal.removeEventListener('abort', kill)
    kill()
  }
}

await interruptible(async (signal) => {
  const folder = await mkdtemp(join(tmpdir(), 'assay-proof-tax-'))
  try {
    const gpt = await measure('gpt', folder, signal)
    const mlp = await measure('mlp', folder, signal)
    report({
      name: 'proof-tax',
      figures: {
        ratioGpt: gpt.ratio,
        ratioMlp: mlp.ratio,
        cpuRatioGpt: gpt.cpuRatio,
        cpuRatioMlp: mlp.cpuRatio,
        stepMillisecondsGpt: gpt.milliseconds,
        stepMillisecondsMlp: mlp.milliseconds,
      },
      thresholds: { ratioGpt: { max: 1.05 } },
      details: { ratiosGpt: gpt.ratios, ratiosMlp: mlp.ratios, loadAverage: loadavg()[0] },
    })
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})
