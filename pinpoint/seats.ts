/**
 * Who defends a claim, and what the games about it come to, as a pure machine: docs/spec/pinpoint.md, Seats. Every event costs the
 * same, however many challengers there are: a game between a seat and a challenger exists from the moment that both do.
 */
import { check } from '#proto/errors.ts'
import type { Player } from './types.ts'

/** Somebody who plays, and since when: a seat of a claim, or a challenger. */
export interface Side {
  readonly account: string
  readonly since: number
  /** Has lost a game, and with it all others. */
  readonly lost: boolean
}

export interface Ruling {
  /** Verifiers that accepted the claim: each may take a seat once the first one is lost. */
  readonly accepters: readonly string[]
  /** Blocks in which they may. */
  readonly period: number
  /** Last block in which a challenger may open. */
  readonly until: number
  /** The first is the solver's. */
  readonly seats: readonly Side[]
  readonly challengers: readonly Side[]
  /** Last block in which a seat may be taken; undefined while the solver's stands. */
  readonly takeUntil?: number
  readonly outcome?: 'upheld' | 'refuted'
}

export type RulingEvent =
  /** Opens a game against every seat. */
  | { readonly kind: 'challenge'; readonly account: string }
  /** One more verifier has accepted the claim. */
  | { readonly kind: 'accept'; readonly account: string }
  /** Opens a game against every challenger that has not lost. */
  | { readonly kind: 'take'; readonly account: string }
  | { readonly kind: 'concede'; readonly seat: number }
  /** A game has ended. */
  | { readonly kind: 'finish'; readonly seat: number; readonly challenger: number; readonly winner: Player }
  /** Time has passed. */
  | { readonly kind: 'settle' }

/** A claim that nobody has challenged yet. */
export function claimed(
  solver: string,
  accepters: readonly string[],
  { period, until, now }: { readonly period: number; readonly until: number; readonly now: number },
): Ruling {
  return { accepters, period, until, seats: [{ account: solver, since: now, lost: false }], challengers: [] }
}

const standing = (sides: readonly Side[]): number => sides.filter(({ lost }) => !lost).length

/** First block of the game between a seat and a challenger; undefined if there is none, or it has ended. */
export function gameSince(
  { seats, challengers, outcome }: Ruling,
  seat: number,
  challenger: number,
): number | undefined {
  const [a, b] = [seats[seat], challengers[challenger]]
  if (outcome !== undefined || a === undefined || b === undefined || a.lost || b.lost) return undefined
  return Math.max(a.since, b.since)
}

/** The ruling after an event. @throws wrong-state, timeout or bad-input for one that cannot be */
export function rule(ruling: Ruling, event: RulingEvent, now: number): Ruling {
  check(ruling.outcome === undefined, 'wrong-state', 'the claim is decided')
  return decided(after(ruling, event, now), now)
}

function after(ruling: Ruling, event: RulingEvent, now: number): Ruling {
  const { seats, challengers } = ruling
  switch (event.kind) {
    case 'challenge': {
      const { account } = event
      check(now <= ruling.until, 'timeout', `challenges were open until block ${ruling.until}`)
      check(!challengers.some((side) => side.account === account), 'bad-input', `${account} has challenged already`)
      return { ...ruling, challengers: [...challengers, { account, since: now, lost: false }] }
    }
    case 'accept': {
      const { account } = event
      check(now <= ruling.until, 'timeout', `verdicts count until block ${ruling.until}`)
      check(!ruling.accepters.includes(account), 'bad-input', `${account} has accepted already`)
      const accepters = [...ruling.accepters, account]
      return ruling.takeUntil === undefined
        ? { ...ruling, accepters }
        : { ...ruling, accepters, takeUntil: Math.max(ruling.takeUntil, now + ruling.period) }
    }
    case 'take': {
      const { account } = event
      check(ruling.takeUntil !== undefined, 'wrong-state', 'the seat of the solver stands')
      check(now <= ruling.takeUntil, 'timeout', `seats could be taken until block ${ruling.takeUntil}`)
      check(ruling.accepters.includes(account), 'bad-input', `${account} has not accepted the claim`)
      check(!seats.some((side) => side.account === account), 'bad-input', `${account} has a seat already`)
      return { ...ruling, seats: [...seats, { account, since: now, lost: false }] }
    }
    case 'concede': {
      const seat = seats[event.seat]
      check(seat !== undefined && !seat.lost, 'bad-input', `there is no seat ${event.seat} to concede`)
      check(standing(challengers) > 0, 'wrong-state', 'there is nobody to concede to')
      return loseSeat(ruling, event.seat, now)
    }
    case 'finish': {
      check(gameSince(ruling, event.seat, event.challenger) !== undefined, 'bad-input', 'there is no such game')
      if (event.winner === 'challenger') return loseSeat(ruling, event.seat, now)
      return { ...ruling, challengers: lose(challengers, event.challenger) }
    }
    case 'settle':
      return ruling
  }
}

const lose = (sides: readonly Side[], index: number): Side[] =>
  sides.map((side, i) => (i === index ? { ...side, lost: true } : side))

function loseSeat(ruling: Ruling, index: number, now: number): Ruling {
  return { ...ruling, seats: lose(ruling.seats, index), takeUntil: ruling.takeUntil ?? now + ruling.period }
}

/** Whether somebody may still take a seat. */
function mayTake({ accepters, seats, takeUntil }: Ruling, now: number): boolean {
  if (takeUntil === undefined || now > takeUntil) return false
  return accepters.some((account) => !seats.some((side) => side.account === account))
}

/** Refuted once no seat is left that may defend the claim; upheld once nobody is left, or can come, who challenges it. */
function decided(ruling: Ruling, now: number): Ruling {
  if (standing(ruling.seats) === 0) return mayTake(ruling, now) ? ruling : { ...ruling, outcome: 'refuted' }
  const unchallenged = standing(ruling.challengers) === 0 && now > ruling.until
  return unchallenged ? { ...ruling, outcome: 'upheld' } : ruling
}
