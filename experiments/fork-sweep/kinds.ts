/** Kinds of values behind an entry: what a step consists of, whose every kind has to be adjudicable. */
import type { Graph, Node } from '#graph/types.ts'
import { factsOf } from '#pinpoint/facts.ts'
import { inputRule } from '#pinpoint/inputs.ts'
import { graphOf, itemAt } from '#pinpoint/schedule.ts'
import type { Facts } from '#pinpoint/types.ts'
import type { Ground } from './fork.ts'

/** Values of one kind: items of one graph, and values within it. */
export interface Kind {
  readonly name: string
  readonly items: readonly number[]
  readonly values: readonly number[]
}

/** Of all graphs of an entry, in the order in which they are met. */
export function kindsOf(ground: Ground): Kind[] {
  const { schedule, program, source } = ground
  const facts = factsOf(source.spec, program)
  const kinds: Kind[] = []
  for (const name of ['init', 'micro', 'combine', 'update'] as const) {
    const items = Array.from({ length: schedule.count }, (_, i) => i).filter(
      (i) => graphOf(itemAt(schedule, i)) === name,
    )
    if (items.length === 0) continue
    const graph = program[name]
    const label = name === 'micro' ? microLabels(graph, program.metrics.length) : () => ROLE[name]
    const byName = new Map<string, number[]>()
    for (let value = 0; value < graph.inputs.length + graph.nodes.length; value++) {
      const node = graph.nodes[value - graph.inputs.length]
      const of = node === undefined ? inputName(facts, ground, items[0] as number, value) : node.op
      const kind = `${label(value)} ${of}`
      byName.set(kind, [...(byName.get(kind) ?? []), value])
    }
    for (const [kind, values] of byName) kinds.push({ name: kind, items, values })
  }
  return kinds
}

const ROLE = { init: 'initialization:', combine: 'lanes:', update: 'optimizer:' } as const

function inputName(facts: Facts, { schedule }: Ground, item: number, port: number): string {
  const at = itemAt(schedule, item)
  const rule = inputRule(facts, at, port)
  if (rule.kind === 'formula') return rule.formula
  const sums = at.kind === 'add' || (at.kind === 'update' && port > facts.state)
  return sums ? 'sum' : 'state'
}

/** Forward are the nodes that a metric depends on; random bits those that depend on nothing but seed, step and position. */
function microLabels(graph: Graph, metrics: number): (value: number) => string {
  const base = graph.inputs.length
  const forward = new Set(graph.outputs.slice(-metrics).map(({ value }) => value))
  const nodes = graph.nodes as readonly Node[]
  for (let i = nodes.length - 1; i >= 0; i--) {
    if (forward.has(base + i)) for (const id of (nodes[i] as Node).inputs) forward.add(id)
  }
  const seeds = new Set(['seed', 'step', 'position'])
  const random = new Set([...graph.inputs.keys()].filter((i) => seeds.has(graph.inputs[i]?.name ?? '')))
  for (const [i, { inputs }] of nodes.entries()) {
    if (inputs.length > 0 && inputs.every((id) => random.has(id))) random.add(base + i)
  }
  return (value) => {
    if (value < base) return 'data:'
    if (random.has(value)) return 'random bits:'
    return forward.has(value) ? 'forward:' : 'backward:'
  }
}
