/**
 * Benchmark: contractions of the exact engines, OpenBLAS, PyTorch and the multiply-add peak of the machine, in turn within
 * one run. docs/benchmarks.md explains options and keys.
 */
import { loadavg } from 'node:os'
import type { Engine } from '#engine/types.ts'
import { Builder } from '#graph/builder.ts'
import { understood } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { type Measured, summaryOf } from './gemm-figures.ts'
import { benchOptions, type Choice, engineOrMissing, hasTiles, pauseOf, usageOf } from './options.ts'
import { nativeSpinner, type Spinner, spinner } from './peak.ts'
import { orMissing, type Peer, startOpenblas, startTorch } from './peers.ts'
import { type Contender, inRounds, median, timed } from './rounds.ts'
import { flopsOf, operand, parseShape, probes, SHAPES, type Shape } from './shapes.ts'

const MIN_ROUNDS = 5
const say = (line: string): void => {
  if (!jsonOnly()) console.log(line)
}

/** One of our contenders on its engine. */
interface Own {
  readonly choice: Choice
  readonly engine: Engine
}

/** A contraction on one of our engines; `probes` are elements of its result. */
function own({ choice, engine }: Own, shape: Shape): { contender: Contender; probes: number[]; free: () => void } {
  const { batch, m, k, n, transposeA, transposeB } = shape
  const rows = batch > 1 ? [batch] : []
  const b = new Builder()
  const left = b.input('a', 'f32', [...rows, ...(transposeA ? [k, m] : [m, k])])
  const right = b.input('b', 'f32', [...rows, ...(transposeB ? [n, k] : [k, n])])
  const product = b.matmul(left, right, { transposeA, transposeB, arithmetic: choice.arithmetic })
  b.output('c', product)
  const kernel = engine.compile(b.finish('gemm'))
  const inputs = [left, right].map(({ type }) => engine.alloc(type))
  const output = engine.alloc(product.type)
  for (const buffer of inputs) {
    const words = buffer.words()
    words.set(new Uint32Array(Float32Array.from(words, (_, i) => operand(i)).buffer))
  }
  const run = (): void => kernel.run(inputs, [output])
  run()
  const words = output.words()
  const result = new Float32Array(words.buffer, words.byteOffset, words.length)
  return {
    contender: { name: choice.label, sample: async (calls) => timed(run, calls) },
    probes: probes(shape).map((at) => result[at] as number),
    free: () => {
      for (const buffer of [...inputs, output]) engine.free(buffer)
    },
  }
}

/** The same contraction in a peer's process. */
async function theirs(peer: Peer, shape: Shape): Promise<{ contender: Contender; probes: number[] }> {
  const answer = await peer.ask({ op: 'gemm', shape: shape.label })
  return { contender: { name: peer.name, sample: (calls) => peer.time(calls) }, probes: answer['probes'] as number[] }
}

async function measure(shape: Shape, engines: readonly Own[], peers: readonly Peer[], options: Limits) {
  const ours = engines.map((engine) => own(engine, shape))
  const others = await Promise.all(peers.map((peer) => theirs(peer, shape)))
  const all = [...ours, ...others]
  for (const { contender, probes } of all) {
    // Their sums have no rounding, so that whoever differs computes something else.
    if (probes.some((value, i) => value !== all[0]?.probes[i])) throw new Error(`${contender.name} differs: ${probes}`)
  }
  const contenders = all.map(({ contender }) => contender)
  for (const [name, { run }] of Object.entries(spinners)) {
    contenders.push({ name, sample: async (calls) => timed(run, calls) })
  }
  const pause = pauseOf(options.threads)
  const times = await inRounds(contenders, { seconds: options.seconds, minRounds: MIN_ROUNDS, pause })
  for (const { free } of ours) free()
  return times
}

interface Limits {
  readonly threads: number
  readonly seconds: number
}

/** The peaks of the engines that take part. */
async function spinnersOf(engines: readonly Choice[]): Promise<Record<string, Spinner>> {
  const has = (label: string): boolean => engines.some((choice) => choice.label === label)
  const native = has('native') ? await nativeSpinner() : null
  return { ...(has('wasm') && { peak: spinner() }), ...(native && { nativePeak: native }) }
}

const USAGE = usageOf('gemm', 'shapes')
const options = understood(USAGE, process.argv.slice(2), (args) =>
  benchOptions(args, 'shapes', {
    engines: 'wasm,native,wasm:q16,native:q16',
    only: SHAPES,
    seconds: 3,
  }),
)
const shapes = options.only.map(parseShape)
const spinners = await spinnersOf(options.engines)
const peaks = Object.fromEntries(Object.entries(spinners).map(([name, { flops }]) => [name, flops]))
const about: Record<string, Record<string, unknown>> = {}
const loads: (number | undefined)[] = [loadavg()[0]]
const measured: Measured[] = []

for (const threads of options.threads) {
  say(`threads: ${threads}`)
  const engines: Own[] = []
  for (const choice of options.engines) {
    const engine = await engineOrMissing(choice.engine, threads, say)
    if (engine) engines.push({ choice, engine })
  }
  const found = {
    openblas: await orMissing('openblas', startOpenblas({ ...options, threads }), say),
    torch: await orMissing('torch', startTorch({ ...options, threads }), say),
  }
  about[threads] = { openblas: found.openblas?.about ?? null, torch: found.torch?.about ?? null }
  const peers = Object.values(found).flatMap((peer) => peer ?? [])
  for (const shape of shapes) {
    const times = await measure(shape, engines, peers, { threads, seconds: options.seconds })
    measured.push({ shape, threads, times, peaks })
    const rates = Object.entries(times).map(([name, each]) => {
      const flops = spinners[name] ? threads * spinners[name].flops : flopsOf(shape)
      const gflops = flops / median(each.map(({ seconds }) => seconds)) / 1e9
      return `${name} ${gflops.toFixed(1)}`
    })
    say(`  ${shape.label.padEnd(16)} ${rates.join('  ')} GFLOP/s`)
  }
  for (const peer of peers) peer.close()
  await Promise.all(engines.map(({ engine }) => engine.close()))
  loads.push(loadavg()[0])
}

const { figures, thresholds, details } = summaryOf(measured, await hasTiles())
report({ name: 'gemm', figures, thresholds, details: { ...details, peers: about, loadAverages: loads } })
