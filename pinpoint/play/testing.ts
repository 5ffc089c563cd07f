/** For tests: worlds as the statements of players. */
import type { SeededRandom } from '#proto/testing.ts'
import { holdsWords, rootHeight } from '../choice.ts'
import { graphOf, itemAt } from '../schedule.ts'
import type { World } from '../testing.ts'
import { ancestorOf, LEAF_WORDS } from '../tree.ts'
import type { List, Opening, Position, Statement } from '../types.ts'
import { type Case, ShownTrees, treesOf } from './context.ts'
import { definitionsOf } from './definitions.ts'
import { evidenceFor, type View } from './evidence.ts'
import { Levels, spanOf } from './levels.ts'
import { type Outcome, play, type Sides } from './match.ts'
import { openByte } from './openings.ts'
import { listOf } from './player.ts'
import { sidesOf, type Views, viewsOf } from './sides.ts'

const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength)

/** What a world holds to be true. */
export class WorldStatement implements Statement {
  readonly #world: World
  readonly #trees = new Map<string, Levels>()

  constructor(world: World) {
    this.#world = world
  }

  async preimage(list: List, height: number, index: number): Promise<Uint8Array> {
    const key = Object.values(list).join(' ')
    const tree = this.#trees.get(key) ?? this.#build(list)
    this.#trees.set(key, tree)
    return tree.preimage(height, index)
  }

  #build(list: List): Levels {
    const world = this.#world
    if (list.level === 'items') return Levels.ofHashes(world.items())
    if (list.level === 'values') return Levels.ofHashes(world.valueRoots(list.item))
    if (list.level === 'words') return Levels.ofBytes(bytesOf(world.values(list.item)[list.value] as Uint32Array))
    if (list.level === 'trace') return Levels.ofBytes(bytesOf(world.trace(list.item, list.value, list.element)))
    if (list.of === 'export') return Levels.ofHashes(world.leaves(list.item))
    return Levels.ofHashes(list.of === 'sum' ? world.sumRoots() : world.metricRoots())
  }
}

/** The game that a claim of `liar` is about. */
export function caseOf(liar: World, truth: World): Case {
  const { facts, schedule } = truth
  return {
    entry: liar.entry(),
    facts,
    replicas: truth.replicas,
    schedule,
    definitions: definitionsOf(truth.program, facts),
    data: async (at) => openByte(truth.data, at),
  }
}

/**
 * A game about the claim of `asserter`. `honest` knows the claims of other replicas.
 * @param change replaces a side's decisions
 */
export async function match(
  asserter: World,
  challenger: World,
  served: boolean,
  honest: World,
  change: (views: Views, statement: Statement) => Partial<Sides> = () => ({}),
): Promise<Outcome> {
  const about = caseOf(asserter, honest)
  const statement = new WorldStatement(asserter)
  const shown = served ? new ShownTrees(statement) : new ShownTrees()
  const views = viewsOf(about, statement, new WorldStatement(challenger), shown)
  const start = { claim: honest.claim(asserter.entry()), evidence: { entry: about.entry, facts: about.facts } }
  return await play(start, { ...sidesOf(views, shown), ...change(views, statement) })
}

/** A challenger that names anything at all, and goes as far as it likes through the asserter's own statement. */
export function griefer(view: View, asserter: Statement, random: SeededRandom): Sides['challenger'] {
  const trees = treesOf(asserter)
  return async (position) => {
    const { level, count, height, index, node } = position
    if (level === 'end') {
      const evidence = await evidenceFor({ ...view, trees }, position)
      return random.bool(0.5) ? evidence && { kind: 'prove', evidence } : undefined
    }
    if (position.turn !== 'challenger') return undefined
    const { entry, facts, schedule, definitions } = view.about
    const of = position.item === undefined ? undefined : graphOf(itemAt(schedule, position.item))
    const base = { entry, facts }
    const top = height === rootHeight(level, count)
    if (top && level !== 'words' && level !== 'results' && random.bool(0.2)) {
      const behind = level === 'items' ? random.below(schedule.exports) : 0
      return { kind: 'choose', index: count + behind, path: [], evidence: base }
    }
    const words = holdsWords(level)
    const width = spanOf(height) * (words ? LEAF_WORDS : 1)
    const chosen = index * width + random.below(Math.min(width, count - index * width))
    const whole = await pathTo(asserter, position, chosen)
    const path = whole.slice(0, 1 + random.below(whole.length))
    const value = level === 'values' ? chosen : position.value
    const shown = of && value !== undefined && value >= facts[of].inputs ? definitions.node(of, value) : {}
    return node === undefined ? undefined : { kind: 'choose', index: chosen, path, evidence: { ...base, ...shown } }
  }
}

/** Preimages from the node in question down to an item, or to the leaf with a word. */
async function pathTo(statement: Statement, position: Position, item: number): Promise<Opening> {
  const words = holdsWords(position.level)
  const at = words ? Math.floor(item / LEAF_WORDS) : item
  const path: Uint8Array[] = []
  for (let height = position.height; height >= (words ? 0 : 1); height--) {
    path.push(await statement.preimage(listOf(position), height, ancestorOf(at, height)))
  }
  return path
}
