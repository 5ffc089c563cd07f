/** For tests: every course that the seats and challengers of one claim can take, games being decided as their rules allow. */

import { claimed, gameSince, type Ruling, type RulingEvent, rule } from './seats.ts'
import { type Explored, explore } from './testing-explore.ts'

/** Who is honest, and whether the claim is true. Honest players win what can be won: the model of one game shows that. */
export interface Scenario {
  readonly truth: boolean
  readonly solver: boolean
  /** Verifiers that accepted. The honest ones take their seat before it is too late, if the claim is true. */
  readonly accepters: readonly boolean[]
  /** Dishonest verifiers that may accept later. */
  readonly late?: number
  /** Who may challenge. The honest ones do so in time, if the claim is false. */
  readonly challengers: readonly boolean[]
}

/** Blocks: of the window, to take a seat, of the longest game. */
export interface Times {
  readonly until: number
  readonly period: number
  readonly game: number
}

interface State {
  readonly ruling: Ruling
  readonly now: number
}

const name = (kind: string, index: number): string => `${kind}${index}`

/** @throws Error where a rule of docs/spec/pinpoint.md, Seats, does not hold */
export function exploreSeats(scenario: Scenario, times: Times): Explored {
  const { truth, accepters, challengers } = scenario
  const honest = new Map<string, boolean>([
    ['solver', scenario.solver],
    ...accepters.map((is, i): [string, boolean] => [name('verifier', i), is]),
    ...challengers.map((is, i): [string, boolean] => [name('challenger', i), is]),
  ])
  const verifiers = accepters.map((_, i) => name('verifier', i))
  const late = Array.from({ length: scenario.late ?? 0 }, (_, i) => name('late', i))
  const start = claimed('solver', verifiers, { period: times.period, until: times.until, now: 0 })
  const last = times.until + times.game + times.period + times.game + 1

  const games = (ruling: Ruling): { seat: number; challenger: number; since: number }[] =>
    ruling.seats.flatMap((_, seat) =>
      ruling.challengers.flatMap((_, challenger) => {
        const since = gameSince(ruling, seat, challenger)
        return since === undefined ? [] : [{ seat, challenger, since }]
      }),
    )
  /** Winners that a game may have: the honest side of the truth wins. */
  const winners = (ruling: Ruling, seat: number, challenger: number): ('asserter' | 'challenger')[] => {
    if (truth && honest.get(ruling.seats[seat]?.account ?? '')) return ['asserter']
    if (!truth && honest.get(ruling.challengers[challenger]?.account ?? '')) return ['challenger']
    return ['asserter', 'challenger']
  }
  /** Whether an honest player would be late if a block passed. */
  const urgent = ({ ruling, now }: State): boolean => {
    const here = (account: string): boolean =>
      [...ruling.seats, ...ruling.challengers].some((side) => side.account === account)
    if (games(ruling).some(({ since }) => now >= since + times.game)) return true
    if (!truth && now >= ruling.until && challengers.some((is, i) => is && !here(name('challenger', i)))) return true
    const taking = truth && ruling.takeUntil !== undefined && now >= ruling.takeUntil
    return taking && accepters.some((is, i) => is && !here(name('verifier', i)))
  }
  const events = (ruling: Ruling): RulingEvent[] => [
    ...challengers.map((_, i): RulingEvent => ({ kind: 'challenge', account: name('challenger', i) })),
    ...late.map((account): RulingEvent => ({ kind: 'accept', account })),
    ...[...verifiers, ...late].map((account): RulingEvent => ({ kind: 'take', account })),
    ...ruling.seats.flatMap(({ account }, seat): RulingEvent[] =>
      truth && honest.get(account) ? [] : [{ kind: 'concede', seat }],
    ),
    ...games(ruling).flatMap(({ seat, challenger }) =>
      winners(ruling, seat, challenger).map((winner): RulingEvent => ({ kind: 'finish', seat, challenger, winner })),
    ),
  ]
  const attempt = (state: State, event: RulingEvent): State[] => {
    try {
      return [{ ruling: rule(state.ruling, event, state.now), now: state.now }]
    } catch {
      return []
    }
  }
  const next = (state: State): State[] => {
    if (state.ruling.outcome !== undefined) return []
    const made = events(state.ruling).flatMap((event) => attempt(state, event))
    const later = urgent(state) ? [] : attempt({ ruling: state.ruling, now: state.now + 1 }, { kind: 'settle' })
    return [...made, ...later]
  }
  const visit = ({ ruling, now }: State, moves: number): void => {
    const at = (what: string): never => {
      throw new Error(`${what}: ${JSON.stringify({ scenario, times, ruling, now })}`)
    }
    const lostOf = (account: string): boolean =>
      [...ruling.seats, ...ruling.challengers].some((side) => side.account === account && side.lost)
    if (moves === 0 && ruling.outcome === undefined) at('a state without an exit')
    if (moves > 0 && ruling.outcome !== undefined) at('something after the outcome')
    if (ruling.outcome === undefined && now > last) at('no outcome within the bound')
    for (const [account, is] of honest) {
      const right = account.startsWith('challenger') ? !truth : truth
      if (is && right && lostOf(account)) at(`${account} is honest and has lost`)
    }
    if (truth && scenario.solver && ruling.outcome === 'refuted') at('an honest claim is refuted')
    if (truth && accepters.includes(true) && ruling.outcome === 'refuted')
      at('a claim with an honest defender is refuted')
    if (!truth && challengers.includes(true) && ruling.outcome === 'upheld') at('a false claim is upheld')
  }
  const key = ({ ruling, now }: State): string => JSON.stringify([ruling, now])
  return explore([{ ruling: start, now: 0 }], next, key, visit)
}
