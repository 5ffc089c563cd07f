/** One open dispute in which this process takes part: its games, and the seat that it may take for a claim that it accepted. */
import type { ClaimView, Hex } from '#contracts/abi/types.generated.ts'
import { claimIdOf, gameIdOf } from '#contracts/pinpoint.ts'
import type { Player } from '#pinpoint/types.ts'
import { check, fail } from '#proto/errors.ts'
import type { PreimageRequest } from '#runtime/compute/dispute.ts'
import { Play, type PlayPorts, type SeatTurn } from './play.ts'
import { pathOf } from './statements.ts'
import { Watch } from './watch.ts'

export interface ContestPorts extends PlayPorts {
  readonly me: Hex
  readonly court: Hex
  /** The newest block of the chain. */
  head(): Promise<number>
  /** Has the court carry out the ruling. */
  resolve(entryHash: Hex): Promise<unknown>
}

export class Contest {
  readonly #entryHash: Hex
  readonly #claimId: Hex
  readonly #fromBlock: number
  readonly #ports: ContestPorts
  readonly #watch: Watch
  readonly #plays = new Map<Hex, Play>()
  readonly #turns = new Map<number, SeatTurn>()
  /** Whether this side holds the claim to be true, once it was asked. */
  #holds: boolean | undefined

  /** @param fromBlock a block that is not later than the first accusation */
  constructor(entryHash: Hex, fromBlock: number, ports: ContestPorts) {
    this.#entryHash = entryHash
    this.#claimId = claimIdOf(ports.court, entryHash)
    this.#fromBlock = fromBlock
    this.#ports = ports
    this.#watch = new Watch(
      () => this.#look(),
      (error, failures) =>
        ports.log[failures > 4 ? 'warn' : 'debug'](
          { entry: entryHash, error: String(error), failures },
          'cannot look at a dispute',
        ),
    )
  }

  /** Looks at the claim and its games, as there is a new block. Never throws. */
  look(block: number): void {
    this.#watch.look(block)
  }

  /** No move is begun any more. */
  stop(): void {
    this.#watch.stop()
    for (const play of this.#plays.values()) play.stop()
    void this.#ports.desk.close()
  }

  /**
   * A node of this side's statement, for a challenger of an open game that has come so far.
   * @param isAsker whether an account is who asks
   * @throws AssayError `bad-input` for anybody else, or another node
   */
  async preimage(
    request: Omit<PreimageRequest, 'entry' | 'path'>,
    isAsker: (account: Hex) => boolean,
  ): Promise<Uint8Array> {
    const games = [...this.#plays.values()].filter(({ game }) => game.side === 'asserter' && isAsker(game.challenger))
    const open = games.flatMap(({ view }) => (view?.winner === 'None' ? [view] : []))
    check(open.length > 0, 'bad-input', 'statements are for the challengers of open games', { consequence: 'ignore' })
    let last: unknown
    for (const view of open) {
      try {
        return await this.#ports.desk.preimage({ ...request, path: pathOf(view) })
      } catch (error) {
        last = error
      }
    }
    throw last
  }

  async #look(): Promise<void> {
    const { reader, head } = this.#ports
    const [claim, block] = await Promise.all([reader.claimOf(this.#claimId), head()])
    if (claim.seats.length === 0) fail('not-found', 'the arbiter has no such claim', { next: 'Wait for it.' })
    this.#enter(claim)
    for (const play of this.#plays.values()) play.look(block)
    await this.#defend(claim, block)
    if (hasWon(claim, this.#ports.me, block)) await this.#ports.resolve(this.#entryHash)
  }

  /** Games are there as soon as a seat and a challenger are, and over for both when one of them has lost another one. */
  #enter({ seats, challengers }: ClaimView): void {
    const open = new Set<Hex>()
    for (const [seat, { account: asserter, done: lost }] of seats.entries()) {
      for (const [number, { account: challenger, done: out }] of challengers.entries()) {
        const side = this.#side(asserter, challenger)
        if (lost || out || side === undefined) continue
        const gameId = gameIdOf(this.#claimId, seat, number)
        open.add(gameId)
        if (this.#plays.has(gameId)) continue
        const game = { gameId, claimId: this.#claimId, seat, asserter, challenger, side, fromBlock: this.#fromBlock }
        this.#plays.set(gameId, new Play(game, this.#turnOf(seat), this.#ports))
        this.#ports.log.info({ entry: this.#entryHash, game: gameId, side }, 'is in a game')
      }
    }
    for (const [gameId, play] of this.#plays) {
      if (open.has(gameId)) continue
      play.stop()
      this.#plays.delete(gameId)
    }
  }

  #side(asserter: Hex, challenger: Hex): Player | undefined {
    const { me } = this.#ports
    if (asserter === me) return 'asserter'
    return challenger === me ? 'challenger' : undefined
  }

  #turnOf(seat: number): SeatTurn {
    const turn = this.#turns.get(seat) ?? { beginning: undefined }
    this.#turns.set(seat, turn)
    return turn
  }

  /** Takes a seat of its own, where one was lost, for a claim that is true: what others do in theirs is not to be relied upon. */
  async #defend({ acceptors, seats, challengers, defendUntil }: ClaimView, block: number): Promise<void> {
    const { me, sender, court, desk, log } = this.#ports
    const may = acceptors.some(({ account, done }) => account === me && !done) && block < defendUntil
    const upheld = seats.some(({ done }) => !done) && challengers.every(({ done }) => done)
    if (!may || upheld || this.#holds === false) return
    this.#holds = await desk.holds()
    log.info({ entry: this.#entryHash }, this.#holds ? 'takes a seat' : 'lets the claim go')
    if (this.#holds) await sender.defend(court, this.#entryHash)
  }
}

/** Whether the claim is decided, and the account on the side that has won: it waits for nobody else to say so. */
function hasWon({ seats, challengers, acceptors, defendUntil }: ClaimView, me: Hex, block: number): boolean {
  const standing = seats.filter(({ done }) => !done)
  const accusing = challengers.filter(({ done }) => !done)
  // Every seat but the first is an acceptor's.
  const refuted = standing.length === 0 && (acceptors.length < seats.length || block > defendUntil)
  const upheld = standing.length > 0 && accusing.length === 0
  return (
    (refuted && accusing.some(({ account }) => account === me)) ||
    (upheld && standing.some(({ account }) => account === me))
  )
}
