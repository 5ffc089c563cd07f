/** Who plays the games of a claim: the honest side, which is the code of every process, and liars of any kind beside it. */
import { rootHeight } from '#pinpoint/choice.ts'
import { type Case, ShownTrees, treesOf } from '#pinpoint/play/context.ts'
import { challenge, type Decision } from '#pinpoint/play/player.ts'
import { stubborn } from '#pinpoint/play/sides.ts'
import type { Position, Player as Side, Statement } from '#pinpoint/types.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import { type ClaimRequest, Claims, type ReceivedSum } from '#runtime/compute/dispute.ts'
import type { Ground } from './ground.ts'

/** What a player knows when it is asked for a move. */
export interface Moment {
  readonly side: Side
  readonly position: Position
  /** What the seat has posted so far, in all of its games. */
  readonly posted: readonly Uint8Array[]
  /** Moves at this position that the chain has refused already. */
  readonly refused: number
}

/** When somebody moves: in the next block, as late as its clock allows it to make all moves of a level, or not at all. */
export type Pace = 'at once' | 'late' | 'never'

export interface Player {
  readonly pace: Pace
  /** Whether it takes a seat for a claim that it has accepted. */
  defends(): Promise<boolean>
  /** Its move; undefined: it waits. */
  decide(moment: Moment): Promise<Decision | undefined>
}

/** A disputed claim, as whoever takes part in it knows it. */
export interface Disputed {
  readonly about: Case
  readonly entry: Entry
  readonly replicas: number
}

/** The honest side, whichever it is, as the compute worker of every process decides. */
export class Honest implements Player {
  readonly pace = 'at once'
  readonly #claims: Claims
  readonly #entry: Uint8Array

  /** @param received what the solver of the entry has kept of its partners' sums, if it is the solver's */
  constructor(ground: Ground, { entry, replicas }: Disputed, received: readonly ReceivedSum[] = []) {
    const { spec, program, data: bytes } = ground.job
    this.#claims = new Claims({ spec, program, data: ground.data, bytes, engine: ground.engine })
    const { before } = ground.source(entry)
    const request: ClaimRequest = { entry, replicas, received, ...(before && { before }) }
    this.#claims.open(request)
    this.#entry = entryDigest(entry)
  }

  defends(): Promise<boolean> {
    return this.#claims.holds(this.#entry)
  }

  async decide({ side, position, posted, refused }: Moment): Promise<Decision | undefined> {
    if (refused > 2) throw new Error(`the chain refuses what an honest ${side} does in ${position.level}`)
    const request = { entry: this.#entry, side, position, posted, served: [] }
    return (await this.#claims.decide(request)).decision
  }
}

/** How a liar plays. */
export interface Manner {
  readonly pace?: Pace
  /** Gives up as soon as it is its turn. */
  readonly concedes?: boolean
}

/** A liar: it defends, or believes, what its statements say, another one at each move if there are several. Never gives up. */
export class Liar implements Player {
  readonly pace: Pace
  readonly #manner: Manner
  readonly #about: Case
  readonly #worlds: readonly Statement[]
  #moves = 0

  constructor({ about }: Disputed, worlds: readonly Statement[], manner: Manner = {}) {
    this.pace = manner.pace ?? 'at once'
    this.#manner = manner
    this.#about = about
    this.#worlds = worlds
  }

  async defends(): Promise<boolean> {
    return this.pace !== 'never'
  }

  async decide({ side, position, posted, refused }: Moment): Promise<Decision | undefined> {
    // One try in each world: what none of them has, nobody can show.
    if (refused >= this.#worlds.length) return undefined
    if (this.#manner.concedes) return { kind: 'concede' }
    const own = this.#worlds[this.#moves++ % this.#worlds.length] as Statement
    try {
      return side === 'asserter' ? await this.#assert(own, position) : await this.#challenge(own, position, posted)
    } catch {
      // What it would have to show is not there.
      return undefined
    }
  }

  async #assert(own: Statement, position: Position): Promise<Decision | undefined> {
    const view = { about: this.#about, own, trees: treesOf(own) }
    return await stubborn(view)(counted(this.#about, position))
  }

  async #challenge(own: Statement, position: Position, posted: readonly Uint8Array[]): Promise<Decision | undefined> {
    const trees = new ShownTrees()
    for (const data of posted) trees.post(data)
    const decision = await challenge({ about: this.#about, own, trees }, position)
    return decision?.kind === 'concede' ? undefined : decision
  }
}

/** Before the first post the chain does not know the number of items. */
function counted({ schedule }: Case, position: Position): Position {
  if (position.level !== 'items' || position.node !== undefined) return position
  return { ...position, count: schedule.count, height: rootHeight('items', schedule.count) }
}
