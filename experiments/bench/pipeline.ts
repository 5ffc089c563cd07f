/**
 * Benchmark: a step of two stages in two processes over libp2p against one process with one and with two threads, and what
 * a link of 100 Mbit/s and 50 ms adds to it. Contenders take turns in one run; experiments/pipeline/README.md explains keys.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { ExactEngineName } from '#engine/conformance/exact.ts'
import { partition } from '#graph/partition/plan.ts'
import { commandLine } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { type Link, openLink } from '../lib/link.ts'
import { textJob } from './jobs.ts'
import { median } from './rounds.ts'
import type { Answer, Contact, Order, Sample } from './stage.ts'

const USAGE = `npm run bench:pipeline -- [--width N] [--layers N] [--micro-batches N] [--engine NAME] [--rounds N] [--mbit N] [--ms N] [--json]

  --width N, --layers N  of the GPT; default 128 and 4 (0.84 M parameters), context 128
  --micro-batches N      of a step, of one record each; default 8
  --mbit N, --ms N       rate and latency of the link, each way; default 100 and 50
  --eager A,B            forward passes in advance, one contender over the link each; default 0,2
  --rounds N             of all contenders in turn; default 3
  --steps N              of a contender in a round, the first of which is not timed; default 5`
const values = commandLine(USAGE, {
  width: { type: 'string', default: '128' },
  layers: { type: 'string', default: '4' },
  'micro-batches': { type: 'string', default: '8' },
  engine: { type: 'string', default: 'wasm' },
  mbit: { type: 'string', default: '100' },
  ms: { type: 'string', default: '50' },
  eager: { type: 'string', default: '0,2' },
  rounds: { type: 'string', default: '3' },
  steps: { type: 'string', default: '5' },
  json: { type: 'boolean' },
})
const say = (line: string): void => {
  if (!jsonOnly()) console.log(line)
}
const CONTEXT = 128
const STAGES = 2
const microBatches = Number(values['micro-batches'])
const steps = Number(values.steps)
const model = { type: 'gpt', width: Number(values.width), layers: Number(values.layers), heads: 4, context: CONTEXT }
const optimizer = { type: 'adamw', learningRate: 0.001 }
const file = { model, steps: 1e6, batch: microBatches, microBatches, optimizer }
const { spec, program, data } = textJob(file, CONTEXT, 1024)
const job = { spec, data, engine: values.engine as ExactEngineName }

/** A contender's process, seen from here. */
class Process {
  readonly #child: ChildProcess
  #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./stage.ts', import.meta.url)), { serialization: 'advanced' })
    this.#child.on('message', (answer: Answer) => this.#waiting?.resolve(answer))
    this.#child.on('exit', (code) => this.#waiting?.reject(new Error(`a contender ended with ${code}`)))
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

const processes: Process[] = []
const links: Link[] = []
const started = (): Process => {
  const one = new Process()
  processes.push(one)
  return one
}

/** An address of the same peer behind a link. */
async function behindLink(address: string): Promise<string> {
  const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1])
  const link = await openLink(port, { bitsPerSecond: Number(values.mbit) * 1e6, latencyMs: Number(values.ms) })
  links.push(link)
  return address.replace(`/tcp/${port}`, `/tcp/${link.port}`)
}

/** Two stages that know each other, over loopback or over the link. */
async function pair(linked: boolean): Promise<readonly Process[]> {
  const own = Array.from({ length: STAGES }, started)
  const contacts = await Promise.all(
    own.map((each, stage) => each.ask<Contact>({ type: 'stage', stage, stages: STAGES, ...job })),
  )
  const [low, high] = contacts as [Contact, Contact]
  const addresses = linked ? await Promise.all(high.addresses.map(behindLink)) : high.addresses
  await own[0]?.ask({ type: 'meet', contacts: [low, { ...high, addresses }] })
  await own[1]?.ask({ type: 'meet', contacts: [{ ...low, addresses: [] }, high] })
  return own
}

async function whole(threads: number): Promise<readonly Process[]> {
  const one = started()
  await one.ask({ type: 'whole', threads, ...job })
  return [one]
}

const eagers = values.eager.split(',').map(Number)
const linkName = (eager: number): string => `stages2Link${eager === 0 ? '' : `Eager${eager}`}`

try {
  const [one, two, direct, linked] = await Promise.all([whole(1), whole(2), pair(false), pair(true)])
  const contenders: readonly (readonly [name: string, own: readonly Process[], eager: number])[] = [
    ['thread1', one, 0],
    ['threads2', two, 0],
    ['stages2', direct, 0],
    ...eagers.map((eager) => [linkName(eager), linked, eager] as const),
  ]
  const seconds: Record<string, number[]> = {}
  const cpuSeconds: Record<string, number[]> = {}
  const passSeconds: Record<string, number[]> = {}
  let epoch = 0
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, own, eager] of contenders) {
      epoch++
      const samples = await Promise.all(own.map((each) => each.ask<Sample>({ type: 'train', steps, eager, epoch })))
      seconds[name] = [...(seconds[name] ?? []), Math.max(...samples.map((sample) => sample.seconds))]
      const cpu = samples.reduce((sum, sample) => sum + sample.cpuSeconds, 0)
      cpuSeconds[name] = [...(cpuSeconds[name] ?? []), cpu]
      passSeconds[name] = [...(passSeconds[name] ?? []), Math.max(...samples.map((sample) => sample.passSeconds))]
    }
    say(
      `round ${round}: ${Object.entries(seconds)
        .map(([name, all]) => `${name} ${all.at(-1)?.toFixed(3)} s`)
        .join(', ')}`,
    )
  }
  /** Median over rounds, so that a machine that slows down favours nobody. */
  const perRound = (of: (at: (name: string) => number) => number): number =>
    median((seconds['stages2'] ?? []).map((_, i) => of((name) => seconds[name]?.[i] as number)))
  const bytes = partition(program, STAGES).transfers.reduce((sum, transfer) => sum + transfer.bytes, 0)
  // Each way a half of the bytes, in both directions at once, and every micro-batch crosses twice.
  const transferSeconds = (microBatches * bytes * 8) / 2 / (Number(values.mbit) * 1e6)
  const exposed = Object.fromEntries(
    eagers.flatMap((eager) => {
      const name = linkName(eager)
      return [
        [`${name}ExposedSeconds`, perRound((at) => at(name) - at('stages2'))],
        [`${name}Slowdown`, perRound((at) => at(name) / at('stages2'))],
      ]
    }),
  )
  report({
    name: 'pipeline',
    figures: {
      speedup: perRound((at) => at('thread1') / at('stages2')),
      speedupOfTwoThreads: perRound((at) => at('thread1') / at('threads2')),
      // Passes of equal length on a processor each.
      idealSpeedup: (STAGES * microBatches) / (microBatches + STAGES - 1),
      // As if every stage had a processor and transfers were hidden: from the processor time of passes.
      speedupOfPasses: median(
        (passSeconds['stages2'] ?? []).map((pass, i) => {
          const filled = (pass * (microBatches + STAGES - 1)) / microBatches
          return (passSeconds['thread1']?.[i] as number) / filled
        }),
      ),
      // Of all processes and threads: what transfers, roots and signatures cost.
      cpuRatio: median((cpuSeconds['stages2'] ?? []).map((cpu, i) => cpu / (cpuSeconds['thread1']?.[i] as number))),
      secondsThread1: median(seconds['thread1'] ?? []),
      secondsThreads2: median(seconds['threads2'] ?? []),
      secondsStages2: median(seconds['stages2'] ?? []),
      ...exposed,
      transferSeconds,
      bytesPerStep: microBatches * bytes,
    },
    details: {
      seconds,
      passSeconds,
      model,
      microBatches,
      link: { mbit: values.mbit, ms: values.ms },
      loadAverage: loadavg()[0],
    },
  })
} finally {
  for (const link of links) link.close()
  for (const one of processes) one.kill()
}
