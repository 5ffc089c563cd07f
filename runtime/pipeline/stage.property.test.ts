/** Grids of replicas and stages train to the state root of the uncut program, whatever program, cut, lanes and order of events. */
import { afterAll, expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import { typeOf } from '#graph/part.ts'
import { microPlaces, type Plan, partition } from '#graph/partition/plan.ts'
import { randomProgram } from '#graph/partition/testing.ts'
import type { PresetName } from '#graph/presets.ts'
import { reals, seeds, wordsOf } from '#graph/testing.ts'
import type { Graph, Program } from '#graph/types.ts'
import { toHex } from '#proto/bytes.ts'
import { seededRandom } from '#proto/testing.ts'
import { Feed } from '#runtime/feed.ts'
import { smallJob } from '#runtime/pinpoint/testing.ts'
import { listRoot } from '#runtime/tensors.ts'
import { Trainer } from '#runtime/trainer.ts'
import { bytesOf, type Words } from './stage.ts'
import { cutAnywhere, TestGrid, type TestGridOptions } from './testing.ts'

const engine = await createEngine('wasm')
afterAll(() => engine.close())

const STEPS = 3

const rootOf = ({ state }: Program, tensors: readonly Words[]): string =>
  toHex(listRoot(state, Buffer.concat(tensors.map(bytesOf))))

/** The state root after `STEPS` steps; all replicas must have it, and what crossed must be what the plan says. */
function gridRoot(program: Program, plan: Plan, options: TestGridOptions, seed: number): string {
  const grid = new TestGrid(engine, program, plan, options)
  const random = seededRandom(seed)
  for (let step = 0; step < STEPS; step++) grid.step(step, random)
  const carried = (list: readonly { readonly bytes: number }[]): number =>
    list.reduce((sum, { bytes }) => sum + bytes, 0)
  expect(grid.traffic).toEqual({
    transfers: STEPS * options.microBatches * carried(plan.transfers),
    shares: STEPS * options.replicas * carried(plan.shares),
  })
  const roots = Array.from({ length: options.replicas }, (_, replica) => rootOf(program, grid.state(replica)))
  expect(new Set(roots).size).toBe(1)
  return roots[0] as string
}

/** The state root of the uncut program. */
function wholeRoot({ program, spec, data }: ReturnType<typeof smallJob>): string {
  const trainer = new Trainer(engine, program, spec, data)
  trainer.init()
  for (let step = 0; step < STEPS; step++) {
    trainer.sum(step, 0, 1)
    trainer.update(step)
  }
  const state = new Uint8Array(trainer.stateBytes)
  trainer.readState(state)
  return toHex(listRoot(program.state, state))
}

const grids: readonly (readonly [stages: number, replicas: number, eager: number])[] = [
  [2, 1, 0],
  [4, 1, 1],
  [3, 2, 0],
]

test.each<[PresetName, number, number, ('none' | 'blocks')?]>([
  ['mlp-tiny', 4, 4],
  ['mlp-tiny', 5, 2],
  ['cnn-tiny', 2, 2],
  ['gpt-tiny', 2, 2, 'blocks'],
  ['gpt-dropout', 4, 2],
])(
  '%s, %i micro-batches in %i lanes, as 2 to 4 stages and 1 or 2 replicas',
  (preset, microBatches, lanes, recompute = 'none') => {
    const job = smallJob(preset, { microBatches, batch: 2 * microBatches, lanes, recompute })
    const { spec, program, data } = job
    const root = wholeRoot(job)
    for (const [stages, replicas, eager] of grids) {
      const options = { microBatches, lanes, replicas, eager, feed: new Feed(spec, program, data) }
      expect(gridRoot(program, partition(program, stages), options, stages), `${stages} x ${replicas}`).toBe(root)
    }
  },
)

test('a plan that changes after every step changes no bit', () => {
  const job = smallJob('gpt-tiny', { microBatches: 4, batch: 8, lanes: 4 })
  const { spec, program, data } = job
  const random = seededRandom(3)
  let state: Words[] | undefined
  for (const [step, [stages, replicas]] of (
    [
      [2, 1],
      [4, 2],
      [1, 4],
    ] as const
  ).entries()) {
    const options = { microBatches: 4, lanes: 4, replicas, eager: 0, feed: new Feed(spec, program, data) }
    const grid = new TestGrid(engine, program, partition(program, stages), options)
    if (state) grid.load(state)
    grid.step(step, random)
    state = grid.state(replicas - 1)
  }
  expect(rootOf(program, state as Words[])).toBe(wholeRoot(job))
})

/** The outputs of a graph, uncut. */
function runWhole(graph: Graph, inputs: readonly Words[]): Words[] {
  const held = (words: Words, i: number) => {
    const buffer = engine.alloc((graph.inputs[i] as Graph['inputs'][number]).type)
    buffer.words().set(words)
    return buffer
  }
  const ins = inputs.map(held)
  const outs = graph.outputs.map(({ value }) => engine.alloc(typeOf(graph, value)))
  engine.compile(graph).run(ins, outs)
  return outs.map((buffer) => buffer.words().slice())
}

test.each(seeds(8))('a random program, cut anywhere, seed %i', (seed) => {
  const random = seededRandom(seed)
  const program = randomProgram(random)
  const count = 2 + random.below(3)
  const records = Array.from({ length: STEPS * count }, () => wordsOf('f32', reals(random, 16)))
  const [two, four] = [Uint32Array.of(1, 2), new Uint32Array(4)]
  const inputs = (step: number, m: number): Words[] => [
    two,
    Uint32Array.of(step),
    four,
    records[count * step + m] as Words,
  ]
  let state = runWhole(program.init, [two])
  for (let step = 0; step < STEPS; step++) {
    const sums = Array.from({ length: count }, (_, m) => runWhole(program.micro, [...state, ...inputs(step, m)]))
    // One lane: ascending.
    const total = sums.reduce((left, right) => runWhole(program.combine, left.concat(right)))
    state = runWhole(program.update, [...state, Uint32Array.of(step), ...total]).slice(0, state.length)
  }
  const plan = cutAnywhere(program, microPlaces(program).count, random)
  const feed = { seeds: { init: two, dropout: two }, inputs }
  const options = { microBatches: count, lanes: 1, replicas: 1, eager: random.below(2), feed }
  expect(gridRoot(program, plan, options, seed)).toBe(rootOf(program, state))
})
