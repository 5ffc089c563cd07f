/** How games have ended, as the chain tells it. */

import { decodeProgram } from '#arith/encode.ts'
import { microStep } from '#arith/microstep.ts'
import type { Hex } from '#contracts/abi/types.generated.ts'
import { claimIdOf, gameIdOf } from '#contracts/pinpoint.ts'
import { decodeNode } from '#graph/encode.ts'
import { type GraphName, graphOf, itemAt } from '#pinpoint/schedule.ts'
import { tensorHeader } from '#pinpoint/tree.ts'
import type { End, Level, Position, Player as Side } from '#pinpoint/types.ts'
import type { Chain } from './chain.ts'
import type { Dispute } from './table.ts'

/** A game that was decided. */
export interface Decided {
  readonly asserter: Hex
  readonly challenger: Hex
  readonly winner: Side
  readonly by: 'proof' | 'timeout' | 'concession'
  /** Where it was when it was decided. */
  readonly level: Level
  readonly end: End | undefined
  /** The place, in words. */
  readonly at: string
  /** Responses of the asserter, and the proof. */
  readonly rounds: number
  readonly blocks: number
}

/** All games of a claim that were decided, by seat and challenger. */
export async function decidedGames(
  { games, reader }: Chain,
  dispute: Dispute,
  began: ReadonlyMap<Hex, number>,
): Promise<Decided[]> {
  const claimId = claimIdOf(reader.deployment.assay, dispute.entryHash)
  const { seats, challengers } = await games.claimOf(claimId)
  const found: Decided[] = []
  for (const seat of seats.keys()) {
    for (const challenger of challengers.keys()) {
      const gameId = gameIdOf(claimId, seat, challenger)
      const history = await games.historyOf(gameId, dispute.fromBlock)
      const decided = history.find((event) => event.name === 'Decided')
      if (decided === undefined) continue
      const view = await games.gameOf(gameId)
      const position = await games.positionOf(gameId, dispute.fromBlock, (item, value) =>
        tensorHeader(dispute.about.definitions.type(graphAt(dispute, item), value)),
      )
      found.push({
        ...{ asserter: view.asserter, challenger: view.challenger },
        winner: decided.winner === 'Asserter' ? 'asserter' : 'challenger',
        by: decided.decision.toLowerCase() as Decided['by'],
        ...{ level: position.level, end: position.end, at: placeIn(dispute, position) },
        rounds: history.filter(({ name }) => name === 'Posted' || name === 'Compared').length,
        blocks: decided.blockNumber - (began.get(gameId) ?? decided.blockNumber),
      })
    }
  }
  return found
}

const graphAt = ({ about }: Dispute, item: number): GraphName => graphOf(itemAt(about.schedule, item)) ?? 'micro'

/** The item, the value and the block in question, as far as they were chosen. */
function placeIn(dispute: Dispute, { level, end, item, value, element, micro }: Position): string {
  const { schedule, definitions, facts } = dispute.about
  if (item === undefined) return end ?? level
  const { kind } = itemAt(schedule, item)
  const graph = graphAt(dispute, item)
  if (value === undefined || value < facts[graph].inputs) return `${kind}: ${end ?? level}`
  const { node, element: encoded } = decodeNode(definitions.node(graph, value).node)
  if (element === undefined || micro === undefined) return `${kind} ${node.op}: ${end ?? level}`
  return `${kind} ${node.op}: ${microStep(decodeProgram(encoded), element, micro).block}`
}
