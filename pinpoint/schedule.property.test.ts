/** The items of an entry, run over expressions, are the one sum that docs/spec/protocol.md, Lanes, defines. */
import { expect, test } from 'vitest'
import { checkPlan, microBatchesOfLane, sumNumber, sumsPerStep } from '#proto/lanes.ts'
import { seededRandom } from '#proto/testing.ts'
import {
  graphOf,
  itemAt,
  itemExport,
  itemsOf,
  ownSumItem,
  type Schedule,
  sumCount,
  sumItem,
  sumLeaf,
  totalItem,
} from './schedule.ts'

/** The halving tree over lanes as the specification says it; `stride` lanes apart from `first` on for one replica. */
function definition(microBatches: number, lanes: number, down = 1, replica = 0): string {
  const values = Array.from({ length: lanes }, (_, lane) =>
    microBatchesOfLane(lane, microBatches, lanes).reduce((sum, m) => (sum === '' ? `${m}` : `(${sum}+${m})`), ''),
  )
  for (let h = lanes / 2; h >= down; h /= 2) {
    for (let i = 0; i < h; i++) {
      const [a, b] = [values[i] as string, values[i + h] as string]
      values[i] = a === '' ? b : b === '' ? a : `(${a}+${b})`
    }
  }
  return values[replica] as string
}

/** What each item of one step holds; `sums` are the expressions of the sums of the step. */
function evaluate(schedule: Schedule, leaf: number, sums: readonly string[]): Map<number, string> {
  const held = new Map<number, string>()
  const start = schedule.first + leaf * schedule.step.length
  for (let index = start; index < start + schedule.step.length; index++) {
    const item = itemAt(schedule, index)
    expect(item.step).toBe(schedule.stepFrom + leaf)
    if (item.kind === 'micro') held.set(index, `${item.microBatch}`)
    if (item.kind === 'inbound') held.set(index, sums[item.sum] as string)
    if (item.kind === 'add') {
      expect(held.has(item.left) && held.has(item.right)).toBe(true)
      held.set(index, `(${held.get(item.left)}+${held.get(item.right)})`)
    }
    if (item.kind === 'update') {
      expect(index).toBe(start + schedule.step.length - 1)
      expect(item.total).toBe(totalItem(schedule, leaf))
      const before = leaf > 0 ? start - 1 : schedule.stepFrom === 0 ? 0 : 'rootBefore'
      expect(item.before).toBe(before)
    }
  }
  return held
}

function allowed(microBatches: number, lanes: number, replicas: number): boolean {
  try {
    checkPlan(microBatches, lanes, replicas)
    return true
  } catch {
    return false
  }
}

test('every replica of every plan comes to the one expression', () => {
  let plans = 0
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed)
    const facts = { microBatches: 1 + random.below(24), lanes: 2 ** random.below(5) }
    const { microBatches, lanes } = facts
    const expected = definition(microBatches, lanes)
    for (let replicas = 1; replicas <= lanes; replicas *= 2) {
      if (!allowed(microBatches, lanes, replicas)) continue
      const sums: string[] = []
      for (let width = replicas; width > 1; width /= 2) {
        for (let i = 0; i < width; i++) {
          expect(sumNumber(i, width, replicas)).toBe(sums.length)
          sums.push(definition(microBatches, lanes, width, i))
        }
      }
      expect(sumsPerStep(replicas)).toBe(sums.length)
      const stepFrom = random.below(2) * 5
      const steps = 1 + random.below(3)
      for (let replica = 0; replica < replicas; replica++) {
        const entry = { replica, stepFrom, stepTo: stepFrom + steps }
        const schedule = itemsOf(facts, entry, replicas)
        for (let leaf = 0; leaf < steps; leaf++) {
          const held = evaluate(schedule, leaf, sums)
          const own = definition(microBatches, lanes, replicas, replica)
          expect(held.get(ownSumItem(schedule, leaf)), `seed ${seed}, replica ${replica}`).toBe(own)
          const items = sums.map((_, n) => sumItem(schedule, leaf * sums.length + n))
          for (const [n, item] of items.entries()) if (item !== undefined) expect(held.get(item)).toBe(sums[n])
          // Its own, what it receives, and what it joins but for the total.
          expect(items.filter((item) => item !== undefined)).toHaveLength(2 * Math.log2(replicas))
          expect(held.get(totalItem(schedule, leaf)), `seed ${seed}, replica ${replica}`).toBe(expected)
          const micro = schedule.step.filter(({ kind }) => kind === 'micro').length
          expect(schedule.step).toHaveLength(2 * (micro + Math.log2(replicas)))
        }
        expect(sumCount(schedule)).toBe(steps * sums.length)
        expect(schedule.count).toBe((stepFrom === 0 ? 1 : 0) + steps * schedule.step.length)
        plans++
      }
    }
  }
  expect(plans).toBeGreaterThan(250)
})

test('items of a whole plan, and their exports', () => {
  const facts = { microBatches: 3, lanes: 2 }
  const first = itemsOf(facts, { replica: 1, stepFrom: 0, stepTo: 2 }, 2)
  expect(Array.from({ length: first.count }, (_, i) => itemAt(first, i)).slice(0, 7)).toEqual([
    { kind: 'init', step: 0 },
    { kind: 'micro', step: 0, microBatch: 1, before: 0 },
    { kind: 'micro', step: 0, microBatch: 2, before: 0 },
    { kind: 'add', step: 0, left: 1, right: 2 },
    { kind: 'inbound', step: 0, sum: 0 },
    { kind: 'add', step: 0, left: 4, right: 3 },
    { kind: 'update', step: 0, total: 5, before: 0 },
  ])
  expect(sumLeaf(first, { kind: 'inbound', step: 1, sum: 0 })).toBe(2)
  expect(itemAt(first, 7)).toEqual({ kind: 'micro', step: 1, microBatch: 1, before: 6 })
  expect([0, 1, 2, 3].map((n) => itemExport(first, n))).toEqual([
    { end: 'rootAfter', item: 12 },
    { end: 'rootBefore', item: 0 },
    { end: 'sum' },
    { end: 'metric' },
  ])
  const later = itemsOf(facts, { replica: 0, stepFrom: 4, stepTo: 5 }, 1)
  expect(itemAt(later, 0)).toEqual({ kind: 'micro', step: 4, microBatch: 0, before: 'rootBefore' })
  expect([0, 1, 2].map((n) => itemExport(later, n).end)).toEqual(['rootAfter', 'sum', 'metric'])
  expect(['init', 'add', 'inbound'].map((kind) => graphOf({ kind, step: 0 } as never))).toEqual([
    'init',
    'combine',
    undefined,
  ])
})

test('what is no item, no export or no plan is refused', () => {
  const facts = { microBatches: 2, lanes: 2 }
  const schedule = itemsOf(facts, { replica: 0, stepFrom: 1, stepTo: 2 }, 1)
  for (const index of [-1, schedule.count, 0.5, Number.NaN]) expect(() => itemAt(schedule, index)).toThrow('item')
  for (const n of [-1, schedule.exports, 0.5]) expect(() => itemExport(schedule, n)).toThrow('export')
  expect(() => itemsOf(facts, { replica: 0, stepFrom: 2, stepTo: 2 }, 1)).toThrow('no range')
  expect(() => itemsOf(facts, { replica: 0, stepFrom: 0, stepTo: 1 }, 3)).toThrow('replicas')
  expect(() => itemsOf(facts, { replica: 0, stepFrom: 0, stepTo: 2 ** 31 }, 1)).toThrow('items')
  expect(() => itemsOf(facts, { replica: 2, stepFrom: 0, stepTo: 1 }, 2)).toThrow('no replica')
})
