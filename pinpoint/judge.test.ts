/** Every kind of lie in real, tiny programs: an honest challenger brings it to its end, an honest asserter survives all. */
import { expect, test } from 'vitest'
import type { Entry } from '#proto/entry.ts'
import type { Hash } from '#proto/ids.ts'
import { hashTree } from '#proto/merkle.ts'
import { seededRandom } from '#proto/testing.ts'
import { chooseExport, firstPosition } from './choice.ts'
import { itemExport, sumCount } from './schedule.ts'
import { type Lies, smallJob, smallText, World, type WorldOptions } from './testing.ts'
import { duel, honestChoice } from './testing-duel.ts'
import type { End, Position } from './types.ts'

const job = smallJob()
const TWO: WorldOptions = { stepTo: 2 }
const truth = new World(job, TWO)
const FLIP = 1 << 22
const LIE: Hash = new Uint8Array(32).fill(0x1e)

const flip = (words: Uint32Array, at = words.length - 1): void => {
  words[at] = ((words[at] as number) ^ FLIP) >>> 0
}

/** An honest challenger refutes a liar, whether its data is served or withheld; the end that both games come to. */
function refuted(lies: Lies, options = TWO, honest = truth): End | undefined {
  const liar = new World(job, { ...options, lies })
  const served = duel(liar, (position) => honestChoice(honest, liar, position), true, honest)
  const withheld = duel(liar, (position) => honestChoice(honest, liar, position), false, honest)
  expect([served.winner, withheld.winner]).toEqual(['challenger', 'challenger'])
  expect(withheld.end).toBe(served.end)
  return served.end
}

test('one flipped bit in each value of each phase', () => {
  const ends = new Map<End | undefined, number>()
  let harmless = 0
  for (let item = 0; item < truth.schedule.count; item++) {
    const graph = truth.graph(item)
    for (let value = 0; value < graph.inputs.length + graph.nodes.length; value++) {
      const lies: Lies = { value: (i, v, words) => void (i === item && v === value && flip(words)) }
      const liar = new World(job, { ...TWO, lies })
      // Seeds that nothing uses, and bits that rounding drops, reach no result.
      if (hashTree(liar.items()).every((byte, i) => byte === hashTree(truth.items())[i])) {
        harmless++
        continue
      }
      const { winner, end } = duel(liar, (position) => honestChoice(truth, liar, position))
      expect(winner, `item ${item}, value ${value}`).toBe('challenger')
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
  }
  expect([...ends.keys()].sort()).toEqual(['input', 'stored', 'word'])
  expect((ends.get('stored') ?? 0) + (ends.get('input') ?? 0)).toBeGreaterThan(100)
  expect(harmless).toBeLessThan(60)
})

/** A node with a loop, and one without, of the micro graph. */
const MICRO = 1
const micro = truth.program.micro
const looped = micro.inputs.length + micro.nodes.findIndex(({ op }) => op === 'matmul')

test.each(['first', 'middle', 'last'])(
  'a trace that is wrong at its %s block, and right behind it as a whole',
  (where) => {
    const length = truth.trace(MICRO, looped, 0).length
    const from = { first: 0, middle: Math.floor(length / 2), last: length - 1 }[where] as number
    const lies: Lies = {
      value: (i, v, words) => void (i === MICRO && v === looped && flip(words, 0)),
      // Consistent with the word that was stored, wherever it goes wrong.
      trace: (i, v, e, words) => {
        if (i === MICRO && v === looped && e === 0) for (let t = from; t < words.length; t++) flip(words, t)
      },
    }
    expect(refuted(lies)).toBe('block')
  },
)

const each = (index: number, change: (hashes: Hash[]) => void) => (i: number, hashes: Hash[]) => {
  if (i === index) change(hashes)
}
const wrong = (at: number) => (hashes: Hash[]) => void hashes.splice(at, 1, LIE)

test('an item that is not what its own values say', () => {
  for (const [index, leaf] of [
    [0, 1],
    [1, 4],
    [2, 0],
    [3, 2],
    [truth.schedule.count - 1, 0],
  ] as const) {
    expect(refuted({ leaves: each(index, wrong(leaf)) }), `item ${index}`).toBe('export')
  }
})

test('an entry that is not what its own items say', () => {
  const entry = (change: Partial<Entry>): Lies => ({ entry: change })
  expect(refuted(entry({ rootAfter: LIE }))).toBe('rootAfter')
  expect(refuted(entry({ rootBefore: LIE }))).toBe('rootBefore')
  expect(refuted({ metrics: each(1, wrong(2)) })).toBe('metric')
  const later: WorldOptions = { stepFrom: 2, stepTo: 3, before: truth.result(truth.schedule.count - 1) }
  const honest = new World(job, later)
  expect(refuted({ metrics: each(0, wrong(0)) }, later, honest)).toBe('metric')
  const second: WorldOptions = { ...TWO, replica: 1, replicas: 2 }
  // Its own sums, and those that it has received.
  for (const leaf of [1, 3]) expect(refuted({ sums: wrong(leaf) }, second, new World(job, second))).toBe('sum')
  for (const leaf of [0, 2]) expect(refuted({ sums: wrong(leaf) }, second, new World(job, second))).toBe('inbound')
})

test('one replica has no sums to choose', () => {
  const world = new World(job, TWO)
  const claim = world.claim()
  const evidence = { entry: world.entry(), facts: world.facts }
  const first = firstPosition(claim, evidence)
  expect(() => chooseExport(claim, first, first.count + 2, evidence)).toThrow('exchanges no sums')
})

test('an input that is not the state before the entry', () => {
  const later: WorldOptions = { stepFrom: 2, stepTo: 3, before: truth.result(truth.schedule.count - 1) }
  const honest = new World(job, later)
  expect(refuted({ value: (i, v, words) => void (i === 0 && v === 1 && flip(words)) }, later, honest)).toBe('input')
})

test('a sum that was received, but is not the one that the entry claims', () => {
  for (const replica of [0, 1]) {
    const options: WorldOptions = { ...TWO, replica, replicas: 2 }
    const honest = new World(job, options)
    const inbound = honest.schedule.first + honest.schedule.step.findIndex(({ kind }) => kind === 'inbound')
    const sums = (hashes: Hash[]): void => void hashes.splice(0, hashes.length, ...honest.sumRoots())
    expect(refuted({ leaves: each(inbound, wrong(0)), sums }, options, honest)).toBe('inbound')
    // Claimed as it was sent, it is for the replica that sent it to answer for, to which the challenger is passed on.
    const deceived = new World(job, { ...options, lies: { leaves: each(inbound, wrong(0)) } })
    expect(duel(deceived, (position) => honestChoice(honest, deceived, position), true, honest).winner).toBe('asserter')
  }
})

test.each(['seed', 'step', 'position', 'records'])('another %s', (name) => {
  const port = micro.inputs.findIndex((input) => input.name === name)
  const used = new Set(micro.nodes.flatMap(({ inputs }) => inputs)).has(port)
  const lies: Lies = { value: (i, v, words) => void (i === MICRO && v === port && flip(words, 0)) }
  if (used) expect(refuted(lies)).toBe('word')
  // Named without reason, too: the values of the phase are what the asserter posts, whether something uses them or not.
  const liar = new World(job, { ...TWO, lies })
  const { winner, end } = duel(liar, (position) => pathTo(position, MICRO, port, 0))
  expect([winner, end]).toEqual(['challenger', 'word'])
})

/** Chooses on, whatever is true. */
function pathTo({ level, count }: Position, ...[item, value, element, micro]: number[]): number {
  const wanted = { items: item, values: value, words: element, trace: micro, results: 0, end: 0 }[level] ?? 0
  return Math.min(wanted, count - 1)
}

test('an honest asserter survives every choice', () => {
  const ends = new Map<End | undefined, number>()
  const survives = (asserter: World, choose: (position: Position) => number, served = true): void => {
    const { winner, end } = duel(asserter, choose, served)
    expect(winner).toBe('asserter')
    ends.set(end, (ends.get(end) ?? 0) + 1)
  }
  const two = new World(job, { replica: 1, replicas: 2 })
  for (const asserter of [truth, two]) {
    for (let n = 0; n < asserter.schedule.exports; n++) {
      const { end } = itemExport(asserter.schedule, n)
      const { steps } = asserter.schedule
      const results = end === 'sum' ? sumCount(asserter.schedule) : end === 'metric' ? steps : 1
      for (let leaf = 0; leaf < results; leaf++) {
        survives(asserter, ({ level, count }) => (level === 'items' ? count + n : leaf), leaf === 0)
      }
    }
    const { first, step } = asserter.schedule
    for (let item = 0; item < first + step.length; item++) {
      if (asserter.item(item).kind === 'inbound') {
        const sums = sumCount(asserter.schedule)
        for (let leaf = 0; leaf < sums; leaf++) survives(asserter, ({ level }) => (level === 'items' ? item : leaf))
        continue
      }
      const graph = asserter.graph(item)
      const values = graph.inputs.length + graph.nodes.length
      for (let leaf = 0; leaf < asserter.leaves(item).length; leaf++) {
        survives(asserter, ({ level, count }) => (level === 'items' ? item : level === 'values' ? count : leaf))
      }
      for (let value = 0; value < values; value++) {
        survives(asserter, (position) => pathTo(position, item, value, 0, value), value % 2 === 0)
        survives(asserter, ({ level, count }) =>
          level === 'trace' ? count : level === 'words' ? count - 1 : level === 'items' ? item : value,
        )
      }
    }
  }
  const all: End[] = [
    'rootAfter',
    'rootBefore',
    'sum',
    'metric',
    'inbound',
    'input',
    'export',
    'word',
    'stored',
    'block',
  ]
  expect([...ends.keys()].sort()).toEqual(all.sort())
})

test.each(['f32', 'q16'] as const)('a wrong block of every primitive of a character model in %s', (arithmetic) => {
  const text = smallText({ batch: 1, microBatches: 1, lanes: 1, replicas: 1, arithmetic })
  const honest = new World(text)
  const { inputs, nodes } = text.program.micro
  const ops = [...new Set(nodes.map(({ op }) => op))]
  const random = seededRandom(21)
  for (const op of ops) {
    const value = inputs.length + random.pick(nodes.flatMap((node, n) => (node.op === op ? [n] : [])))
    const element = random.below((honest.values(MICRO)[value] as Uint32Array).length)
    const length = honest.trace(MICRO, value, element).length
    const from = random.below(length)
    const lies: Lies = {
      value: (i, v, words) => void (i === MICRO && v === value && flip(words, element)),
      trace: (i, v, e, words) => {
        if (i === MICRO && v === value && e === element) for (let t = from; t < length; t++) flip(words, t)
      },
    }
    const liar = new World(text, { lies })
    const path = (position: Position): number => pathTo(position, MICRO, value, element, from)
    const [lost, won] = [duel(liar, path, true, honest), duel(honest, path)]
    expect([lost.end, lost.winner, won.end, won.winner], op).toEqual(['block', 'challenger', 'block', 'asserter'])
  }
  expect(ops).toEqual(expect.arrayContaining(['map', 'matmul', 'reduce', 'gather', 'scatterAdd']))
})
