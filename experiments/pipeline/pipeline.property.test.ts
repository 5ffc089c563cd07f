/** Stages train to the state root of the uncut program, whatever the program, the cut and the lanes. */
import { afterAll, expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import type { Engine } from '#engine/types.ts'
import { typeOf } from '#graph/part.ts'
import { microPlaces, type Plan, partition } from '#graph/partition/plan.ts'
import { randomProgram } from '#graph/partition/testing.ts'
import type { PresetName } from '#graph/presets.ts'
import { reals, seeds, wordsOf } from '#graph/testing.ts'
import type { Graph, Program } from '#graph/types.ts'
import { seededRandom } from '#proto/testing.ts'
import { smallJob } from '#runtime/pinpoint/testing.ts'
import { Trainer } from '#runtime/trainer.ts'
import { feedOf } from './feed.ts'
import { Pipeline, type PipelineOptions } from './pipeline.ts'
import { rootOf, trainedRoot } from './root.ts'
import type { Words } from './stage.ts'

const engines = await Promise.all([0, 1, 2, 3].map(() => createEngine('wasm')))
const [engine] = engines as [Engine]
afterAll(() => Promise.all(engines.map((one) => one.close())))

const STEPS = 3

function pipelineRoot(program: Program, plan: Plan, options: PipelineOptions): string {
  const pipeline = new Pipeline(engines, program, plan, options)
  for (let step = 0; step < STEPS; step++) pipeline.step(step)
  const carried = (list: readonly { readonly bytes: number }[]): number =>
    list.reduce((sum, { bytes }) => sum + bytes, 0)
  expect(pipeline.traffic).toEqual({
    transfers: STEPS * options.microBatches * carried(plan.transfers),
    shares: STEPS * carried(plan.shares),
  })
  return rootOf(program, pipeline.state())
}

test.each<[PresetName, number, number, ('none' | 'blocks')?]>([
  ['mlp-tiny', 4, 4],
  ['mlp-tiny', 5, 2],
  ['cnn-tiny', 2, 1],
  ['gpt-tiny', 2, 2, 'blocks'],
  ['gpt-dropout', 4, 2],
])('%s, %i micro-batches in %i lanes, as 1 to 4 stages', (preset, microBatches, lanes, recompute = 'none') => {
  const { spec, program, data } = smallJob(preset, { microBatches, batch: 2 * microBatches, lanes, recompute })
  const root = trainedRoot(new Trainer(engine, program, spec, data), STEPS)
  for (const stages of [1, 2, 3, 4]) {
    expect(pipelineRoot(program, partition(program, stages), feedOf(spec, program, data)), `${stages}`).toBe(root)
  }
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
  const records = Array.from({ length: STEPS * 2 }, () => wordsOf('f32', reals(random, 16)))
  const options: PipelineOptions = {
    ...{ microBatches: 2, lanes: 1, seed: Uint32Array.of(1, 2) },
    inputs: (step, m) => [
      Uint32Array.of(1, 2),
      Uint32Array.of(step),
      new Uint32Array(4),
      records[2 * step + m] as Words,
    ],
  }
  let state = runWhole(program.init, [options.seed])
  for (let step = 0; step < STEPS; step++) {
    const sums = [0, 1].map((m) => runWhole(program.micro, [...state, ...options.inputs(step, m)]))
    const total = runWhole(program.combine, sums.flat())
    state = runWhole(program.update, [...state, Uint32Array.of(step), ...total]).slice(0, state.length)
  }
  const { count } = microPlaces(program)
  const stages = Math.min(count, 2 + random.below(3))
  const places = random.shuffle(Array.from({ length: count - 1 }, (_, i) => i + 1))
  const cuts = places.slice(0, stages - 1).sort((a, b) => a - b)
  expect(pipelineRoot(program, partition(program, stages, { cuts }), options)).toBe(rootOf(program, state))
})
