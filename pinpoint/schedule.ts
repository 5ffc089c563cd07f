/** The items of an entry: which phases stand behind it, in the one order of docs/spec/pinpoint.md, Items of an entry. */
import type { Entry } from '#proto/entry.ts'
import { check } from '#proto/errors.ts'
import { laneTree, microBatchesOfLane, sumNumber, sumsPerStep } from '#proto/lanes.ts'
import type { Facts, Position } from './types.ts'

/** Most items of an entry: the contract counts them in 32 bits. */
const MAX_ITEMS = 2 ** 32 - 1

/** Graphs that items are results of. */
export type GraphName = 'init' | 'micro' | 'combine' | 'update'

/** One item. Numbers of other items are numbers in the same list; `before` is where the state before the step stands. */
export type Item =
  | { readonly kind: 'init'; readonly step: number }
  | {
      readonly kind: 'micro'
      readonly step: number
      readonly microBatch: number
      readonly before: number | 'rootBefore'
    }
  | { readonly kind: 'add'; readonly step: number; readonly left: number; readonly right: number }
  /** `sum` is its number among the sums of the step. */
  | { readonly kind: 'inbound'; readonly step: number; readonly sum: number }
  | { readonly kind: 'update'; readonly step: number; readonly total: number; readonly before: number | 'rootBefore' }

/** Where the items must agree with the entry: in one item, or in some of each step. */
export type ItemExport =
  | { readonly end: 'rootAfter'; readonly item: number }
  | { readonly end: 'rootBefore'; readonly item: number }
  | { readonly end: 'sum' }
  | { readonly end: 'metric' }

/** An item of one step; numbers count from the first item of the step. */
type StepItem =
  | { readonly kind: 'micro'; readonly microBatch: number }
  | { readonly kind: 'add'; readonly left: number; readonly right: number }
  | { readonly kind: 'inbound'; readonly sum: number }
  | { readonly kind: 'update' }

export interface Schedule {
  /** Number of items. */
  readonly count: number
  /** Number of exports behind them. */
  readonly exports: number
  readonly stepFrom: number
  readonly steps: number
  /** 1 if item 0 is `init`. */
  readonly first: number
  /** Items of any step, the last one `update`. */
  readonly step: readonly StepItem[]
  /** Sums of any step. */
  readonly sums: number
  /** Numbers within the step: of the sums that are items, by their number among the sums; and of the total. */
  readonly sumItems: ReadonlyMap<number, number>
  readonly own: number
  readonly total: number
}

const GRAPH: Readonly<Record<Item['kind'], GraphName | undefined>> = {
  init: 'init',
  micro: 'micro',
  add: 'combine',
  inbound: undefined,
  update: 'update',
}

/** The graph that an item is the result of; an inbound sum is that of no graph. */
export const graphOf = (item: Item): GraphName | undefined => GRAPH[item.kind]

/**
 * The schedule of an entry of one of `replicas` replicas. The work is bounded by the items of one step, at most 9,000.
 * @throws bad-plan if the lanes cannot be planned so, bad-entry for an empty range of steps, over-limit for too many items
 */
export function itemsOf(
  facts: Pick<Facts, 'microBatches' | 'lanes'>,
  entry: Pick<Entry, 'replica' | 'stepFrom' | 'stepTo'>,
  replicas: number,
): Schedule {
  check(entry.stepTo > entry.stepFrom, 'bad-entry', `steps ${entry.stepFrom} to ${entry.stepTo} are no range`)
  const { step, sumItems, own, total } = stepItems(entry.replica, facts.microBatches, facts.lanes, replicas)
  const steps = entry.stepTo - entry.stepFrom
  const first = entry.stepFrom === 0 ? 1 : 0
  const count = first + steps * step.length
  check(count <= MAX_ITEMS, 'over-limit', `${count} items of one entry, at most ${MAX_ITEMS}`)
  return {
    count,
    exports: 3 + first,
    stepFrom: entry.stepFrom,
    steps,
    first,
    step,
    sums: sumsPerStep(replicas),
    sumItems,
    own,
    total,
  }
}

function stepItems(
  replica: number,
  microBatches: number,
  lanes: number,
  replicas: number,
): Pick<Schedule, 'step' | 'sumItems' | 'own' | 'total'> {
  const plan = laneTree(replica, microBatches, lanes, replicas)
  const step: StepItem[] = []
  const push = (item: StepItem): number => step.push(item) - 1
  /** The item that holds the sum of a lane. */
  const sums = new Map<number, number>()
  const sum = (lane: number): number => sums.get(lane) as number
  for (const lane of plan.lanes) {
    for (const microBatch of microBatchesOfLane(lane, microBatches, lanes)) {
      const right = push({ kind: 'micro', microBatch })
      sums.set(lane, sums.has(lane) ? push({ kind: 'add', left: sum(lane), right }) : right)
    }
  }
  for (const { into, from } of plan.adds) sums.set(into, push({ kind: 'add', left: sum(into), right: sum(from) }))
  const own = sum(plan.result)
  const sumItems = new Map(replicas > 1 ? [[sumNumber(replica, replicas, replicas), own]] : [])
  let held = own
  for (const { level, lower, sum } of plan.exchanges) {
    const inbound = push({ kind: 'inbound', sum })
    sumItems.set(sum, inbound)
    held = push(lower ? { kind: 'add', left: inbound, right: held } : { kind: 'add', left: held, right: inbound })
    if (level > 1) sumItems.set(sumNumber(replica, level, replicas), held)
  }
  push({ kind: 'update' })
  return { step, sumItems, own, total: held }
}

/** Number of the first item of step `leaf` of the entry. */
const startOf = (schedule: Schedule, leaf: number): number => schedule.first + leaf * schedule.step.length

/** Where the state before step `leaf` of the entry stands: an item, or the entry's `rootBefore`. */
function before(schedule: Schedule, leaf: number): number | 'rootBefore' {
  if (leaf > 0) return startOf(schedule, leaf) - 1
  return schedule.first === 1 ? 0 : 'rootBefore'
}

/** @throws bad-input for an index that is no item */
export function itemAt(schedule: Schedule, index: number): Item {
  check(
    Number.isInteger(index) && index >= 0 && index < schedule.count,
    'bad-input',
    `item ${index} of ${schedule.count}`,
  )
  if (index < schedule.first) return { kind: 'init', step: 0 }
  const leaf = Math.floor((index - schedule.first) / schedule.step.length)
  const start = startOf(schedule, leaf)
  const item = schedule.step[index - start] as StepItem
  const step = schedule.stepFrom + leaf
  switch (item.kind) {
    case 'micro':
      return { kind: 'micro', step, microBatch: item.microBatch, before: before(schedule, leaf) }
    case 'add':
      return { kind: 'add', step, left: start + item.left, right: start + item.right }
    case 'inbound':
      return { kind: 'inbound', step, sum: item.sum }
    case 'update':
      return { kind: 'update', step, total: start + schedule.total, before: before(schedule, leaf) }
  }
}

/** Sums under `lanesRoot`: none with one replica. */
export const sumCount = (schedule: Schedule): number => schedule.steps * schedule.sums

/** Which of them an inbound item is. */
export const sumLeaf = (schedule: Schedule, item: Extract<Item, { kind: 'inbound' }>): number =>
  (item.step - schedule.stepFrom) * schedule.sums + item.sum

/**
 * Among the sums, that which a game has come from by the choice of an inbound item: under `lanesRoot` it may be another one, and right, but
 * then it is not the item. A challenger goes to it, unless one before it is wrong already. Undefined in any other list.
 */
export function doubtedSum(schedule: Schedule, { level, end, item }: Position): number | undefined {
  if (level !== 'results' || end !== 'sum' || item === undefined) return undefined
  const chosen = itemAt(schedule, item)
  return chosen.kind === 'inbound' ? sumLeaf(schedule, chosen) : undefined
}

/** The item that is sum `leaf` under `lanesRoot`; undefined for one that others have joined among themselves. */
export function sumItem(schedule: Schedule, leaf: number): number | undefined {
  const place = schedule.sumItems.get(leaf % schedule.sums)
  return place === undefined ? undefined : startOf(schedule, Math.floor(leaf / schedule.sums)) + place
}

/** The item that holds the replica's own sum of step `leaf` of the entry. */
export const ownSumItem = (schedule: Schedule, leaf: number): number => startOf(schedule, leaf) + schedule.own

/** The item that holds the total of step `leaf` of the entry. */
export const totalItem = (schedule: Schedule, leaf: number): number => startOf(schedule, leaf) + schedule.total

/** Export `n` of the items: index `count + n` of the list. @throws bad-input if there is none */
export function itemExport(schedule: Schedule, n: number): ItemExport {
  check(Number.isInteger(n) && n >= 0 && n < schedule.exports, 'bad-input', `export ${n} of ${schedule.exports}`)
  if (n === 0) return { end: 'rootAfter', item: schedule.count - 1 }
  if (n === 1 && schedule.first === 1) return { end: 'rootBefore', item: 0 }
  return { end: n === 1 + schedule.first ? 'sum' : 'metric' }
}
