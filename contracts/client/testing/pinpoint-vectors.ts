/**
 * What the game contract derives from an entry and from facts, by the rules in `pinpoint/`, for its forge tests:
 * `npx vitest run contracts/client/pinpoint-vectors -u` rewrites test/vectors/pinpoint.json.
 */
import { hex } from '#contracts/entries.ts'
import { encodeFacts, factsHash } from '#pinpoint/facts.ts'
import { inputRule } from '#pinpoint/inputs.ts'
import { graphOf, type Item, itemAt, itemsOf, sumCount, sumItem, sumLeaf, totalItem } from '#pinpoint/schedule.ts'
import type { Facts, GraphFacts } from '#pinpoint/types.ts'
import { type Entry, encodeEntry, entryDigest } from '#proto/entry.ts'
import { sha256 } from '#proto/hash.ts'
import { Packed } from '#proto/packed.ts'
import { seededRandom } from '#proto/testing.ts'

type Random = ReturnType<typeof seededRandom>

const KINDS = ['init', 'micro', 'add', 'inbound', 'update'] as const
const FORMULAS = { initSeed: 1, dropoutSeed: 1, step: 2, position: 3, records: 4 } as const

/** Stands for the item of a sum that is none. */
const NO_ITEM = 0xffff_ffff

/** Micro-batches, lanes, replicas, first step, steps. */
const PLANS = [
  [1, 1, 1, 0, 1],
  [4, 4, 1, 0, 2],
  [4, 4, 2, 3, 2],
  [4, 4, 4, 0, 1],
  [6, 4, 2, 0, 3],
  [3, 4, 2, 7, 1],
  [5, 8, 2, 0, 1],
  [20, 16, 4, 5, 2],
  [33, 32, 8, 0, 2],
  [40, 2, 2, 9, 1],
] as const

function factsWith(random: Random, microBatches: number, lanes: number): Facts {
  const [state, gradients, metrics] = [3, 2, 2]
  const graph = (inputs: number): GraphFacts => ({
    root: random.bytes(32),
    inputs,
    nodes: 1 + random.below(65_536),
    exports: random.bytes(32),
  })
  const sums = gradients + metrics
  return {
    init: graph(1),
    micro: graph(state + 4),
    combine: graph(2 * sums),
    update: graph(state + 1 + sums),
    ...{ state, gradients, metrics, microBatches, lanes },
    dataRoot: random.bytes(32),
    dataSize: random.below(2 ** 31),
    dataDtype: 4,
    stride: random.below(1000),
    recordLength: random.below(1000),
    trainRecords: random.below(2 ** 31),
    batch: microBatches * 3,
    orderSeed: random.bytes(32),
    initSeed: [random.u32(), random.u32()],
    dropoutSeed: [random.u32(), random.u32()],
  }
}

function packItem(p: Packed, item: Item): void {
  p.u8(KINDS.indexOf(item.kind)).u32(item.step)
  p.u16(item.kind === 'micro' ? item.microBatch : 0)
  const left = item.kind === 'add' ? item.left : item.kind === 'inbound' ? item.sum : 0
  p.u32(left).u32(item.kind === 'add' ? item.right : 0)
}

function packRule(p: Packed, facts: Facts, item: Item, port: number): void {
  const rule = inputRule(facts, item, port)
  if (rule.kind === 'formula') p.u8(FORMULAS[rule.formula]).u8(0).u32(0).u32(0).u32(0)
  else {
    const before = rule.source === 'rootBefore'
    p.u8(0)
      .bool(before)
      .u32(rule.source === 'rootBefore' ? 0 : rule.source)
    p.u32(rule.leaf).u32(rule.leaves)
  }
}

/** Digest of all items of an entry, each followed by the rules of its inputs; then of the item that each sum is, then of the totals. */
function scheduleDigest(facts: Facts, entry: Entry, replicas: number): Uint8Array {
  const schedule = itemsOf(facts, entry, replicas)
  const p = new Packed()
  for (let index = 0; index < schedule.count; index++) {
    const item = itemAt(schedule, index)
    packItem(p, item)
    if (item.kind === 'inbound') p.u32(sumLeaf(schedule, item))
    const graph = graphOf(item)
    for (let port = 0; graph !== undefined && port < facts[graph].inputs; port++) packRule(p, facts, item, port)
  }
  for (let leaf = 0; leaf < sumCount(schedule); leaf++) p.u32(sumItem(schedule, leaf) ?? NO_ITEM)
  for (let step = 0; step < schedule.steps; step++) p.u32(totalItem(schedule, step))
  return sha256(p.finish())
}

function caseOf(random: Random, plan: (typeof PLANS)[number], replica: number): unknown {
  const [microBatches, lanes, replicas, stepFrom, steps] = plan
  const facts = factsWith(random, microBatches, lanes)
  const place = { epoch: 1, replica, window: 2, stepFrom, stepTo: stepFrom + steps }
  const roots = { rootBefore: random.bytes(32), rootAfter: random.bytes(32), lanesRoot: random.bytes(32) }
  const rest = { metricsRoot: random.bytes(32), solver: random.bytes(20), jobId: random.bytes(32) }
  const entry: Entry = { ...place, ...roots, ...rest }
  return {
    facts: hex(encodeFacts(facts)),
    factsHash: hex(factsHash(facts)),
    entry: hex(encodeEntry(entry)),
    entryHash: hex(entryDigest(entry)),
    replicas,
    items: itemsOf(facts, entry, replicas).count,
    digest: hex(scheduleDigest(facts, entry, replicas)),
  }
}

/** The whole file, as text. */
export function pinpointVectorsText(): string {
  const random = seededRandom(71)
  const cases = PLANS.flatMap((plan) => Array.from({ length: plan[2] }, (_, replica) => caseOf(random, plan, replica)))
  return `${JSON.stringify({ schedules: cases }, null, 1)}\n`
}
