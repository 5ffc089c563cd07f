/** Statements about entries agree with what replay says of them, level by level. */
import { afterAll, expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import { typeOf } from '#graph/part.ts'
import type { PresetName } from '#graph/presets.ts'
import { elementsOf } from '#graph/shape.ts'
import { factsOf } from '#pinpoint/facts.ts'
import { resultLeaves } from '#pinpoint/inputs.ts'
import { graphOf, itemAt, itemExport, itemsOf, sumCount } from '#pinpoint/schedule.ts'
import { heightOf } from '#pinpoint/tree.ts'
import type { List } from '#pinpoint/types.ts'
import { DTYPE_CODE, hashTree, tensorRootOf } from '#proto/merkle.ts'
import { seededRandom } from '#proto/testing.ts'
import { lanesRoot } from '#runtime/judge.ts'
import { Runner } from './runner.ts'
import { EntryStatement } from './statement.ts'
import { honestEntries, smallJob } from './testing.ts'

const engine = await createEngine('wasm')
afterAll(() => engine.close())

const random = seededRandom(21)

test.each<[PresetName, number, readonly [number, number]]>([
  ['mlp-tiny', 1, [0, 2]],
  ['mlp-tiny', 2, [3, 5]],
  ['mlp-tiny', 4, [0, 1]],
  ['cnn-tiny', 2, [0, 2]],
  ['gpt-dropout', 1, [2, 3]],
])('%s of %i replicas, steps %o', async (preset, replicas, steps) => {
  const job = smallJob(preset, { replicas })
  const facts = factsOf(job.spec, job.program)
  const { entries, source } = honestEntries(engine, job, steps, replicas)
  for (const entry of entries) {
    // Hardly anything fits: all is computed again and again.
    const statement = new EntryStatement(source(entry.replica), new Runner(engine), 1000)
    const hash = (list: List, index: number) => statement.preimage(list, 0, index)
    const schedule = itemsOf(facts, entry, replicas)
    const items = await Promise.all(Array.from({ length: schedule.count }, (_, i) => hash({ level: 'items' }, i)))

    for (let n = 0; n < schedule.exports; n++) {
      const found = itemExport(schedule, n)
      if (found.end === 'rootAfter' || found.end === 'rootBefore') expect(items[found.item]).toEqual(entry[found.end])
      else {
        const list = { level: 'results', of: found.end } as const
        const count = found.end === 'sum' ? sumCount(schedule) : schedule.steps
        const steps = await Promise.all(Array.from({ length: count }, (_, leaf) => hash(list, leaf)))
        if (found.end === 'sum') expect(lanesRoot(steps)).toEqual(entry.lanesRoot)
        else expect(hashTree(steps)).toEqual(entry.metricsRoot)
      }
    }

    for (const [i, root] of items.entries()) {
      const item = itemAt(schedule, i)
      const results = { level: 'results', of: 'export', item: i } as const
      const committed = await Promise.all(
        Array.from({ length: resultLeaves(facts, item) }, (_, leaf) => hash(results, leaf)),
      )
      expect(hashTree(committed)).toEqual(root)
      const name = graphOf(item)
      if (name === undefined) {
        await expect(hash({ level: 'values', item: i }, 0)).rejects.toThrow('has no values')
        continue
      }
      const graph = job.program[name]
      const values = graph.inputs.length + graph.nodes.length
      const exported = name === 'init' || name === 'update' ? facts.state : facts.gradients + facts.metrics
      const leaves = await Promise.all(
        graph.outputs.slice(0, exported).map(({ value }) => hash({ level: 'values', item: i }, value)),
      )
      expect(leaves).toEqual(committed)
      if (item.kind === 'add' && random.bool(0.7)) continue
      const value = random.below(values)
      const type = typeOf(graph, value)
      const count = elementsOf(type.shape)
      const list = { level: 'words', item: i, value } as const
      const bytes = Buffer.concat(
        await Promise.all(Array.from({ length: Math.ceil(count / 256) }, (_, leaf) => hash(list, leaf))),
      )
      expect(tensorRootOf(DTYPE_CODE[type.dtype], type.shape, bytes)).toEqual(
        await hash({ level: 'values', item: i }, value),
      )
      if (value < graph.inputs.length) continue
      const element = random.below(count)
      const trace = { level: 'trace', item: i, value, element } as const
      const first = await hash(trace, 0)
      if (first.length < 1024)
        expect(first.subarray(-4)).toEqual(new Uint8Array(bytes.subarray(4 * element, 4 * element + 4)))
    }
    const height = heightOf(schedule.count)
    const above = await statement.preimage({ level: 'items' }, height, 0)
    if (height === 1) expect(above).toEqual(new Uint8Array(Buffer.concat(items)))
  }
})

test('what is not there is refused', async () => {
  const { source } = honestEntries(engine, smallJob('mlp-tiny'), [3, 4], 1)
  const runner = new Runner(engine)
  const statement = new EntryStatement(source(0), runner)
  const ask = (list: List, height = 0, index = 0) => statement.preimage(list, height, index)
  const bad = [-1, 0.5, Number.NaN, 1e9]
  for (const n of bad) {
    await expect(ask({ level: 'items' }, 0, n)).rejects.toMatchObject({ code: 'bad-input' })
    await expect(ask({ level: 'items' }, n, 0)).rejects.toMatchObject({ code: 'bad-input' })
    await expect(ask({ level: 'values', item: n })).rejects.toMatchObject({ code: 'bad-input' })
    await expect(ask({ level: 'words', item: 0, value: n })).rejects.toMatchObject({ code: 'bad-input' })
    await expect(ask({ level: 'trace', item: 0, value: n, element: 0 })).rejects.toMatchObject({ code: 'bad-input' })
    await expect(ask({ level: 'trace', item: 0, value: 12, element: n })).rejects.toMatchObject({ code: 'bad-input' })
    await expect(ask({ level: 'results', of: 'export', item: n })).rejects.toMatchObject({ code: 'bad-input' })
  }
  await expect(ask({ level: 'trace', item: 0, value: 0, element: 0 })).rejects.toThrow('result of no node')
  const { before: _, ...without } = source(0)
  expect(() => new EntryStatement(without, runner)).toThrow('the state before the entry is missing')
  expect(() => new EntryStatement({ ...without, before: new Uint8Array(3) }, runner)).toThrow('bytes')
})
