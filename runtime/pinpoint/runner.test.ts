/** Values computed in stretches, in selections and whole graphs are those of the definition. */
import { expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import { referenceEngine } from '#engine/reference/engine.ts'
import { typeOf } from '#graph/part.ts'
import { PRESETS } from '#graph/presets.ts'
import { buildProgram } from '#graph/program.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Graph } from '#graph/types.ts'
import { seededRandom } from '#proto/testing.ts'
import { Runner, type Words } from './runner.ts'

const random = seededRandom(9)

/** Words that any input may hold: small floats, small integers. */
function inputsOf(graph: Graph): Words[] {
  return graph.inputs.map(({ type }) => {
    const words = new Uint32Array(elementsOf(type.shape))
    const floats = new Float32Array(words.buffer)
    for (let i = 0; i < words.length; i++) {
      if (type.dtype === 'f32') floats[i] = random.below(2001) / 1000 - 1
      else words[i] = random.below(4)
    }
    return words
  })
}

test.each(['mlp-tiny', 'cnn-tiny', 'gpt-dropout'] as const)('%s', async (preset) => {
  const { micro, update } = buildProgram(PRESETS[preset])
  const engine = await createEngine('wasm')
  const reference = referenceEngine()
  try {
    const runner = new Runner(engine)
    for (const graph of [micro, update]) {
      const inputs = inputsOf(graph)
      const buffers = graph.inputs.map(({ type }, i) => {
        const buffer = reference.alloc(type)
        buffer.words().set(inputs[i] as Words)
        return buffer
      })
      const kernel = reference.compile(graph)
      const values: Words[] = []
      for (let round = 0; round < 2; round++) {
        values.length = 0
        runner.visit(graph, inputs, (id, words) => {
          expect(id).toBe(values.length)
          values.push(words.slice())
        })
      }
      expect(values).toHaveLength(graph.inputs.length + graph.nodes.length)
      for (const [id, words] of values.entries()) {
        expect(words).toHaveLength(elementsOf(typeOf(graph, id).shape))
        if (id % 7 === 0 || id === values.length - 1) expect(words).toEqual(kernel.tap(buffers, id))
      }
      expect(runner.run(graph, inputs)).toEqual(graph.outputs.map(({ value }) => values[value]))
      for (let i = 0; i < 12; i++) {
        const ids = [random.below(values.length), random.below(values.length)]
        expect(runner.select(graph, inputs, ids)).toEqual(ids.map((id) => values[id]))
      }
    }
    expect(engine.memory()).toBeLessThan(16 << 20)
  } finally {
    await engine.close()
  }
})
