/**
 * One node of every primitive of every phase, on a chain: a true block of its trace is proven, a false one refuted, and other moves than
 * these are refused where the rules refuse them.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Arena, duelOnChain, startArena } from '#contracts/testing/pinpoint-arena.ts'
import { jobOf, type Lies, type SmallJob, smallJob, smallText, World } from '#pinpoint/testing.ts'
import type { Position } from '#pinpoint/types.ts'
import { bytesRoot } from '#proto/merkle.ts'
import { sampleJob, seededRandom } from '#proto/testing.ts'

let arena: Arena

beforeAll(async () => {
  arena = await startArena()
}, 60_000)

afterAll(() => arena?.stop())

const random = seededRandom(1871)
let window = 0

/** Images of 4 x 4 pixels through one convolution. */
function smallImages(): SmallJob {
  const data = Uint8Array.from({ length: 17 * 4 }, (_, i) => (i % 17 === 16 ? i % 2 : random.below(256)))
  const records = { stride: 17, recordLength: 17, trainRecords: 4, evalFrom: 0, evalTo: 0 }
  const images = { height: 4, width: 4, features: 16, classes: 2 }
  const source = { format: 'idx', root: bytesRoot(data), size: data.length } as const
  return jobOf(
    sampleJob({
      model: { type: 'cnn', channels: [2], kernel: 3, hidden: 3, activation: 'relu' },
      data: { ...sampleJob().data, ...source, ...records, ...images },
      ...{ batch: 2, microBatches: 2, lanes: 2, steps: 4 },
    }),
    data,
  )
}

/** A block of a node: item, value, element, place in its trace. */
type Place = readonly [item: number, value: number, element: number, micro: number]

const towards =
  ([item, value, element, micro]: Place) =>
  ({ level }: Position): number =>
    ({ items: item, values: value, words: element, trace: micro, results: 0, end: 0 })[level]

/** A random block of the first node of each primitive of each phase of the first step. */
function places(world: World): Map<string, Place> {
  const found = new Map<string, Place>()
  const { first, step } = world.schedule
  for (let item = 0; item < first + step.length; item++) {
    const { kind } = world.item(item)
    if (kind === 'inbound') continue
    const graph = world.graph(item)
    for (const [n, { op }] of graph.nodes.entries()) {
      const name = `${kind} ${op}`
      if (found.has(name)) continue
      const value = graph.inputs.length + n
      const element = random.below(world.values(item)[value]?.length ?? 1)
      found.set(name, [item, value, element, random.below(world.trace(item, value, element).length)])
    }
  }
  return found
}

async function tried(job: SmallJob, name: string, place: Place): Promise<void> {
  const [item, value, element, micro] = place
  const lie: Lies['trace'] = (i, v, e, words) => {
    if (i === item && v === value && e === element) words[micro] = ((words[micro] as number) ^ (1 << 22)) >>> 0
  }
  for (const trace of [undefined, lie]) {
    const world = new World(job, { lies: { entry: { window: ++window }, ...(trace && { trace }) } })
    const { winner, end } = await duelOnChain(arena, world, world, towards(place), true, random)
    expect([winner, end], name).toEqual([trace === undefined ? 'asserter' : 'challenger', 'block'])
  }
}

it.each([
  ['an mlp', smallJob()],
  ['an mlp in q16', smallJob({ arithmetic: 'q16' })],
  ['an mlp in q24', smallJob({ arithmetic: 'q24' })],
  ['a cnn', smallImages()],
  ['a gpt', smallText()],
])(
  'every primitive of %s',
  async (_, job) => {
    const all = places(new World(job))
    expect(all.size).toBeGreaterThan(8)
    for (const [name, place] of all) await tried(job, name, place)
  },
  600_000,
)
