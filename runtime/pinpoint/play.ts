/** One game of this process, played to its end: after every block it does what is to be done, from what the chain says alone. */
import type { GameView, Hex } from '#contracts/abi/types.generated.ts'
import type { PinpointReader, PinpointSender } from '#contracts/pinpoint.ts'
import type { Decision } from '#pinpoint/play/player.ts'
import type { Player, Position } from '#pinpoint/types.ts'
import type { NodeName, ServedNode } from '#runtime/compute/dispute.ts'
import type { Logger } from '#runtime/shell.ts'
import { deadlineOf } from './bystander.ts'
import type { Desk } from './desk.ts'
import { Watch } from './watch.ts'

/** Nodes that were served and are kept; a game needs some hundreds. */
const MAX_SERVED = 4096

/** A game, and which side of it is this process's. */
export interface GameSeat {
  readonly gameId: Hex
  readonly claimId: Hex
  readonly seat: number
  readonly asserter: Hex
  readonly challenger: Hex
  readonly side: Player
  /** A block that is not later than the game's beginning. */
  readonly fromBlock: number
}

export interface PlayPorts {
  readonly reader: PinpointReader
  readonly sender: PinpointSender
  readonly desk: Desk
  readonly log: Logger
  /** Asks the asserter for a node of its statement. Rejects when it does not answer within that time. */
  ask(asserter: Hex, node: NodeName, timeoutMs: number): Promise<Uint8Array>
  /** How long an asserter may be waited for when a clock has that many blocks left, ms. */
  patience(blocks: number): number
}

/** What all games of one seat share. */
export interface SeatTurn {
  /** A game in which the seat is about to post its items, which is its move in all of them. */
  beginning: Hex | undefined
}

const NOTHING = new Uint8Array(0)

export class Play {
  readonly game: GameSeat
  readonly #ports: PlayPorts
  readonly #turn: SeatTurn
  readonly #watch: Watch
  readonly #served = new Map<string, ServedNode>()
  #view: GameView | undefined
  /** The position at which this side would give up, and the block in which it first found so. */
  #doubt: { readonly at: string; readonly head: number } | undefined
  /** Block of the last position at which there was nothing to prove. */
  #vain: number | undefined

  constructor(game: GameSeat, turn: SeatTurn, ports: PlayPorts) {
    this.game = game
    this.#ports = ports
    this.#turn = turn
    const { log } = ports
    const name = { game: game.gameId, side: game.side }
    this.#watch = new Watch(
      (head) => this.#look(head),
      // Others may have been quicker, or the chain has other blocks now: loud only when it keeps failing.
      (error, failures) => log[failures > 4 ? 'warn' : 'debug']({ ...name, error: String(error), failures }, 'no move'),
    )
  }

  /** Where the game was when this process last looked. */
  get view(): GameView | undefined {
    return this.#view
  }

  look(head: number): void {
    this.#watch.look(head)
  }

  stop(): void {
    this.#watch.stop()
  }

  async #look(head: number): Promise<void> {
    const { gameId, side } = this.game
    const view = await this.#ports.reader.gameOf(gameId)
    this.#view = view
    if (view.winner !== 'None' || view.turn === 'None') return
    const mine = side === (view.turn === 'Asserter' ? 'asserter' : 'challenger')
    const until = deadlineOf(view)
    if (head > until) {
      // Whoever is out of time has lost; whoever waited has to say so.
      if (!mine) await this.#say('timeout', view, () => this.#ports.sender.timeout(gameId))
      return
    }
    // At the end the challenger may prove before the asserter does.
    const early = !mine && side === 'challenger' && view.level === 'End' && this.#vain !== view.since
    if (mine || early) await this.#inTurn(view, () => this.#move(view, head, until - head))
  }

  /** The seat's first post answers all challengers at once: a second one would come too late. */
  async #inTurn(view: GameView, move: () => Promise<void>): Promise<void> {
    const begins = this.game.side === 'asserter' && view.level === 'Items' && !view.rooted
    if (!begins) return await move()
    if (this.#turn.beginning !== undefined) return
    this.#turn.beginning = this.game.gameId
    try {
      await move()
    } finally {
      this.#turn.beginning = undefined
    }
  }

  async #move(view: GameView, head: number, left: number): Promise<void> {
    const { reader, sender, desk } = this.#ports
    const { gameId, fromBlock } = this.game
    const position = await reader.positionOf(gameId, fromBlock, () => NOTHING)
    const decision = await this.#decide(position, left)
    this.#vain = decision === undefined ? view.since : undefined
    if (decision === undefined) return
    if (decision.kind === 'concede') {
      if (this.#isSure(view, head)) await this.#say('concede', view, () => sender.concede(gameId))
      return
    }
    const shown = { entry: desk.disputed.entry, facts: await desk.facts() }
    await this.#say(decision.kind, view, () => sender.move(gameId, position, decision, shown))
  }

  async #decide(position: Position, left: number): Promise<Decision | undefined> {
    const { reader, desk, patience } = this.#ports
    const { side, claimId, seat, fromBlock } = this.game
    const posted = side === 'challenger' ? await reader.postedBy(claimId, seat, fromBlock) : []
    const deadline = performance.now() + patience(left)
    for (;;) {
      const { decision, missing } = await desk.decide({ side, position, posted, served: [...this.#served.values()] })
      if (missing.length === 0 || !(await this.#fetch(missing, deadline))) return decision
    }
  }

  /** Asks the asserter for nodes of its statement; false if it does not show them, or not in time. */
  async #fetch(missing: readonly NodeName[], deadline: number): Promise<boolean> {
    const { ask, log } = this.#ports
    const left = Math.floor(deadline - performance.now())
    if (left <= 0 || this.#served.size + missing.length > MAX_SERVED) return false
    try {
      const shown = await Promise.all(missing.map((node) => ask(this.game.asserter, node, left)))
      for (const [i, node] of missing.entries()) {
        this.#served.set(JSON.stringify(node), { ...node, data: shown[i] as Uint8Array })
      }
      return true
    } catch (error) {
      log.debug({ game: this.game.gameId, error: String(error) }, 'the asserter does not show its statement')
      return false
    }
  }

  /** Nobody gives up because of one answer of a chain that may be about to take it back: only if the next block says the same. */
  #isSure({ gas: _, ...view }: GameView, head: number): boolean {
    const at = JSON.stringify(view)
    if (this.#doubt?.at === at) return head > this.#doubt.head
    this.#doubt = { at, head }
    return false
  }

  async #say(move: string, { level, end }: GameView, send: () => Promise<unknown>): Promise<void> {
    const { log } = this.#ports
    await send()
    const { gameId, side } = this.game
    log.info({ game: gameId, side, move, level, ...(end !== 'None' && { end }) }, 'plays')
  }
}
