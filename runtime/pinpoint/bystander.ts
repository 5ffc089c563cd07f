/** Ends the games of others that nobody else ends: their players have vanished, or stall in league. A job waits for its disputes. */
import type { GameView, Hex } from '#contracts/abi/types.generated.ts'
import { claimIdOf, gameIdOf, type PinpointReader, type PinpointSender } from '#contracts/pinpoint.ts'

export interface BystanderPorts {
  readonly reader: PinpointReader
  readonly sender: PinpointSender
  readonly court: Hex
}

/** Last block in which the player whose turn it is may move. */
export function deadlineOf({ turn, since, asserterClock, challengerClock }: GameView): number {
  return since + (turn === 'Asserter' ? asserterClock : challengerClock)
}

/** Ends all games of a claim whose player to move is out of time at block `head`; returns how many. */
export async function endStalled(
  { reader, sender, court }: BystanderPorts,
  entryHash: Hex,
  head: number,
): Promise<number> {
  const claimId = claimIdOf(court, entryHash)
  let ended = 0
  // Who loses one game is out of all others: what is left is read anew after each.
  for (;;) {
    const game = await stalledGame(reader, claimId, head)
    if (game === undefined) return ended
    await sender.timeout(game)
    ended++
  }
}

async function stalledGame(reader: PinpointReader, claimId: Hex, head: number): Promise<Hex | undefined> {
  const { seats, challengers } = await reader.claimOf(claimId)
  for (const [seat, { done: lost }] of seats.entries()) {
    for (const [number, { done: out }] of challengers.entries()) {
      if (lost || out) continue
      const gameId = gameIdOf(claimId, seat, number)
      const view = await reader.gameOf(gameId)
      if (view.winner === 'None' && view.turn !== 'None' && head > deadlineOf(view)) return gameId
    }
  }
  return undefined
}
