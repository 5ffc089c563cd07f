/**
 * Benchmark: whole training steps of four models, by the code that solvers run, and by PyTorch, in turn within one run.
 * docs/benchmarks.md explains options and keys.
 */
import { loadavg } from 'node:os'
import type { LoadedJob } from '#app/job/load.ts'
import type { Engine } from '#engine/types.ts'
import { watched } from '#engine/watch.ts'
import { Dataset } from '#runtime/dataset.ts'
import { Trainer } from '#runtime/trainer.ts'
import { understood } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { contractionFlops, isModel, MODELS, parametersOf } from './models.ts'
import { benchOptions, engineOrMissing, hasTiles, pauseOf, usageOf } from './options.ts'
import { orMissing, type Peer, startTorch } from './peers.ts'
import { type Contender, inRounds, median, timed } from './rounds.ts'
import { type MeasuredStep, stepSummary } from './step-figures.ts'

const MIN_ROUNDS = 5
const say = (line: string): void => {
  if (!jsonOnly()) console.log(line)
}

/** An engine whose kernels are timed as they run. */
function stopwatch(bare: Engine): { readonly engine: Engine; readonly kernelSeconds: () => number } {
  let milliseconds = 0
  const engine = watched(bare, (_, run) => {
    const start = performance.now()
    run()
    milliseconds += performance.now() - start
  })
  return { engine, kernelSeconds: () => milliseconds / 1e3 }
}

/** A solver's training step on one of our engines. */
function own(
  name: string,
  bare: Engine,
  { spec, program, data }: LoadedJob,
): { contender: Contender; overhead: () => number } {
  const { engine, kernelSeconds } = stopwatch(bare)
  const trainer = new Trainer(engine, program, spec, new Dataset(spec.data, data))
  trainer.init()
  let step = 0
  const shares: number[] = []
  const run = (): void => {
    const [start, before] = [performance.now(), kernelSeconds()]
    trainer.sum(step, 0, 1)
    const metrics = trainer.update(step++)
    if (!Number.isFinite(metrics[0])) throw new Error(`the loss of step ${step - 1} on ${name} is ${metrics[0]}`)
    shares.push(1 - (kernelSeconds() - before) / ((performance.now() - start) / 1e3))
  }
  // The first steps compile; the median does not see them.
  return {
    contender: { name, sample: async (calls) => timed(run, calls) },
    overhead: () => median(shares),
  }
}

/** Ways to use PyTorch: what one writes without a thought comes first and is what engines are compared with. */
const WAYS: Readonly<Record<string, { readonly request: object; readonly only?: string }>> = {
  torch: { request: {} },
  torchFused: { request: { fused: true } },
  torchMicroBatches: { request: { accumulate: 4 } },
  torchBf16: { request: { bf16: true }, only: 'gpt-10m' },
}

async function theirs(peer: Peer, model: string, job: LoadedJob): Promise<Contender[]> {
  const { spec } = job
  const plain = JSON.parse(JSON.stringify({ model: spec.model, data: { ...spec.data, root: undefined } }))
  const wanted = Object.entries(WAYS).filter(([, { only }]) => only === undefined || only === model)
  await peer.ask({ op: 'drop' })
  const contenders: Contender[] = []
  for (const [name, { request }] of wanted) {
    const open = { op: 'open', name, ...plain, batch: spec.batch, optimizer: spec.optimizer, ...request }
    const { parameters, flops } = await peer.ask(open)
    if (parameters !== parametersOf(job)) throw new Error(`${model} has ${parameters} parameters in PyTorch`)
    if (name === 'torch') facts[model] = { ...facts[model], torchFlops: flops as number }
    contenders.push({ name, sample: (calls) => peer.time(calls, name) })
  }
  return contenders
}

const USAGE = usageOf('step', 'models')
const options = understood(USAGE, process.argv.slice(2), (args) =>
  benchOptions(args, 'models', {
    engines: 'wasm,native,native:q16',
    only: Object.keys(MODELS),
    seconds: 20,
  }),
)
const facts: Record<string, Record<string, number>> = {}
const about: Record<string, unknown> = {}
const loads: (number | undefined)[] = [loadavg()[0]]
const measured: MeasuredStep[] = []

for (const threads of options.threads) {
  say(`threads: ${threads}`)
  const torch = await orMissing('torch', startTorch({ ...options, threads }), say)
  about[threads] = torch?.about ?? null
  for (const model of options.only) {
    if (!isModel(model)) throw new Error(`--models ${model}: choose among ${Object.keys(MODELS).join(', ')}`)
    const job = MODELS[model]('f32')
    facts[model] = { parameters: parametersOf(job), flops: contractionFlops(job), ...facts[model] }
    const ours: ({ readonly engine: Engine } & ReturnType<typeof own>)[] = []
    for (const { label, engine: name, arithmetic } of options.engines) {
      const engine = await engineOrMissing(name, threads, say)
      if (engine) ours.push({ engine, ...own(label, engine, MODELS[model](arithmetic)) })
    }
    const others = torch ? await theirs(torch, model, job) : []
    say(`  ${model}: ${JSON.stringify(facts[model])}`)
    const times = await inRounds([...ours.map(({ contender }) => contender), ...others], {
      seconds: options.seconds,
      minRounds: MIN_ROUNDS,
      pause: pauseOf(threads),
    })
    const overhead = Object.fromEntries(ours.map((each) => [each.contender.name, each.overhead()]))
    measured.push({ model, threads, times, overhead })
    const steps = Object.entries(times).map(([name, samples]) => {
      return `${name} ${(1e3 * median(samples.map(({ seconds }) => seconds))).toFixed(2)} ms`
    })
    say(`  ${model}: ${steps.join(', ')}`)
    await Promise.all(ours.map(({ engine }) => engine.close()))
  }
  torch?.close()
  loads.push(loadavg()[0])
}

const { figures, thresholds, details } = stepSummary(measured, await hasTiles())
report({
  name: 'step',
  figures,
  thresholds,
  details: { ...details, sizes: facts, peers: { torch: about }, loadAverages: loads },
})
