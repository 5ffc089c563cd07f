/** The games of disputed claims, played at the contract block by block: each player moves at its own pace. */
import type { ClaimView, GameView, Hex } from '#contracts/abi/types.generated.ts'
import { claimIdOf, gameIdOf, type Played } from '#contracts/pinpoint.ts'
import { graphOf, itemAt } from '#pinpoint/schedule.ts'
import { tensorHeader } from '#pinpoint/tree.ts'
import type { Player as Side } from '#pinpoint/types.ts'
import { fromHex } from '#proto/bytes.ts'
import { deadlineOf } from '#runtime/pinpoint/bystander.ts'
import type { Chain } from './chain.ts'
import type { Disputed, Player } from './players.ts'

export interface Dispute extends Disputed {
  readonly entryHash: Hex
  /** Block of the first accusation, or an earlier one. */
  readonly fromBlock: number
  playerOf(account: Hex, side: Side): Player
}

interface Game {
  readonly dispute: Dispute
  readonly gameId: Hex
  readonly seat: number
  readonly claimId: Hex
}

interface Act {
  readonly by: Hex
  readonly send: () => Promise<Played>
  /** Names the position that it is for. */
  readonly at: string
}

/** Blocks that a player that moves late keeps for its other moves at the same level. */
const RESERVE = 3

/** An act for the next block, or the next block in which there will be one. */
type Plan = Act | number

export class Table {
  /** Gas of each account's moves. */
  readonly gas = new Map<Hex, number>()
  /** Moves of each account that the chain has refused. */
  readonly refused = new Map<Hex, number>()
  /** Block from which each game was there. */
  readonly began = new Map<Hex, number>()
  readonly #refusedAt = new Map<string, number>()
  readonly #chain: Chain
  /** Ends games that both players have abandoned. */
  readonly #bystander: Hex

  constructor(chain: Chain, bystander: Hex) {
    this.#chain = chain
    this.#bystander = bystander
  }

  /** Plays until the arbiter has ruled on all of them. */
  async play(disputes: readonly Dispute[]): Promise<void> {
    for (;;) {
      const head = await this.#chain.head()
      const plans: Plan[] = []
      for (const dispute of disputes) plans.push(...(await this.#plan(dispute, head)))
      if (plans.length === 0) return
      const acts = plans.filter((plan) => typeof plan !== 'number')
      const wake = Math.min(...plans.filter((plan) => typeof plan === 'number'))
      if (acts.length > 0) await this.#act(acts)
      else await this.#chain.reach(Math.max(head + 1, wake - 1))
    }
  }

  async #plan(dispute: Dispute, head: number): Promise<Plan[]> {
    const { games, reader } = this.#chain
    const court = reader.deployment.assay
    if ((await games.rulingOf(court, dispute.entryHash)) !== 'Pending') return []
    const claimId = claimIdOf(court, dispute.entryHash)
    const claim = await games.claimOf(claimId)
    const plans = await this.#defences(dispute, claim, head)
    for (const [seat, { done: lost }] of claim.seats.entries()) {
      let begins = false
      for (const [number, { done: out }] of claim.challengers.entries()) {
        if (lost || out) continue
        const gameId = gameIdOf(claimId, seat, number)
        const view = await games.gameOf(gameId)
        // A seat's first post is its move in all of its games.
        const first = view.level === 'Items' && !view.rooted
        if (first && begins) continue
        begins ||= first
        if (!this.began.has(gameId)) this.began.set(gameId, view.since)
        plans.push(await this.#next({ dispute, gameId, seat, claimId }, view, head))
      }
    }
    return plans
  }

  async #defences(
    dispute: Dispute,
    { acceptors, seats, challengers, defendUntil }: ClaimView,
    head: number,
  ): Promise<Plan[]> {
    if (defendUntil === 0) return []
    const plans: Plan[] = []
    const upheld = seats.some(({ done }) => !done) && challengers.every(({ done }) => done)
    for (const { account, done } of acceptors) {
      if (done || upheld || head >= defendUntil) continue
      if (!(await dispute.playerOf(account, 'asserter').defends())) continue
      const { assay } = this.#chain.reader.deployment
      const send = (): Promise<Played> => this.#chain.account(account).arbiter.defend(assay, dispute.entryHash)
      plans.push({ by: account, send, at: `${dispute.entryHash} defend` })
    }
    return [...plans, defendUntil + 2]
  }

  /** What is next in a game. */
  async #next(game: Game, view: GameView, head: number): Promise<Plan> {
    const { dispute, gameId } = game
    const asserting = view.turn === 'Asserter'
    const [mover, other] = asserting ? [view.asserter, view.challenger] : [view.challenger, view.asserter]
    const due = deadlineOf(view)
    if (head + 1 > due) {
      const waits = dispute.playerOf(other, asserting ? 'challenger' : 'asserter').pace !== 'never'
      const by = waits ? other : this.#bystander
      return { by, at: `${gameId} timeout`, send: () => this.#chain.account(by).arbiter.timeout(gameId) }
    }
    // At the end the challenger may prove before the asserter does.
    const early = asserting && view.level === 'End' ? await this.#move(game, other, 'challenger', view) : undefined
    if (early !== undefined) return early
    const side: Side = asserting ? 'asserter' : 'challenger'
    const { pace } = dispute.playerOf(mover, side)
    if (pace === 'never') return due + 1
    if (pace === 'late' && head + 1 < due - RESERVE) return due - RESERVE
    return (await this.#move(game, mover, side, view)) ?? due + 1
  }

  async #move(game: Game, account: Hex, side: Side, view: GameView): Promise<Act | undefined> {
    const { dispute, gameId, claimId, seat } = game
    const player = dispute.playerOf(account, side)
    if (player.pace === 'never') return undefined
    const { games } = this.#chain
    const position = await games.positionOf(gameId, dispute.fromBlock, headerOf(dispute))
    const at = `${gameId} ${side} ${view.since}`
    const posted = side === 'challenger' ? await games.postedBy(claimId, seat, dispute.fromBlock) : []
    const decision = await player.decide({ side, position, posted, refused: this.#refusedAt.get(at) ?? 0 })
    if (decision === undefined) return undefined
    const { arbiter } = this.#chain.account(account)
    const { entry, about } = dispute
    const send = (): Promise<Played> =>
      decision.kind === 'concede'
        ? arbiter.concede(gameId)
        : arbiter.move(gameId, position, decision, { entry, facts: about.facts })
    return { by: account, send, at }
  }

  async #act(acts: readonly Act[]): Promise<void> {
    const sent = await this.#chain.attempt(acts.map(({ send }) => send))
    for (const [i, one] of sent.entries()) {
      const { by, at } = acts[i] as Act
      if ('done' in one) add(this.gas, by, Number(one.done.gasUsed))
      else {
        add(this.refused, by, 1)
        add(this.#refusedAt, at, 1)
      }
    }
  }
}

const headerOf =
  ({ about: { schedule, definitions } }: Disputed) =>
  (item: number, value: number): Uint8Array => {
    const graph = graphOf(itemAt(schedule, item))
    return graph === undefined ? fromHex('0x') : tensorHeader(definitions.type(graph, value))
  }

function add<K>(map: Map<K, number>, key: K, amount: number): void {
  map.set(key, (map.get(key) ?? 0) + amount)
}
