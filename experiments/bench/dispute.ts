/**
 * Benchmark: what a dispute takes against the size of what is disputed, from 2^10 to 2^71 micro-steps, by toys whose trees are virtual.
 * Rules, players and the contract are real. docs/benchmarks.md explains options and keys.
 */
import { ShownTrees } from '#pinpoint/play/context.ts'
import { play, roundsByLevel } from '#pinpoint/play/match.ts'
import { sidesOf, stubborn, viewsOf } from '#pinpoint/play/sides.ts'
import { type Lie, Toy } from '#pinpoint/play/toy.ts'
import { toySize } from '#pinpoint/play/toy-job.ts'
import { commandLine } from '../lib/command.ts'
import { type Costs, Court } from '../lib/court.ts'
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

interface Measured {
  readonly rounds: number
  readonly levels: Record<string, number>
  readonly costs: Costs
}

async function measure(court: Court, toy: Toy, served: boolean): Promise<Measured> {
  const lie = middle(toy)
  // An entry of its own for each game: a claim keeps what was posted.
  const entry = { ...toy.entry(lie), window: served ? 1 : 0, epoch: toy.traceLength }
  const claim = toy.claim(entry)
  const liar = toy.statement(lie)
  const shown = new ShownTrees(served ? liar : undefined)
  const views = viewsOf(toy.about(entry), liar, toy.statement(), shown)
  const evidence = { entry, facts: toy.facts }
  const outcome = await play({ claim, evidence }, { ...sidesOf(views, shown), asserter: stubborn(views.asserter) })
  if (outcome.winner !== 'challenger' || outcome.end !== 'block') throw new Error('the lie was not refuted')
  const costs = await court.replay(claim, evidence, outcome)
  return { rounds: outcome.rounds, levels: roundsByLevel(outcome), costs }
}

const figures: Record<string, Figure> = {}
const sizes: Record<string, unknown> = {}
const court = await Court.start()
try {
  for (const bits of SIZES) {
    const toy = new Toy(toySize(bits))
    const withheld = await measure(court, toy, false)
    const served = await measure(court, toy, true)
    sizes[`2^${bits}`] = { microSteps: String(toy.microSteps), withheld, served }
    if (!jsonOnly()) console.log(line(bits, withheld, served))
    figures['roundsWithheld'] = withheld.rounds
    figures['roundsServed'] = served.rounds
    figures['gasAsserter'] = withheld.costs.gas.asserter
    figures['gasChallenger'] = withheld.costs.gas.challenger
    figures['gasAsserterServed'] = served.costs.gas.asserter
    figures['gasChallengerServed'] = served.costs.gas.challenger
    figures['largestTransaction'] = Math.max(withheld.costs.largest, served.costs.largest)
  }
} finally {
  await court.stop()
}

function line(bits: number, withheld: Measured, served: Measured): string {
  const of = ({ rounds, costs: { gas } }: Measured): string =>
    `${rounds} rounds, gas ${gas.asserter} asserter, ${gas.challenger} challenger`
  return `2^${bits}: withheld ${of(withheld)}; served ${of(served)}`
}

const thresholds = {
  roundsWithheld: { max: 18 },
  roundsServed: { max: 9 },
  gasChallenger: { max: 1_500_000 },
  gasAsserter: { max: 1_500_000 },
  largestTransaction: { max: 16_777_216 },
}
report({ name: 'dispute', figures, thresholds, details: { sizes, others: OTHERS } })
