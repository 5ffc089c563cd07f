/** For tests: random games about toys. */
import { expect } from 'vitest'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import { rootHeight } from '../choice.ts'
import { graphOf, itemAt } from '../schedule.ts'
import { elementCount } from '../tree.ts'
import type { Statement } from '../types.ts'
import { ShownTrees } from './context.ts'
import { type Outcome, play, type Sides } from './match.ts'
import { sidesOf, stubborn, type Views, viewsOf } from './sides.ts'
import { griefer } from './testing.ts'
import { type Lie, Toy } from './toy.ts'
import type { ToySize } from './toy-job.ts'

const SIZES: readonly ToySize[] = [
  { items: 2, values: 3, words: 0, trace: 0 },
  { items: 3, values: 4, words: 3, trace: 5 },
  { items: 5, values: 5, words: 9, trace: 10 },
  { items: 6, values: 9, words: 13, trace: 3 },
  { items: 4, values: 6, words: 2, trace: 14 },
]

function valuesAt(toy: Toy, item: number): { inputs: number; count: number } {
  const { inputs, nodes } = toy.facts[graphOf(itemAt(toy.schedule, item)) ?? 'init']
  return { inputs, count: inputs + nodes }
}

const elementsAt = (toy: Toy, item: number, value: number): number =>
  elementCount(toy.definitions.type(graphOf(itemAt(toy.schedule, item)) ?? 'init', value).shape)

/** A lie about the word of a trace. */
function traceLie(toy: Toy, random: SeededRandom): Extract<Lie, { at: 'trace' }> {
  const item = random.below(toy.schedule.count)
  const { inputs, count } = valuesAt(toy, item)
  const value = inputs + random.below(count - inputs)
  const element = random.below(elementsAt(toy, item, value))
  return { at: 'trace', item, value, element, micro: random.below(toy.traceLength) }
}

function randomLie(toy: Toy, random: SeededRandom): Lie {
  const item = random.below(toy.schedule.count)
  switch (random.pick(['entry', 'item', 'value', 'value', 'trace', 'trace'] as const)) {
    case 'entry':
      return { at: 'entry', field: random.pick(['rootAfter', 'metric'] as const) }
    case 'item':
      return { at: 'item', item, leaf: random.below(2) }
    case 'value': {
      const { inputs, count } = valuesAt(toy, item)
      const value = random.below(random.bool() ? inputs : count)
      return { at: 'value', item, value, element: random.below(elementsAt(toy, item, value)) }
    }
    case 'trace':
      return traceLie(toy, random)
  }
}

/** A game about a toy's entry. */
async function playToy(
  toy: Toy,
  lie: Lie | undefined,
  challenger: Statement,
  served: Statement | undefined,
  change: (views: Views, asserter: Statement) => Partial<Sides>,
): Promise<Outcome> {
  const entry = toy.entry(lie)
  const asserter = toy.statement(lie)
  const shown = new ShownTrees(served)
  const views = viewsOf(toy.about(entry), asserter, challenger, shown)
  const start = { claim: toy.claim(entry), evidence: { entry, facts: toy.facts } }
  return await play(start, { ...sidesOf(views, shown), ...change(views, asserter) })
}

/** A statement that fails now and then, or answers with something else. */
function unreliable(statement: Statement, random: SeededRandom): Statement {
  return {
    async preimage(list, height, index) {
      if (random.bool(0.1)) throw new Error('not at home')
      const preimage = await statement.preimage(list, height, index)
      return random.bool(0.1) ? random.bytes(random.pick([0, 31, 32, preimage.length, 2000])) : preimage
    },
  }
}

/** Responses that a game about a word of a trace takes if nothing is served: every height of every list, and the proof. */
export function roundsOf(toy: Toy): number {
  const hashes = (level: 'items' | 'values', count: number): number => Math.max(1, rootHeight(level, count))
  const words = (count: number): number => 1 + rootHeight('words', count)
  const { count } = valuesAt(toy, 0)
  const elements = elementsAt(toy, 0, count - 1)
  return hashes('items', toy.schedule.count) + hashes('values', count) + words(elements) + words(toy.traceLength) + 1
}

/** Rounds of a game about a false word of a trace. */
export async function toyRounds(toy: Toy, random: SeededRandom, served: boolean): Promise<number> {
  const lie = traceLie(toy, random)
  const outcome = await playToy(toy, lie, toy.statement(), served ? toy.statement(lie) : undefined, (views) => ({
    asserter: stubborn(views.asserter),
  }))
  expect([outcome.winner, outcome.end]).toEqual(['challenger', 'block'])
  return outcome.rounds
}

/** Two challengers of one claim, one after the other: posts of the first game, and of the second, which starts from them. */
export async function inTurn(toy: Toy, random: SeededRandom): Promise<[number, number]> {
  const lie = traceLie(toy, random)
  const entry = toy.entry(lie)
  const shown = new ShownTrees()
  const views = viewsOf(toy.about(entry), toy.statement(lie), toy.statement(), shown)
  const sides = { ...sidesOf(views, shown), asserter: stubborn(views.asserter) }
  const start = { claim: toy.claim(entry), evidence: { entry, facts: toy.facts } }
  const first = await play(start, sides)
  const second = await play({ ...start, posts: first.posts }, sides)
  expect([first.winner, second.winner]).toEqual(['challenger', 'challenger'])
  return [first.rounds - 1, second.rounds - 1]
}

/** Plays one game for each seed: an honest challenger against a liar, or an honest asserter against somebody. */
export async function playToys(seeds: readonly number[]): Promise<{
  readonly refuted: Record<string, number>
  readonly honest: number
}> {
  const toys = SIZES.map((size) => new Toy(size))
  const refuted: Record<string, number> = {}
  let honest = 0
  for (const [n, seed] of seeds.entries()) {
    const random = seededRandom(seed)
    // Trees of lies are kept by a toy: a new one now and then lets go of them.
    const which = random.below(toys.length)
    if (n % 100 === 0) toys[which] = new Toy(SIZES[which] as ToySize)
    const toy = toys[which] as Toy
    const lie = randomLie(toy, random)
    if (random.bool(0.6)) {
      const theirs = random.pick([undefined, toy.statement(lie), unreliable(toy.statement(lie), random)])
      const give = random.bool(0.2)
      const outcome = await playToy(toy, lie, toy.statement(), theirs, (views) =>
        give ? {} : { asserter: stubborn(views.asserter) },
      )
      expect(outcome.winner, `seed ${seed}, ${JSON.stringify(lie)}, end ${outcome.end}`).toBe('challenger')
      expect(outcome.rounds, `seed ${seed}`).toBeLessThanOrEqual(roundsOf(toy) + 1)
      if (outcome.by !== 'concession') refuted[outcome.end ?? 'none'] = (refuted[outcome.end ?? 'none'] ?? 0) + 1
      continue
    }
    const outcome = await playToy(toy, undefined, toy.statement(lie), toy.statement(), (views, asserter) =>
      random.bool() ? { challenger: griefer(views.challenger, asserter, random) } : {},
    )
    expect(outcome.winner, `seed ${seed}, end ${outcome.end}`).toBe('asserter')
    honest++
  }
  return { refuted, honest }
}
