/**
 * Benchmark: how fast an engine trains a small GPT, where the time goes, and how far that is from WebAssembly's peak.
 *
 *     node experiments/bench/engine.ts [--native] [--json]
 */

import { loadavg } from 'node:os'
import { profile, type TaskTime } from '#engine/compiled/profile.ts'
import { nativeEngine } from '#engine/native/engine.ts'
import { Replica } from '#engine/testing.ts'
import { wasmEngine } from '#engine/wasm/engine.ts'
import { buildProgram } from '#graph/program.ts'
import { machine, report } from '../lib/figures.ts'
import { peak } from './peak.ts'

const BATCH = 8
const MICRO = 4
const STEPS = 8
const CONTEXT = 128

const program = buildProgram({
  model: { type: 'gpt', width: 128, layers: 4, heads: 4, context: CONTEXT, dropout: 0 },
  optimizer: {
    type: 'adamw',
    learningRate: 0.001,
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    weightDecay: 0.1,
    warmup: 0,
  },
  data: { format: 'text', features: CONTEXT, classes: 256, height: 0, width: 0 },
  batch: BATCH,
  microBatches: MICRO,
} as Parameters<typeof buildProgram>[0])

const now = (): number => performance.now() / 1000
const quiet = process.argv.includes('--json')
const say = (line: string): void => {
  if (!quiet) console.log(line)
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!

async function train(threads: number) {
  const engine = await (process.argv.includes('--native') ? nativeEngine : wasmEngine)({ threads })
  const compiling = now()
  const replica = new Replica(engine, program, { batch: BATCH, microBatches: MICRO, below: 256 }, 1)
  const compileSeconds = now() - compiling
  const seconds: number[] = []
  const used: number[] = []
  let loss = 0
  for (let step = 0; step < STEPS; step++) {
    const start = now()
    const cpu = process.cpuUsage()
    loss = replica.step(step)
    seconds.push(now() - start)
    const { user, system } = process.cpuUsage(cpu)
    used.push((user + system) / 1e6)
  }
  const megabytes = engine.memory() / 2 ** 20
  say(
    `${threads} thread(s): compiled in ${compileSeconds.toFixed(2)} s, steps ${seconds.map((s) => s.toFixed(3)).join(' ')}, loss ${loss}`,
  )
  return {
    engine,
    replica,
    compileSeconds,
    stepSeconds: median(seconds.slice(2)),
    cpuSeconds: median(used.slice(2)),
    megabytes,
  }
}

/** Prints the sum per kind and the slowest tasks; returns seconds and operations per kind. */
function shares(times: readonly TaskTime[]): Map<string, { seconds: number; flops: number; tasks: number }> {
  const kinds = new Map<string, { seconds: number; flops: number; tasks: number }>()
  const shapes = new Map<string, { seconds: number; flops: number; tasks: number }>()
  for (const { kind, shape, time, flops } of times) {
    for (const [map, key] of [
      [kinds, kind],
      [shapes, `${kind} ${shape}`],
    ] as const) {
      const sum = map.get(key) ?? { seconds: 0, flops: 0, tasks: 0 }
      map.set(key, { seconds: sum.seconds + time, flops: sum.flops + flops, tasks: sum.tasks + 1 })
    }
  }
  const show = (map: typeof kinds, most: number): void => {
    const rows = [...map].sort(([, a], [, b]) => b.seconds - a.seconds).slice(0, most)
    for (const [key, { seconds, flops, tasks }] of rows) {
      const rate = flops > 0 ? ` ${(flops / seconds / 1e9).toFixed(1)} GFLOP/s` : ''
      say(`  ${(seconds * 1e3).toFixed(2).padStart(8)} ms ${String(tasks).padStart(4)} x ${key}${rate}`)
    }
  }
  show(kinds, 20)
  say('')
  show(shapes, quiet ? 0 : 40)
  return kinds
}

say(JSON.stringify(machine()))
const gflopsPeak = peak(now)
say(`peak of a register-only fma loop: ${gflopsPeak.toFixed(1)} GFLOP/s`)
const two = await train(2)
await two.engine.close()
const one = await train(1)
const times = profile(one.engine, program.micro, one.replica.microInputs, one.replica.sums, now)
say(`micro graph, one thread, ${times.length} tasks:`)
const kinds = shares(times)
const update = profile(one.engine, program.update, one.replica.updateInputs(), one.replica.updateOutputs(), now)
say(`update graph, one thread, ${update.length} tasks:`)
shares(update)
const gemm = kinds.get('gemm') ?? { seconds: 1, flops: 0, tasks: 0 }
const gemmGflops = gemm.flops / gemm.seconds / 1e9

report({
  name: 'engine',
  figures: {
    secondsPerStep1: one.stepSeconds,
    secondsPerStep2: two.stepSeconds,
    cpuSecondsPerStep1: one.cpuSeconds,
    cpuSecondsPerStep2: two.cpuSeconds,
    compileSeconds: one.compileSeconds,
    megabytes: one.megabytes,
    gemmGflops,
    peakGflops: gflopsPeak,
    gemmOfPeak: gemmGflops / gflopsPeak,
    microMilliseconds: 1e3 * times.reduce((sum, { time }) => sum + time, 0),
    gemmShare: gemm.seconds / times.reduce((sum, { time }) => sum + time, 0),
  },
  thresholds: { secondsPerStep2: { max: 1 } },
  // Other work on the machine shows here, and as the gap between seconds and CPU seconds.
  details: { loadAverage: loadavg()[0] },
})
await one.engine.close()
