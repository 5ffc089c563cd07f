/** What may be dropped, over random sets of jobs and content: never what a live job needs. */
import { expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import { expired, type Holding, type JobStanding, LIMITS, makingRoom, pinned } from '#runtime/retention.ts'

const job = (name: string, endedFor?: number, dataRoot = `data-${name}`): JobStanding => ({
  job: name,
  dataRoot,
  specHash: `spec-${name}`,
  endedFor,
})
const data = (key: string, age = 10_000, bytes = 10): Holding => ({ kind: 'data', key, bytes, age })
const states = (key: string, age = 10_000, bytes = 10): Holding => ({ kind: 'states', key, bytes, age })
const keys = (drops: readonly Holding[]): string[] => drops.map(({ kind, key }) => `${kind} ${key}`)

test('time drops what no job names after an hour, and ended jobs after a week', () => {
  const jobs = [job('live'), job('old', LIMITS.ended + 1), job('new', LIMITS.ended - 1)]
  const all = [data('stray'), data('stray-fresh', LIMITS.unnamed - 1), states('stranger')]
  const named = jobs.flatMap((one) => [data(one.dataRoot), states(one.job)])
  expect(keys(expired([...all, ...named], jobs))).toEqual(['data stray', 'data data-old', 'states old'])
})

test('a data set is kept as long as the last of its jobs', () => {
  const jobs = [job('a', LIMITS.ended * 2, 'shared'), job('b', undefined, 'shared')]
  expect(expired([data('shared')], jobs)).toEqual([])
  expect(pinned(data('shared'), jobs)).toContain('job b')
  expect(pinned(states('a'), jobs)).toBeUndefined()
})

test('room is made by strays first, then by the jobs that ended first', () => {
  const jobs = [job('live'), job('early', 900), job('late', 500)]
  const holdings = [states('late'), states('early'), data('stray', 5_000), data('older', 9_000), states('live')]
  const drops = (bytes: number, onlyUnnamed = false): string[] => keys(makingRoom(holdings, jobs, bytes, onlyUnnamed))
  expect(drops(1)).toEqual(['data older'])
  expect(drops(20)).toEqual(['data older', 'data stray'])
  expect(drops(31)).toEqual(['data older', 'data stray', 'states early', 'states late'])
  expect(drops(1_000)).toEqual(drops(31))
  expect(drops(1_000, true)).toEqual(['data older', 'data stray'])
  expect(drops(0)).toEqual([])
})

test('what just arrived is safe: its job is about to be registered', () => {
  expect(makingRoom([data('fresh', LIMITS.fresh - 1)], [], 10, false)).toEqual([])
})

test('nothing that a live job needs is ever dropped', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = seededRandom(seed)
    const jobs = Array.from({ length: random.below(6) }, (_, i) =>
      job(`${i}`, random.bool(0.5) ? undefined : random.below(2 * LIMITS.ended), `d${random.below(4)}`),
    )
    const holdings = Array.from({ length: random.below(12) }, () => {
      const age = random.below(20_000)
      return random.bool(0.5) ? data(`d${random.below(5)}`, age, random.below(100)) : states(`${random.below(7)}`, age)
    })
    const needed = new Set(
      jobs.filter((one) => one.endedFor === undefined).flatMap((one) => [`data ${one.dataRoot}`, `states ${one.job}`]),
    )
    const wanted = random.below(1_000)
    const drops = [...expired(holdings, jobs), ...makingRoom(holdings, jobs, wanted, random.bool(0.5))]
    for (const name of keys(drops)) expect(needed.has(name), `seed ${seed}: ${name}`).toBe(false)
  }
})
