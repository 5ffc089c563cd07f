/** What the benchmarks make of times, options and peers. No test measures anything. */
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { summaryOf } from './gemm-figures.ts'
import { contractionFlops, MODELS, parametersOf } from './models.ts'
import { benchOptions, engineOrMissing } from './options.ts'
import { findOpenblas, orMissing, Peer, startOpenblas, startTorch } from './peers.ts'
import { callsFor, geometricMean, inRounds, median, ratioOf, type Sample } from './rounds.ts'
import { flopsOf, operand, parseShape, probes, SHAPES } from './shapes.ts'
import { stepSummary } from './step-figures.ts'

const samples = (...seconds: number[]): Sample[] => seconds.map((each) => ({ seconds: each, cpuSeconds: each / 2 }))

describe('times', () => {
  it('have a median and a geometric mean', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(() => median([])).toThrow(RangeError)
    expect(geometricMean([1, 4])).toBeCloseTo(2)
    expect(geometricMean([])).toBeNull()
  })

  it('compare within a round, so that a machine that slows down favours nobody', () => {
    const ratio = ratioOf({ own: samples(1, 10, 100), peer: samples(2, 20, 200) }, 'own', 'peer')
    expect(ratio).toEqual({ median: 2, fastest: 2, cpu: 2 })
    expect(ratioOf({ own: samples(1) }, 'own', 'peer')).toBeNull()
  })

  it('are taken in turn, each round beginning with another contender', async () => {
    const order: string[] = []
    const contenders = ['a', 'b'].map((name) => ({
      name,
      // Longer than a second, as the contenders see it: they are warm at once.
      sample: async (calls: number) => {
        order.push(`${name}${calls}`)
        return { seconds: 2, cpuSeconds: 2 }
      },
    }))
    const times = await inRounds(contenders, { seconds: 1e-9, minRounds: 2, pause: 0 })
    expect(order).toEqual(['a1', 'b1', 'a1', 'b1', 'b1', 'a1'])
    expect(times['a']).toHaveLength(2)
    expect(callsFor(1)).toBe(1)
    expect(callsFor(0.001)).toBe(20)
    expect(callsFor(0)).toBe(1000)
  })
})

describe('shapes', () => {
  it('are m x k x n', () => {
    expect(parseShape('1024x512x128TN')).toEqual({
      label: '1024x512x128TN',
      batch: 1,
      m: 1024,
      k: 512,
      n: 128,
      transposeA: true,
      transposeB: false,
    })
    const batched = parseShape('32x[128x48x64]')
    expect(batched).toMatchObject({ batch: 32, m: 128, k: 48, n: 64 })
    expect(flopsOf(batched)).toBe(2 * 32 * 128 * 48 * 64)
    expect(parseShape('512NT')).toMatchObject({ m: 512, k: 512, n: 512, transposeB: true })
    expect(SHAPES.map(parseShape)).toHaveLength(14)
  })

  it.each(['', '0', '512XX', '1x2', '32x[1x2]', '1x2x3x4'])('are not %o', (label) => {
    expect(() => parseShape(label)).toThrow(/is no shape|size of 0/)
  })

  it('have operands whose products add up exactly in any order', () => {
    const values = Array.from({ length: 1000 }, (_, i) => operand(i))
    expect(new Set(values).size).toBe(16)
    for (const value of values) expect(Number.isInteger(16 * value) && Math.abs(value) <= 0.5).toBe(true)
    expect(probes(parseShape('256')).at(-1)).toBe(256 * 256 - 1)
  })
})

describe('figures', () => {
  const shape = parseShape('512')
  const one = { shape, threads: 1, peaks: {}, times: { wasm: samples(4, 4), openblas: samples(2, 2) } }

  it('of bench:gemm are geometric means, the least over thread counts first', () => {
    const other = { ...one, shape: parseShape('8192x64x64'), times: { wasm: samples(1), openblas: samples(2) } }
    const two = { ...one, threads: 2, times: { wasm: samples(4), openblas: samples(1) } }
    const { figures, thresholds, details } = summaryOf([one, other, two], true)
    expect(figures).toEqual({ wasmVsOpenblas1: 1, wasmVsOpenblas2: 0.25, wasmVsOpenblas: 0.25 })
    expect(thresholds).toEqual({ wasmVsOpenblas: { min: 0.33 } })
    expect(details).toMatchObject({ nativeVsOpenblas: null, q16VsOpenblas: null, wasmVsFmaPeak: null })
    expect(details['shapes']).toMatchObject({ '512': { '1': { wasmVsOpenblas: 0.5 }, '2': { wasmVsOpenblas: 0.25 } } })
  })

  it('of bench:gemm take the peak of all cores, and of large squares alone', () => {
    // A core spins once a second; the contraction takes as long as one core would at that rate, on two.
    const times = { wasm: samples(flopsOf(shape) / 1e6), peak: samples(1) }
    const measured = { shape, threads: 2, times, peaks: { peak: 1e6 } }
    expect(summaryOf([measured], true).figures['wasmVsFmaPeak']).toBeCloseTo(0.5)
    expect(summaryOf([{ ...measured, shape: parseShape('256') }], true).figures).toEqual({})
    expect(summaryOf([{ ...measured, shape: parseShape('512NT') }], true).figures).toEqual({})
  })

  it('of q16 are claimed of processors with tiles, on shapes that are deep enough', () => {
    const times = { nativeQ16: samples(1), openblas: samples(2), torch: samples(4) }
    const all = [one, { ...one, shape: parseShape('8192x64x64') }].map((each) => ({ ...each, times }))
    expect(summaryOf(all, false)).toMatchObject({ figures: { q16VsOpenblas: 2 }, thresholds: {} })
    expect(summaryOf(all, true).thresholds).toEqual({ q16VsOpenblas: { min: 3.5 } })
    expect(summaryOf(all.slice(1), true).figures).toEqual({})
    const step = [{ model: 'gpt-10m', threads: 1, times, overhead: {} }]
    expect(stepSummary(step, true).thresholds).toEqual({ 'nativeQ16VsTorch.gpt-10m': { min: 1.5 } })
    expect(stepSummary(step, false).thresholds).toEqual({})
  })

  it('of bench:step are the least of models and thread counts', () => {
    const step = (model: string, threads: number, wasm: number) => ({
      model,
      threads,
      times: { wasm: samples(wasm), torch: samples(1) },
      overhead: { wasm: wasm / 100 },
    })
    const { figures, thresholds, details } = stepSummary(
      [step('mlp', 1, 2), step('mlp', 2, 4), step('cnn', 1, 1)],
      true,
    )
    expect(figures).toEqual({
      wasmVsTorchMin: 0.25,
      wasmVsTorchMin1: 0.5,
      wasmVsTorchMin2: 0.25,
      'wasmVsTorch.mlp': 0.25,
      'wasmVsTorch.cnn': 1,
      wasmOverhead: 0.04,
    })
    expect(thresholds).toEqual({ wasmVsTorchMin: { min: 0.35 }, wasmOverhead: { max: 0.03 } })
    expect(details).toMatchObject({ nativeVsTorchMin: null, models: { mlp: { '2': { wasmVsTorch: 0.25 } } } })
  })
})

it('the models have the sizes of their names', () => {
  expect(parametersOf(MODELS.mlp('f32'))).toBe(784 * 256 + 256 + 2560 + 10)
  const gpt = MODELS['gpt-10m']('f32')
  expect(parametersOf(gpt) / 1e6).toBeCloseTo(10.9, 1)
  // Forward and backward take six operations for each weight of a matrix and token, attention a bit more.
  const tokens = gpt.spec.batch * 256
  expect(contractionFlops(gpt) / (6 * parametersOf(gpt) * tokens)).toBeGreaterThan(1)
  expect(contractionFlops(gpt) / (6 * parametersOf(gpt) * tokens)).toBeLessThan(1.2)
})

describe('options', () => {
  const parse = (...args: string[]) =>
    benchOptions(
      args,
      'shapes',
      { engines: 'wasm,native:q16', only: ['256'], seconds: 3 },
      { ASSAY_BENCH_PYTHON: '/opt/python' },
    )

  it('come from the command line, the environment, defaults', () => {
    expect(parse()).toEqual({
      engines: [
        { label: 'wasm', engine: 'wasm', arithmetic: 'f32' },
        { label: 'nativeQ16', engine: 'native', arithmetic: 'q16' },
      ],
      threads: [1, 2],
      only: ['256'],
      seconds: 3,
      python: '/opt/python',
      openblas: undefined,
    })
    expect(
      parse('--threads', '2', '--shapes', '512,64NT', '--python', 'py', '--seconds', '0.5', '--json'),
    ).toMatchObject({
      threads: [2],
      only: ['512', '64NT'],
      python: 'py',
      seconds: 0.5,
    })
  })

  it.each([
    ['--threads', '0'],
    ['--threads', '1.5'],
    ['--seconds', 'x'],
    ['--models', 'mlp'],
    ['--engines', 'wasm:q61'],
    ['surplus'],
  ])('refuse %s %s', (...args) => {
    expect(() => parse(...args)).toThrow()
  })
})

describe('what is missing', () => {
  const folder = mkdtemp(join(tmpdir(), 'assay-bench-'))
  afterAll(async () => rm(await folder, { recursive: true, force: true }))

  it('is said in a line and stops nothing', async () => {
    const lines: string[] = []
    const say = (line: string): void => void lines.push(line)
    const none = { python: join(await folder, 'python'), openblas: join(await folder, 'blas.so'), threads: 1 }
    expect(await findOpenblas(none)).toBeUndefined()
    expect(await orMissing('openblas', startOpenblas(none), say)).toBeNull()
    expect(await orMissing('torch', startTorch(none), say)).toBeNull()
    expect(await engineOrMissing('abacus', 1, say)).toBeNull()
    expect(lines).toEqual([
      expect.stringMatching(/^openblas is missing.*no library found at/),
      expect.stringMatching(/^torch is missing.*ENOENT/),
      expect.stringMatching(/^engine abacus is missing.*known are reference, wasm/),
    ])
  })

  it('a peer answers line by line, and its last words are the reason for its end', async () => {
    const script = join(await folder, 'peer.mjs')
    writeFileSync(
      script,
      `import { createInterface } from 'node:readline'
      console.log('{"version":1}')
      for await (const line of createInterface({ input: process.stdin })) {
        const { op, calls } = JSON.parse(line)
        if (op === 'die') { console.error('out of luck'); process.exit(3) }
        console.log(JSON.stringify(calls ? { seconds: calls, cpuSeconds: 0 } : { error: 'no ' + op }))
      }`,
    )
    const peer = await Peer.start('peer', process.execPath, [script], {})
    expect(peer.about).toEqual({ version: 1 })
    expect(await peer.time(3)).toEqual({ seconds: 3, cpuSeconds: 0 })
    await expect(peer.ask({ op: 'sing' })).rejects.toThrow('peer: no sing')
    await expect(peer.ask({ op: 'die' })).rejects.toThrow('out of luck')
    peer.close()
  })
})
