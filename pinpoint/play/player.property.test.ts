/** Both players in real, tiny programs: an honest one wins, as challenger against every kind of lie, as asserter against everyone. */
import { describe, expect, test } from 'vitest'
import { seeds } from '#graph/testing.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { encodeEntry } from '#proto/entry.ts'
import type { Hash } from '#proto/ids.ts'
import { hashTree } from '#proto/merkle.ts'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import { sumCount, sumItem } from '../schedule.ts'
import { type Lies, smallJob, World, type WorldOptions } from '../testing.ts'
import type { End } from '../types.ts'
import { treesOf } from './context.ts'
import type { View } from './evidence.ts'
import { holds } from './player.ts'
import { stubborn } from './sides.ts'
import { caseOf, griefer, match, WorldStatement } from './testing.ts'

const one = smallJob()
const four = smallJob({ microBatches: 4, lanes: 4, replicas: 2 })

interface Setting {
  readonly job: typeof one
  readonly options: WorldOptions
}

const before = new World(one, { stepTo: 3 }).result(new World(one, { stepTo: 3 }).schedule.count - 1)
const SETTINGS: readonly Setting[] = [
  { job: one, options: { stepTo: 2 } },
  { job: one, options: { stepFrom: 3, stepTo: 4, before } },
  { job: four, options: { stepTo: 1, replicas: 2, replica: 1 } },
  { job: four, options: { stepTo: 1, replicas: 4, replica: 2 } },
]
const truths = SETTINGS.map(({ job, options }) => new World(job, options))

const ENDS: readonly End[] = [
  ...(['block', 'export', 'inbound', 'input', 'metric', 'rootAfter', 'rootBefore', 'stored', 'sum', 'word'] as const),
]

const flip = (words: Uint32Array, random: SeededRandom): void => {
  const at = random.below(words.length)
  words[at] = (words[at] as number) ^ (1 << random.below(32))
}

const sameItems = (a: World, b: World): boolean => bytesEqual(hashTree(a.items()), hashTree(b.items()))

/** A hash that is not the one it was. */
const spoil = (hashes: Hash[], random: SeededRandom): void => {
  hashes[random.below(hashes.length)] = random.bytes(32)
}

/** A lie somewhere; what follows from a value follows from the lie. */
function lieIn(truth: World, random: SeededRandom): Lies {
  // One replica has no sums.
  const sums = truth.schedule.sums > 0
  const kind = random.pick(['value', 'value', 'leaves', sums ? 'sums' : 'metrics', 'metrics', 'trace', 'root'] as const)
  const all = Array.from({ length: truth.schedule.count }, (_, i) => i)
  // An inbound sum is the result of no phase.
  const item = random.pick(kind === 'leaves' ? all : all.filter((i) => truth.item(i).kind !== 'inbound'))
  const draw = random.u32()
  const { schedule } = truth
  const ownSums = Array.from({ length: sumCount(schedule) }, (_, i) => i).filter(
    (i) => sumItem(schedule, i) !== undefined,
  )
  // Whether `rootBefore` is what the entry before it ends in is not for a game to decide.
  const fields = [
    'rootAfter',
    ...(sums ? ['lanesRoot'] : []),
    'metricsRoot',
    ...(truth.schedule.first === 1 ? ['rootBefore'] : []),
  ]
  switch (kind) {
    case 'leaves':
      return {
        leaves: (i, leaves) => i === item && spoil(leaves, seededRandom(draw)),
        // What was received and is claimed so is no lie of this replica.
        ...(truth.item(item).kind === 'inbound' && {
          sums: (sums) => void sums.splice(0, sums.length, ...truth.sumRoots()),
        }),
      }
    case 'sums':
      return { sums: (sums) => void sums.splice(random.pick(ownSums), 1, seededRandom(draw).bytes(32)) }
    case 'metrics':
      return { metrics: (leaf, metrics) => leaf === 0 && spoil(metrics, seededRandom(draw)) }
    case 'root':
      return { entry: { [random.pick(fields)]: random.bytes(32) } }
    default: {
      const value = random.below(truth.values(item).length)
      const lies: Lies = {
        value: (i, v, words) => void (i === item && v === value && flip(words, seededRandom(draw))),
        trace: (i, v, e, words) => void (i === item && v === value && flip(words, seededRandom(draw + e))),
      }
      return kind === 'trace' ? lies : { value: lies.value as NonNullable<Lies['value']> }
    }
  }
}

describe('an honest challenger', () => {
  test('refutes whatever is false', async () => {
    const ends = new Map<End | undefined, number>()
    for (const seed of seeds(120)) {
      const random = seededRandom(seed)
      const which = random.below(SETTINGS.length)
      const { job, options } = SETTINGS[which] as Setting
      const truth = truths[which] as World
      const liar = new World(job, { ...options, lies: lieIn(truth, random) })
      // A lie that reaches nothing that is committed is none.
      if (bytesEqual(encodeEntry(liar.entry()), encodeEntry(truth.entry())) && sameItems(liar, truth)) continue
      for (const served of [true, false]) {
        const outcome = await match(liar, truth, served, truth, (views) => ({ asserter: stubborn(views.asserter) }))
        expect(outcome.winner, `seed ${seed}, served ${served}, end ${outcome.end}`).toBe('challenger')
        ends.set(outcome.end, (ends.get(outcome.end) ?? 0) + 1)
      }
    }
    expect([...ends.keys()].sort()).toEqual(ENDS)
  })
})

test('an entry holds if it is what one’s own items say', async () => {
  const { job, options } = SETTINGS[2] as Setting
  const truth = truths[2] as World
  const view = (world: World): View => {
    const own = new WorldStatement(truth)
    return { about: caseOf(world, truth), own, trees: treesOf(own) }
  }
  const liar = new World(job, { ...options, lies: { entry: { rootAfter: new Uint8Array(32) } } })
  expect(await holds(view(truth))).toBe(true)
  expect(await holds(view(liar))).toBe(false)
})

describe('an honest asserter', () => {
  test('beats challengers that believe a lie, and those that name anything', async () => {
    const ends = new Map<End | undefined, number>()
    for (const seed of seeds(150)) {
      const random = seededRandom(seed)
      const which = random.below(SETTINGS.length)
      const { job, options } = SETTINGS[which] as Setting
      const truth = truths[which] as World
      const liar = new World(job, { ...options, lies: lieIn(truth, random) })
      const blind = random.bool()
      const outcome = await match(truth, liar, random.bool(), truth, (views, statement) =>
        blind ? { challenger: griefer(views.challenger, statement, random) } : {},
      )
      expect(outcome.winner, `seed ${seed}, end ${outcome.end}`).toBe('asserter')
      ends.set(outcome.end, (ends.get(outcome.end) ?? 0) + 1)
    }
    ends.delete(undefined)
    expect([...ends.keys()].sort()).toEqual(ENDS)
  })
})
