/** Whole games on a chain, move by move beside the rules in `pinpoint/`: positions, clocks and winners are the same. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isContractError } from '#contracts/errors.ts'
import { type Arena, accuse, duelOnChain, PERIOD, startArena } from '#contracts/testing/pinpoint-arena.ts'
import { encodeFacts, FACTS_TAG, factsHash } from '#pinpoint/facts.ts'
import { deadline, open } from '#pinpoint/game.ts'
import { sumItem } from '#pinpoint/schedule.ts'
import { type Lies, smallJob, World, type WorldOptions } from '#pinpoint/testing.ts'
import { honestChoice, postOf } from '#pinpoint/testing-duel.ts'
import type { End, Move, Position } from '#pinpoint/types.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { taggedHash } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { seededRandom } from '#proto/testing.ts'

let arena: Arena

beforeAll(async () => {
  arena = await startArena()
}, 60_000)

afterAll(() => arena?.stop())

const job = smallJob()
const TWO: WorldOptions = { stepTo: 2 }
const truth = new World(job, TWO)
const MICRO = 1
const micro = truth.program.micro
const looped = micro.inputs.length + micro.nodes.findIndex(({ op }) => op === 'matmul')
const LIE: Hash = new Uint8Array(32).fill(0x1e)
const flip = (words: Uint32Array, at = 0): void => {
  words[at] = ((words[at] as number) ^ (1 << 22)) >>> 0
}
const changed = (item: number, value: number): Lies => ({
  value: (i, v, words) => void (i === item && v === value && flip(words)),
})
const port = (name: string): number => micro.inputs.findIndex((input) => input.name === name)

const LIES: readonly (readonly [End, Lies])[] = [
  ['rootAfter', { entry: { rootAfter: LIE } }],
  ['rootBefore', { entry: { rootBefore: LIE } }],
  ['metric', { metrics: (leaf, hashes) => void (leaf === 1 && hashes.splice(2, 1, LIE)) }],
  ['export', { leaves: (i, hashes) => void (i === MICRO && hashes.splice(2, 1, LIE)) }],
  ['input', changed(truth.schedule.count - 1, 1)],
  ['word', changed(MICRO, port('position'))],
  ['word', changed(MICRO, port('records'))],
  ['stored', changed(MICRO, looped)],
  [
    'block',
    {
      ...changed(MICRO, looped),
      trace: (i, v, e, words) => {
        if (i === MICRO && v === looped && e === 0) for (let t = 1; t < words.length; t++) flip(words, t)
      },
    },
  ],
]

let window = 0
/** The lies of another entry: a claim knows its challengers, so each game is about its own. */
const unlike = (lies: Lies): Lies => ({ ...lies, entry: { ...lies.entry, window: ++window } })

it.each(LIES)(
  'a lie about the %s ends there, on the chain as by the rules',
  async (end, lies) => {
    const liar = new World(job, { ...TWO, lies: unlike(lies) })
    const choose = (position: Position): number =>
      end === 'word' ? pathTo(position, liar) : honestChoice(truth, liar, position)
    expect(await duelOnChain(arena, liar, truth, choose, true)).toMatchObject({ winner: 'challenger', end })
  },
  60_000,
)

/** Towards the first port of the micro-batch that differs, whether anything uses it or not. */
function pathTo({ level, count }: Position, liar: World): number {
  const value = truth.valueRoots(MICRO).findIndex((root, i) => !bytesEqual(root, liar.valueRoots(MICRO)[i] as Hash))
  return Math.min({ items: MICRO, values: value, words: 0, trace: 0, results: 0, end: 0 }[level], count - 1)
}

const FOUR: WorldOptions = { ...TWO, replica: 1, replicas: 4 }
const quarter = new World(smallJob({ batch: 8, microBatches: 4, lanes: 4 }), FOUR)

it('an inbound sum that is not what the entry says that it is', async () => {
  const { first, step } = quarter.schedule
  const inbound = first + step.findLastIndex(({ kind }) => kind === 'inbound')
  const at = quarter.item(inbound)
  const leaf = at.kind === 'inbound' ? at.sum : 0
  const lies: Lies = {
    leaves: (i, hashes) => void (i === inbound && hashes.splice(0, 1, LIE)),
    sums: (hashes) => void hashes.splice(leaf, 1, quarter.sumRoots()[leaf] as Hash),
  }
  const liar = new World(quarter, { ...FOUR, lies: unlike(lies) })
  const choose = (position: Position): number => honestChoice(quarter, liar, position)
  expect(await duelOnChain(arena, liar, quarter, choose, true)).toMatchObject({ winner: 'challenger', end: 'inbound' })
}, 60_000)

it('a sum of four replicas: of an item of the entry, or of another one', async () => {
  const sums = quarter.schedule.sums * quarter.schedule.steps
  expect(sums).toBe(12)
  const random = seededRandom(31)
  const passed: number[] = []
  for (let leaf = 0; leaf < sums; leaf++) {
    const lies: Lies = { sums: (hashes) => void hashes.splice(leaf, 1, LIE) }
    const liar = new World(quarter, { ...FOUR, lies: unlike(lies) })
    const choose = (position: Position): number => honestChoice(quarter, liar, position)
    if (sumItem(quarter.schedule, leaf) !== undefined) {
      const outcome = await duelOnChain(arena, liar, quarter, choose, true, random)
      const received = quarter.item(sumItem(quarter.schedule, leaf) as number).kind === 'inbound'
      expect(outcome).toMatchObject({ winner: 'challenger', end: received ? 'inbound' : 'sum' })
      continue
    }
    const outcome = await duelOnChain(arena, liar, quarter, choose, true)
    expect(outcome).toMatchObject({ winner: 'asserter', end: 'sum' })
    passed.push(leaf)
  }
  expect(passed).toEqual([0, 2, 6, 8])
}, 120_000)

it('an asserter that serves nothing is beaten as well', async () => {
  const lies = LIES.find(([end]) => end === 'block')?.[1] ?? {}
  const liar = new World(job, { ...TWO, lies: unlike(lies) })
  const choose = (position: Position): number => honestChoice(truth, liar, position)
  const outcome = await duelOnChain(arena, liar, truth, choose, false)
  expect(outcome).toMatchObject({ winner: 'challenger', end: 'block' })
}, 60_000)

it('an honest asserter wins wherever it is led', async () => {
  let seed = 5
  for (let game = 0; game < 6; game++) {
    const asserter = new World(job, { ...TWO, lies: unlike({}) })
    const choose = ({ level, count, height, index }: Position): number => {
      seed = (seed * 48_271) % 2_147_483_647
      if (level === 'items' || level === 'values' || level === 'results') {
        const first = index * 16 ** height
        return first + (seed % Math.min(16 ** height, count - first))
      }
      return seed % count
    }
    expect(await duelOnChain(arena, asserter, asserter, choose, game % 2 === 0)).toMatchObject({ winner: 'asserter' })
  }
}, 120_000)

it('refuses on the chain what the rules refuse, and nothing else', async () => {
  const random = seededRandom(29)
  let refused = 0
  for (const [end, lies] of LIES) {
    if (!['metric', 'export', 'block', 'input'].includes(end)) continue
    const liar = new World(job, { ...TWO, lies: unlike(lies) })
    const choose = (position: Position): number => honestChoice(truth, liar, position)
    refused += (await duelOnChain(arena, liar, truth, choose, end !== 'block', random)).refused
  }
  expect(refused).toBeGreaterThan(60)
}, 120_000)

it('packs facts as their digest does', () => {
  const packed = encodeFacts(truth.facts)
  expect(packed).toHaveLength(413)
  const digest = taggedHash(FACTS_TAG, (p) => packed.reduce((all, byte) => all.u8(byte), p))
  expect(digest).toEqual(factsHash(truth.facts))
})

it('names what the contract refuses', async () => {
  const world = new World(job, { ...TWO, lies: unlike({}) })
  const { players, provider } = arena
  const { gameId, began } = await accuse(arena, world, world)
  const evidence = { entry: world.entry(), facts: world.facts }
  const { position } = open(world.claim(), PERIOD, new Map(), evidence, began)
  const post = postOf(world, position)
  await expect(players.challenger.move(gameId, position, post, evidence)).rejects.toSatisfy((e) =>
    isContractError(e, 'NotYourTurn'),
  )
  const cut: Move = { kind: 'post', data: new Uint8Array(32) }
  await expect(players.asserter.move(gameId, position, cut, evidence)).rejects.toSatisfy((e) =>
    isContractError(e, 'WrongSize'),
  )
  await expect(players.asserter.timeout(gameId)).rejects.toSatisfy((e) => isContractError(e, 'InTime'))
  await provider.send('anvil_mine', ['0x65'])
  const late = deadline({
    claim: world.claim(),
    period: PERIOD,
    position,
    clocks: { asserter: PERIOD, challenger: PERIOD },
    since: began,
  })
  expect(await provider.getBlockNumber()).toBeGreaterThan(late)
  const sent = await players.challenger.timeout(gameId)
  expect(sent.events.map(({ name }) => name)).toEqual(['Decided', 'SeatLost'])
}, 60_000)
