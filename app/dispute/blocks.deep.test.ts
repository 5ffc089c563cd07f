/** Ends of real models' games as they are told: the operands that are shown give the result, whatever primitive is in dispute. */
import { afterAll, expect, test } from 'vitest'
import { evaluate } from '#arith/blocks.ts'
import { traceLength } from '#arith/layout.ts'
import { evaluateQuantised, isQuantisedBlock } from '#arith/quantised.ts'
import type { Block } from '#arith/types.ts'
import { createEngine } from '#engine/index.ts'
import { elementOf } from '#graph/primitives/index.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Node } from '#graph/types.ts'
import { graphOf, itemAt } from '#pinpoint/schedule.ts'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import type { Lie } from '#runtime/pinpoint/lie.ts'
import { dispute, fork, type Ground } from '../../experiments/fork-sweep/fork.ts'
import { groundIn, type Setting } from '../../experiments/fork-sweep/testing.ts'
import { blockReport } from './ends.ts'
import { blockText, readNode, tracedText } from './places.ts'

const engine = await createEngine('wasm')
afterAll(() => engine.close())

const SETTINGS: readonly Setting[] = [
  { preset: 'mlp-tiny', change: { replicas: 1 }, steps: [0, 2], replica: 0 },
  { preset: 'cnn-tiny', change: { replicas: 2, arithmetic: 'q16' }, steps: [0, 1], replica: 0 },
  { preset: 'gpt-dropout', change: { replicas: 1 }, steps: [2, 3], replica: 0 },
]
const GAMES = 60

/** A bit of one building block of a node anywhere. */
function lieIn({ schedule, program }: Ground, random: SeededRandom): Lie {
  const items = Array.from({ length: schedule.count }, (_, i) => i)
  const item = random.pick(items.filter((i) => graphOf(itemAt(schedule, i)) !== undefined))
  const graph = program[graphOf(itemAt(schedule, item)) ?? 'micro']
  const own = graph.inputs.length
  const n = random.below(graph.nodes.length)
  const node = graph.nodes[n] as Node
  const types = node.inputs.map((id) => (graph.inputs[id] ?? (graph.nodes[id - own] as Node)).type)
  const micro = random.below(traceLength(elementOf(node, types)))
  return { item, value: own + n, element: random.below(elementsOf(node.type.shape)), micro, bit: random.below(32) }
}

test.each(SETTINGS)('$preset', async (setting) => {
  const ground = groundIn(engine, setting)
  const random = seededRandom(17)
  const blocks = new Set<string>()
  for (let game = 0; game < GAMES; game++) {
    const lie = lieIn(ground, random)
    const forked = await fork(ground, lie)
    if (forked === undefined) continue
    const { outcome } = await dispute(ground, forked, ground.statement, true)
    const { position } = outcome.game
    const last = outcome.moves.at(-1)?.move
    if (outcome.end !== 'block' || last?.kind !== 'prove' || last.evidence.node === undefined) continue
    const { element = 0, micro = 0, microWord = 0 } = position
    const node = readNode(last.evidence.node)
    const { block, operands, result } = blockReport(node, element, micro, last.evidence)
    const words = operands.map(({ bits }) => Number(bits))
    const computed = isQuantisedBlock(block) ? evaluateQuantised(block, words) : evaluate(block as Block, words)
    expect(Number(result.bits), JSON.stringify(lie)).toBe(computed)
    expect(computed).not.toBe(microWord)
    expect(blockText(node, element, micro)).toMatch(new RegExp(`^${block}, .+$`))
    expect(Number(tracedText(node, element, micro, microWord).bits)).toBe(microWord)
    blocks.add(block)
  }
  expect(blocks.size).toBeGreaterThan(2)
})
