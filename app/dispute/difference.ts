/** Where a chain says something else than the rules: the first such place ends a replay. */
import type { EventPlace } from '#contracts/codec.ts'
import { AssayError } from '#proto/errors.ts'
import type { Hex } from '#proto/terms.ts'

/** Where the chain says something else than the rules. */
export interface Difference {
  readonly gameId: Hex | null
  /** Number of the move among all of the dispute, from 1. */
  readonly move: number
  readonly block: number
  readonly transaction: string
  readonly what: string
  readonly chain: string
  readonly here: string
}

/** Thrown where the chain and the rules differ. */
export class Differs extends Error {
  readonly what: string
  readonly chain: string
  readonly here: string

  constructor(what: string, chain: unknown, here: unknown) {
    super(what)
    this.what = what
    this.chain = String(chain)
    this.here = String(here)
  }
}

/** Throws `Differs` unless both say the same. */
export function same(what: string, chain: unknown, here: unknown): void {
  if (chain !== here) throw new Differs(what, chain, here)
}

/** What an error says about the event at which a replay stopped. @throws the error itself, if it is neither of these */
export function differenceAt(
  at: { readonly event: EventPlace; readonly gameId: Hex | null; readonly move: number },
  error: unknown,
): Difference {
  const { event, gameId, move } = at
  const place = { gameId, move, block: event.blockNumber, transaction: event.transactionHash }
  if (error instanceof Differs) return { ...place, what: error.what, chain: error.chain, here: error.here }
  if (error instanceof AssayError)
    return { ...place, what: 'the move itself', chain: 'it was made', here: `refused: ${error.message}` }
  throw error
}
