import { expect, test } from 'vitest'
import { elementOf } from '#graph/primitives/index.ts'
import { typeOf } from '#graph/testing.ts'
import { isAssayError } from '#proto/errors.ts'
import { seededRandom } from '#proto/testing.ts'
import { nodeAt } from './node.ts'
import { smallJob, World } from './testing.ts'

const world = new World(smallJob())
const MICRO = 1
const graph = world.program.micro
const facts = world.facts.micro

test('every node opens as what its primitive stands for', () => {
  for (const [n, node] of graph.nodes.entries()) {
    const value = graph.inputs.length + n
    const opened = nodeAt(facts, value, world.nodeEvidence(MICRO, value))
    const types = node.inputs.map((id) => typeOf(graph, id))
    expect(opened).toEqual({ inputs: node.inputs, type: node.type, program: elementOf(node, types) })
  }
})

test('no other bytes pass for a node', () => {
  const random = seededRandom(4)
  const value = graph.inputs.length + 3
  const { node, nodeOpening } = world.nodeEvidence(MICRO, value)
  const refused = (evidence: Parameters<typeof nodeAt>[2], at = value): void => {
    try {
      nodeAt(facts, at, evidence)
      expect.fail('opened')
    } catch (error) {
      expect(isAssayError(error), `${error}`).toBe(true)
    }
  }
  refused({})
  refused({ node })
  refused({ node, nodeOpening }, value + 1)
  refused({ node, nodeOpening }, graph.inputs.length - 1)
  refused({ node, nodeOpening }, graph.inputs.length + graph.nodes.length)
  refused({ node: new Uint8Array(1 << 20), nodeOpening })
  refused({ node: node.slice(1), nodeOpening })
  refused({ node, nodeOpening: nodeOpening.slice(1) })
  for (let i = 0; i < 50; i++) {
    const changed = node.slice()
    changed[random.below(changed.length)] = (changed[0] as number) + 1 + random.below(254)
    if (Buffer.compare(changed, node) !== 0) refused({ node: changed, nodeOpening })
  }
})
