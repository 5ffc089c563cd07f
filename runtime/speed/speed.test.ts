/** The cost model in seconds: its sums by hand, and a calibration of an engine against a step that it ran. */
import { expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import { Builder } from '#graph/builder.ts'
import { PRESETS } from '#graph/presets.ts'
import { buildProgram } from '#graph/program.ts'
import { calibrate } from '#runtime/speed/calibrate.ts'
import { contractionRate, nodeSeconds, predict } from '#runtime/speed/predict.ts'
import { GRID, type Rates } from '#runtime/speed/rates.ts'
import { fastestOf } from '#runtime/speed/timing.ts'

/** A machine of round figures: contractions run at m + n + k operations a second. */
const RATES: Rates = {
  engine: 'none',
  threads: 1,
  contraction: GRID.m.map((m) => GRID.n.map((n) => GRID.k.map((k) => m + n + k))),
  forms: { tn: 2, nt: 3, q16: 5 },
  block: 1,
  heavyBlock: 10,
  word: 100,
  farWord: 300,
  element: { transpose: 7, 'reduce-rows': 11, 'reduce-columns': 13 },
  call: 50,
  node: 1000,
  fused: { micro: 0.5, update: 1 },
}

test('rates of contractions lie between those of the grid, in the logarithm; below the grid tiles are idle', () => {
  expect(contractionRate(RATES, 64, 8, 64)).toBe(136)
  expect(contractionRate(RATES, 64, Math.sqrt(8 * 64), 64)).toBeCloseTo(64 + 36 + 64)
  expect(contractionRate(RATES, 1e6, 1e6, 1e6)).toBe(512 + 256 + 512)
  expect(contractionRate(RATES, 2, 8, 9)).toBe((8 + 8 + 9) / 4)
})

test('nodes cost their blocks, words, elements and operations', () => {
  const b = new Builder()
  const x = b.input('x', 'f32', [64, 8])
  const y = b.matmul(x, b.input('w', 'f32', [64, 8]), { transposeB: true, arithmetic: 'q16' })
  b.output('a', b.sum(y, [0]))
  b.output('b', b.div(b.transpose(x, [1, 0]), b.add(b.input('z', 'f32', [8, 64]), 1)))
  b.output('c', b.reshape(x, [512]))
  const graph = b.finish('nodes')
  const seconds = new Map(graph.nodes.map(({ op }, i) => [op, nodeSeconds(RATES, graph)[i]]))
  expect(seconds.get('matmul')).toBeCloseTo(1000 + (3 * 5 * 2 * 64 * 64 * 8) / ((64 + 64 + 9) * (8 / 9)))
  expect(seconds.get('reduce')).toBe(1000 + 13 * 64 * 64)
  expect(seconds.get('transpose')).toBe(1000 + 7 * 512)
  expect(seconds.get('map')).toBe(1000 + 512 * (1 + 10 + 3 * 100))
  expect(seconds.get('reshape')).toBe(0)
})

test('a step is its micro-batches, the additions between them and the update', () => {
  const { micro, combine, update, step } = predict(buildProgram(PRESETS['mlp-tiny']), 4, RATES)
  expect(step).toBe(4 * micro + 3 * combine + update)
  const kept = predict(buildProgram(PRESETS['gpt-tiny']), 2, RATES)
  const again = predict(buildProgram({ ...PRESETS['gpt-tiny'], recompute: 'blocks' }), 2, RATES)
  expect(again.micro).toBeGreaterThan(kept.micro)
  expect(again.update).toBe(kept.update)
})

test('calibration finds rates of this machine that a graph it has not seen keeps, give or take its other work', async () => {
  const engine = await createEngine('wasm')
  try {
    const before = engine.memory()
    const rates = calibrate(engine)
    expect(engine.memory() - before).toBeLessThan(2 ** 23)
    const flat = [...rates.contraction.flat(2), ...Object.values(rates.forms), ...Object.values(rates.element)]
    for (const rate of [...flat, rates.block, rates.heavyBlock, rates.farWord, rates.call]) {
      expect(rate).toBeGreaterThan(0)
      expect(rate).toBeLessThan(1e13)
    }
    expect(rates.contraction[2]?.[2]?.[2]).toBeGreaterThan(rates.contraction[0]?.[0]?.[0] as number)
    const program = buildProgram({ ...PRESETS['cnn-tiny'], batch: 32, microBatches: 1 })
    const ratio = predict(program, 1, rates).micro / (fastestOf(engine, [program.micro])[0] as number)
    expect(ratio).toBeGreaterThan(0.2)
    expect(ratio).toBeLessThan(5)
  } finally {
    await engine.close()
  }
})
