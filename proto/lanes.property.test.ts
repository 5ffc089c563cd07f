import { expect, test } from 'vitest'
import {
  checkPlan,
  defaultLanes,
  isPowerOfTwo,
  lanesOfReplica,
  laneTree,
  microBatchesOfLane,
  microBatchesOfReplica,
} from '#proto/lanes.ts'
import { seededRandom } from '#proto/testing.ts'

/** The halving tree as the specification says it, over expressions. */
function definition(microBatches: number, lanes: number): string {
  const values = Array.from({ length: lanes }, (_, lane) => laneExpression(lane, microBatches, lanes))
  for (let h = lanes / 2; h >= 1; h /= 2) {
    for (let i = 0; i < h; i++) {
      const [a, b] = [values[i] as string, values[i + h] as string]
      values[i] = a === '' ? b : b === '' ? a : `(${a}+${b})`
    }
  }
  return values[0] as string
}

function laneExpression(lane: number, microBatches: number, lanes: number): string {
  return microBatchesOfLane(lane, microBatches, lanes).reduce((sum, m) => (sum === '' ? `${m}` : `(${sum}+${m})`), '')
}

/** Runs the plan with R replicas that exchange expressions; all must end with the same one. */
function execute(microBatches: number, lanes: number, replicas: number): string {
  const plans = Array.from({ length: replicas }, (_, r) => laneTree(r, microBatches, lanes, replicas))
  let sums = plans.map((plan) => {
    const buffers = new Map(plan.lanes.map((lane) => [lane, laneExpression(lane, microBatches, lanes)]))
    for (const { into, from } of plan.adds) {
      expect(buffers.has(into) && buffers.has(from)).toBe(true)
      buffers.set(into, `(${buffers.get(into)}+${buffers.get(from)})`)
      buffers.delete(from)
    }
    expect([...buffers.keys()]).toEqual([plan.result])
    return buffers.get(plan.result) as string
  })
  const levels = (plans[0] as (typeof plans)[0]).exchanges.length
  for (let k = 0; k < levels; k++) {
    sums = sums.map((mine, r) => {
      const exchange = (plans[r] as (typeof plans)[0]).exchanges[k] as { partner: number; lower: boolean }
      const theirs = sums[exchange.partner] as string
      return exchange.lower ? `(${theirs}+${mine})` : `(${mine}+${theirs})`
    })
  }
  expect(new Set(sums).size).toBe(1)
  return sums[0] as string
}

function allowed(microBatches: number, lanes: number, replicas: number): boolean {
  try {
    checkPlan(microBatches, lanes, replicas)
    return true
  } catch {
    return false
  }
}

test('every number of replicas computes the expression of the definition', () => {
  let plans = 0
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed)
    const microBatches = 1 + random.below(40)
    const lanes = 2 ** random.below(6)
    const expected = definition(microBatches, lanes)
    for (let replicas = 1; replicas <= lanes; replicas *= 2) {
      if (!allowed(microBatches, lanes, replicas)) continue
      expect(execute(microBatches, lanes, replicas), `seed ${seed}: M ${microBatches} G ${lanes} R ${replicas}`).toBe(
        expected,
      )
      plans++
    }
  }
  expect(plans).toBeGreaterThan(600)
})

test('lanes and replicas partition the micro-batches', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed)
    const microBatches = 1 + random.below(100)
    const lanes = 2 ** random.below(7)
    const all = Array.from({ length: microBatches }, (_, m) => m)
    const dealt = Array.from({ length: lanes }, (_, lane) => microBatchesOfLane(lane, microBatches, lanes))
    expect(dealt.flat(), `seed ${seed}`).toEqual(all)
    const replicas = 2 ** random.below(Math.log2(lanes) + 1)
    const owned = Array.from({ length: replicas }, (_, r) => microBatchesOfReplica(r, microBatches, lanes, replicas))
    expect(owned.flat().sort((a, b) => a - b)).toEqual(all)
    const laneSets = Array.from({ length: replicas }, (_, r) => lanesOfReplica(r, lanes, replicas))
    expect(laneSets.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: lanes }, (_, l) => l))
  }
})

test('default lanes and refused plans', () => {
  expect([1, 2, 3, 4, 7, 8, 16, 31, 100].map(defaultLanes)).toEqual([1, 2, 2, 4, 4, 8, 16, 16, 16])
  for (let m = 1; m <= 64; m++) expect(allowed(m, defaultLanes(m), defaultLanes(m)), `${m}`).toBe(true)
  expect(allowed(4, 3, 1)).toBe(false)
  expect(allowed(4, 4, 8)).toBe(false)
  expect(allowed(0, 1, 1)).toBe(false)
  expect(allowed(3, 4, 4)).toBe(false)
  expect(allowed(3, 4, 2)).toBe(true)
  expect([0, 1, 2, 3, 4, -2, 1.5].map(isPowerOfTwo)).toEqual([false, true, true, false, true, false, false])
})
