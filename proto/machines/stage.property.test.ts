/** The order of passes: legal, without deadlock whatever crosses, within its bounds, with the additions of the lanes' tree. */
import { expect, test } from 'vitest'
import { laneTree, microBatchesOfLane } from '#proto/lanes.ts'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import {
  type BundleKind,
  inFlightOf,
  type Pass,
  passesOf,
  type StagePlace,
  type Turn,
  turnsOf,
  windowOf,
} from './stage.ts'

const seeds = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

/** The sums of a replica as a stack machine builds them, as text. */
function sumOf(turns: readonly Turn[]): string {
  const stack: string[] = []
  for (const { microBatch, adds } of turns) {
    stack.push(`${microBatch}`)
    for (let i = 0; i < adds; i++) {
      const right = stack.pop()
      stack.push(`(${stack.pop()}+${right})`)
    }
  }
  expect(stack).toHaveLength(1)
  return stack[0] as string
}

test('the additions are those of the lanes', () => {
  for (const [microBatches, lanes, replicas] of [
    [1, 1, 1],
    [4, 4, 1],
    [4, 4, 2],
    [5, 2, 2],
    [3, 4, 2],
    [16, 8, 4],
    [21, 8, 2],
    [64, 16, 1],
  ] as const) {
    for (let replica = 0; replica < replicas; replica++) {
      const { lanes: own, adds, result } = laneTree(replica, microBatches, lanes, replicas)
      const sums = new Map(
        own.map((lane) => {
          const [first, ...rest] = microBatchesOfLane(lane, microBatches, lanes)
          return [lane, rest.reduce((sum, m) => `(${sum}+${m})`, `${first}`)]
        }),
      )
      for (const { into, from } of adds) sums.set(into, `(${sums.get(into)}+${sums.get(from)})`)
      expect(sumOf(turnsOf(replica, microBatches, lanes, replicas))).toBe(sums.get(result))
    }
  }
})

test('a stage has at most as many micro-batches in flight as stages follow, itself included, plus what is eager', () => {
  for (const stages of [1, 2, 3, 4, 7]) {
    for (const count of [1, 2, 4, 9]) {
      for (const eager of [0, 1, 3]) {
        const turns = Array.from({ length: count }, (_, microBatch) => ({ microBatch, adds: 0 }))
        for (let stage = 0; stage < stages; stage++) {
          let flying = 0
          let most = 0
          const passes = passesOf({ stage, stages, eager }, turns)
          for (const { pass } of passes) {
            flying += pass === 'forward' ? 1 : -1
            most = Math.max(most, flying)
          }
          expect(most).toBe(inFlightOf({ stage, stages, eager }, count))
          expect(most).toBe(Math.min(count, stages - stage + eager * (stages - 1 - stage)))
          expect(flying).toBe(0)
          for (const pass of ['forward', 'backward'] as const) {
            const order = passes.filter((one) => one.pass === pass).map(({ index }) => index)
            expect(order).toEqual(turns.map((_, i) => i))
          }
        }
      }
    }
  }
})

interface Pipeline {
  readonly stages: number
  readonly count: number
  readonly eager: number
}

interface Wire {
  readonly kind: BundleKind
  readonly from: number
  readonly to: number
  readonly gives: Pass
  readonly takes: Pass
}

/** Everything that a program may make cross: of `stages` stages, each with probability `p`. */
function someWires(random: SeededRandom, stages: number, p: number): Wire[] {
  const wires: Wire[] = []
  for (let from = 0; from < stages; from++) {
    for (let to = 0; to < stages; to++) {
      if (from === to) continue
      if (from < to && random.bool(p)) wires.push({ kind: 'activation', from, to, gives: 'forward', takes: 'forward' })
      if (from > to && random.bool(p)) wires.push({ kind: 'gradient', from, to, gives: 'backward', takes: 'backward' })
      if (random.bool(p)) wires.push({ kind: 'saved', from, to, gives: 'forward', takes: 'backward' })
    }
  }
  return wires
}

/** Runs some steps with bounded buffers, everything as late or early as chance will have it; throws when nothing can move. */
function simulate(random: SeededRandom, pipeline: Pipeline, wires: readonly Wire[], window = windowOf): void {
  const { stages, count, eager } = pipeline
  const steps = 3
  const place = (stage: number): StagePlace => ({ stage, stages, eager })
  const turns = Array.from({ length: count }, (_, microBatch) => ({ microBatch, adds: 0 }))
  const orders = Array.from({ length: stages }, (_, stage) => {
    const passes = passesOf(place(stage), turns)
    return Array.from({ length: steps }, (_, step) =>
      passes.map((one) => ({ ...one, at: step * count + one.index })),
    ).flat()
  })
  const done = orders.map(() => 0)
  /** By wire: made, arrived, used up; asked for is what the window lets through, as late as chance will have it. */
  const made = wires.map(() => 0)
  const asked = wires.map(() => 0)
  const arrived = wires.map(() => 0)
  const used = wires.map(() => 0)
  const windows = wires.map(({ kind, from, to }) => window(kind, place(from), place(to), count))
  const finished = (): boolean => done.every((n, stage) => n === orders[stage]?.length)
  while (!finished()) {
    const moves: (() => void)[] = []
    for (const [w, wire] of wires.entries()) {
      const most = windows[w]!
      if (asked[w]! < used[w]! + most) moves.push(() => void asked[w]!++)
      if (arrived[w]! < Math.min(asked[w]!, made[w]!)) moves.push(() => void arrived[w]!++)
      if (arrived[w]! - used[w]! > most) throw new Error(`too much of ${wire.kind} waits at its receiver`)
      if (made[w]! - Math.max(0, asked[w]! - most) > 2 * most) throw new Error(`too much of ${wire.kind} is kept`)
    }
    for (const [stage, order] of orders.entries()) {
      const next = order[done[stage] as number]
      if (!next) continue
      const inputs = wires.every((wire, w) => wire.to !== stage || wire.takes !== next.pass || arrived[w]! > next.at)
      // A sender knows of a bundle that it is used up once the one a window behind it is asked for.
      const room = wires.every((wire, w) => {
        return (
          wire.from !== stage ||
          wire.gives !== next.pass ||
          next.at < Math.max(0, asked[w]! - windows[w]!) + 2 * windows[w]!
        )
      })
      if (!inputs || !room) continue
      moves.push(() => {
        done[stage]!++
        for (const [w, wire] of wires.entries()) {
          if (wire.to === stage && wire.takes === next.pass) used[w]!++
          if (wire.from === stage && wire.gives === next.pass) made[w]!++
        }
      })
    }
    if (moves.length === 0) throw new Error(`deadlock at ${done} with ${JSON.stringify(wires)}`)
    random.pick(moves)()
  }
}

test.each(seeds(30))('no cut, no link and no number of micro-batches stops it, seed %i', (seed) => {
  const random = seededRandom(seed)
  const pipeline = { stages: 1 + random.below(5), count: 1 + random.below(7), eager: random.below(3) }
  simulate(random, pipeline, someWires(random, pipeline.stages, random.pick([0.2, 0.6, 1])))
})

test('windows that leave no room for what waits for a backward pass would stop it', () => {
  const wires = [
    { kind: 'activation', from: 0, to: 1, gives: 'forward', takes: 'forward' },
    { kind: 'saved', from: 0, to: 1, gives: 'forward', takes: 'backward' },
  ] as const satisfies Wire[]
  const pipeline = { stages: 3, count: 8, eager: 4 }
  expect(() => simulate(seededRandom(1), pipeline, wires, () => 1)).toThrow('deadlock')
  simulate(seededRandom(1), pipeline, wires)
})
