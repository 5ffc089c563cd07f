/**
 * Benchmark: what a dispute takes against the size of what is disputed, from 2^10 to 2^71 micro-steps, by toys whose trees are virtual.
 * Rules and players are real. docs/benchmarks.md explains options and keys.
 */
import { ShownTrees } from '#pinpoint/play/context.ts'
import { play, roundsByLevel } from '#pinpoint/play/match.ts'
import { sidesOf, stubborn, viewsOf } from '#pinpoint/play/sides.ts'
import { type Lie, Toy } from '#pinpoint/play/toy.ts'
import { toySize } from '#pinpoint/play/toy-job.ts'
import { commandLine } from '../lib/command.ts'
import { type Figure, jsonOnly, report } from '../lib/figures.ts'

commandLine('usage: npm run bench:dispute -- [--json]', { json: { type: 'boolean' } })

const SIZES = [10, 20, 30, 40, 50, 60, 71]
/** Published figures of others, for the largest of these sizes or the nearest to it. */
const OTHERS = {
  'Cartesi Dave': { rounds: 92, gasPerAdvance: 65_000, gasOfLeaf: 103_000 },
  'Optimism fault proofs': { depth: 73 },
}

/** A false word in the middle of everything: all places of a list are equally deep. */
function middle(toy: Toy): Lie {
  const { inputs, nodes } = toy.facts.update
  const value = inputs + Math.floor(nodes / 2)
  const type = toy.definitions.type('update', value)
  return {
    at: 'trace',
    item: toy.schedule.count - 1,
    value,
    element: Math.floor((type.shape[0] ?? 1) / 3),
    // Elsewhere than the element: equal trees would show each other's nodes.
    micro: Math.floor((3 * toy.traceLength) / 5),
  }
}

async function rounds(toy: Toy, served: boolean): Promise<{ total: number; levels: Record<string, number> }> {
  const lie = middle(toy)
  const entry = toy.entry(lie)
  const liar = toy.statement(lie)
  const shown = new ShownTrees(served ? liar : undefined)
  const views = viewsOf(toy.about(entry), liar, toy.statement(), shown)
  const outcome = await play(
    { claim: toy.claim(entry), evidence: { entry, facts: toy.facts } },
    { ...sidesOf(views, shown), asserter: stubborn(views.asserter) },
  )
  if (outcome.winner !== 'challenger' || outcome.end !== 'block') throw new Error('the lie was not refuted')
  return { total: outcome.rounds, levels: roundsByLevel(outcome) }
}

const figures: Record<string, Figure> = {}
const sizes: Record<string, unknown> = {}
for (const bits of SIZES) {
  const toy = new Toy(toySize(bits))
  const withheld = await rounds(toy, false)
  const served = await rounds(toy, true)
  sizes[`2^${bits}`] = { microSteps: String(toy.microSteps), withheld, served }
  if (!jsonOnly()) console.log(`2^${bits}: ${withheld.total} rounds withheld, ${served.total} served`)
  figures['roundsWithheld'] = withheld.total
  figures['roundsServed'] = served.total
}
const thresholds = { roundsWithheld: { max: 18 }, roundsServed: { max: 9 } }
report({ name: 'dispute', figures, thresholds, details: { sizes, others: OTHERS } })
