/** The two sides of a game in memory, out of what each holds to be true. */
import type { Statement } from '../types.ts'
import { type Case, type ShownTrees, treesOf } from './context.ts'
import { evidenceFor, type View } from './evidence.ts'
import type { Decide, Sides } from './match.ts'
import { assert, challenge, listOf } from './player.ts'

export interface Views {
  readonly asserter: View
  readonly challenger: View
}

/** @param shown what the challenger gets to see of the asserter's statement */
export function viewsOf(about: Case, asserter: Statement, challenger: Statement, shown: ShownTrees): Views {
  return {
    asserter: { about, trees: treesOf(asserter), own: asserter },
    challenger: { about, trees: shown, own: challenger },
  }
}

/** Both players as they should play. */
export function sidesOf(views: Views, shown: ShownTrees): Sides {
  return {
    asserter: (position) => assert(views.asserter, position),
    challenger: (position) => challenge(views.challenger, position),
    posted: (data) => shown.post(data),
  }
}

/** An asserter that never gives up: it posts what it has, whatever it signed, and proves what it can. What a liar is at its best. */
export function stubborn(view: View): Decide {
  return async (position) => {
    const { level, height, index, node, header } = position
    if (position.turn !== 'asserter') return undefined
    if (level === 'end') {
      const evidence = await evidenceFor(view, position)
      return evidence && { kind: 'prove', evidence }
    }
    const data = await view.own.preimage(listOf(position), height, index)
    return { kind: 'post', data, ...(node === undefined && header !== undefined && { header }) }
  }
}
