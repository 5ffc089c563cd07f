/** Who plays a dispute: the seats and challengers of a claim, by account and by what they are in the job. */
import type { ClaimEvent } from '#contracts/claims.ts'
import type { ChainEvent } from '#contracts/codec.ts'
import type { Hex } from '#proto/terms.ts'
import type { DisputeRecord } from './record.ts'

/** `whistleblower`: whoever has no part in the job. */
export type RoleName = 'solver' | 'verifier' | 'coordinator' | 'whistleblower'

export interface Party {
  readonly number: number
  readonly account: Hex
  readonly role: RoleName
  /** Block in which it came. */
  readonly since: number
  /** Block in which it lost; null while it stands. */
  readonly lost: number | null
}

export interface Parties {
  readonly seats: readonly Party[]
  readonly challengers: readonly Party[]
}

/** Numbers of the seat and the challenger of a game: the last four bytes of its id. */
export function numbersOf(gameId: Hex): { readonly seat: number; readonly challenger: number } {
  const numbers = Number.parseInt(gameId.slice(-8), 16)
  return { seat: numbers >>> 16, challenger: numbers & 0xffff }
}

/** What an account is in the job, as the court's events name it. */
function roleIn(job: readonly ChainEvent[], account: Hex): RoleName {
  for (const event of job) {
    if (event.name === 'Assigned' && event.cells.includes(account)) return 'solver'
    if (event.name !== 'PoolFixed') continue
    if (event.pool.some((member) => member.account === account)) return 'verifier'
    if (event.coordinators.includes(account)) return 'coordinator'
  }
  return 'whistleblower'
}

/** A seat is its solver's, or that of a verifier which has accepted the claim. */
export function partiesOf({ opened, events, job }: Pick<DisputeRecord, 'opened' | 'events' | 'job'>): Parties {
  const seats = events.flatMap((event): Party[] => {
    if (event.name !== 'SeatTaken') return []
    const { number, account, blockNumber: since } = event
    const lost = events.find((one) => one.name === 'SeatLost' && one.number === number)?.blockNumber ?? null
    return [{ number, account, role: account === opened.solver ? 'solver' : 'verifier', since, lost }]
  })
  const challengers = events.flatMap((event): Party[] => {
    if (event.name !== 'ChallengerJoined') return []
    const { number, challenger: account, blockNumber: since } = event
    return [{ number, account, role: roleIn(job, account), since, lost: defeatOf(events, number) }]
  })
  return { seats, challengers }
}

/** Block in which a challenger lost a game. */
function defeatOf(events: readonly ClaimEvent[], challenger: number): number | null {
  const lost = events.find(
    (event) =>
      event.name === 'Decided' && event.winner === 'Asserter' && numbersOf(event.gameId).challenger === challenger,
  )
  return lost?.blockNumber ?? null
}
