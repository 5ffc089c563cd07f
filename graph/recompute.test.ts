/** Recomputation: fewer live values, more work, the same bits. */
import { expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import { checkGraph } from './check.ts'
import { graphCost } from './cost.ts'
import { fuse } from './fuse.ts'
import { intermediateBytes } from './memory.ts'
import { PRESETS, type PresetName } from './presets.ts'
import { buildProgram } from './program.ts'
import { recompute } from './recompute.ts'
import { elementsOf } from './shape.ts'
import type { ProgramSpec } from './spec.ts'
import { evaluateWords, reals, wordsOf } from './testing.ts'
import type { Graph } from './types.ts'

const METRICS = ['loss', 'count', 'correct']
const dropout = Math.fround(0.2)
const SPECS: Readonly<Record<string, ProgramSpec>> = {
  'a gpt with dropout': {
    ...PRESETS['gpt-dropout'],
    model: { type: 'gpt', width: 16, layers: 3, heads: 2, context: 8, dropout },
  },
  'a cnn': PRESETS['cnn-tiny'],
}

/** Words for every input of a graph: small reals, and integers in the range of records. */
function inputsOf(graph: Graph, below: number): Record<string, Uint32Array> {
  const random = seededRandom(5)
  return Object.fromEntries(
    graph.inputs.map(({ name, type: { dtype, shape } }) => {
      const count = elementsOf(shape)
      if (dtype === 'f32') return [name, wordsOf('f32', reals(random, count))]
      return [name, Uint32Array.from({ length: count }, () => random.below(below))]
    }),
  )
}

test.each(Object.entries(SPECS))('%s: the same bits from less memory and more work', (_name, spec) => {
  const { micro } = buildProgram(spec)
  const { micro: shorter } = buildProgram({ ...spec, recompute: 'blocks' })
  expect(intermediateBytes(shorter)).toBeLessThan(0.8 * intermediateBytes(micro))
  const work = Number(graphCost(shorter).blocks) / Number(graphCost(micro).blocks)
  expect(work).toBeGreaterThan(1.05)
  expect(work).toBeLessThan(1.5)
  const inputs = inputsOf(micro, spec.data.classes)
  expect(evaluateWords(shorter, inputs)).toEqual(evaluateWords(micro, inputs))
})

test('fusion would merge what is computed twice, so it must come before', () => {
  const { micro } = buildProgram(PRESETS['gpt-tiny'])
  const shorter = recompute(micro, METRICS)
  expect(shorter.nodes.length).toBeGreaterThan(micro.nodes.length)
  expect(fuse(shorter).nodes.length).toBe(fuse(micro).nodes.length)
})

test('deeper models save more: what grows with the depth is the boundaries alone', () => {
  const at = (layers: number): [number, number] => {
    const model = { type: 'gpt', width: 32, layers, heads: 2, context: 16, dropout: 0 } as const
    const { micro } = buildProgram({ ...PRESETS['gpt-tiny'], model })
    const shorter = recompute(micro, METRICS)
    checkGraph(shorter)
    return [intermediateBytes(micro), intermediateBytes(shorter)]
  }
  const [[shallow, shallowAgain], [deep, deepAgain]] = [at(2), at(8)]
  // Two boundaries a layer: the stream [2 x 16, 32] after attention and after the dense layers.
  expect((deepAgain - shallowAgain) / 6).toBeLessThanOrEqual(2 * 4 * 32 * 32 + 4096)
  expect((deep - shallow) / (deepAgain - shallowAgain)).toBeGreaterThan(4)
})

test.each(['mlp-tiny'] as const satisfies readonly PresetName[])('%s has nothing to save and stays', (name) => {
  const { micro } = buildProgram(PRESETS[name])
  expect(recompute(micro, METRICS)).toBe(micro)
})
