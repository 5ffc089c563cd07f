/** How long the stages of a replica wait for each other: the passes as they would run with a processor for each stage. */

import { type Pass, passesOf } from '#proto/machines/stage.ts'
import { type Border, GIVES, TAKES } from '#runtime/pipeline/bundles.ts'

/** By stage: seconds of one pass. */
export type PassTimes = readonly Readonly<Record<Pass, number>>[]

/**
 * The share of a step's passes that the stages spend waiting, if transfers took no time.
 * @param borders of all stages: what a pass needs of the passes of others
 */
export function bubbleOf(times: PassTimes, microBatches: number, borders: readonly Border[], eager: number): number {
  const stages = times.length
  const turns = Array.from({ length: microBatches }, (_, microBatch) => ({ microBatch, adds: 0 }))
  const orders = times.map((_, stage) => passesOf({ stage, stages, eager }, turns))
  const next = times.map(() => 0)
  const free = times.map(() => 0)
  /** By kind, receiver and micro-batch: when the last bundle is made. */
  const made = new Map<string, number>()
  const needs = borders.filter(({ kind }) => TAKES[kind])
  for (let left = 2 * microBatches * stages; left > 0; ) {
    for (let stage = 0; stage < stages; stage++) {
      const pass = orders[stage]?.[next[stage] as number]
      if (!pass) continue
      const bundles = needs.filter(({ to, kind }) => to === stage && TAKES[kind] === pass.pass)
      const ready = bundles.map(({ from, kind }) => made.get(`${kind} ${from} ${stage} ${pass.microBatch}`))
      if (ready.includes(undefined)) continue
      const end =
        Math.max(free[stage] as number, ...(ready as number[])) + (times[stage] as PassTimes[number])[pass.pass]
      for (const { kind, from, to } of needs) {
        if (from === stage && GIVES[kind] === pass.pass) made.set(`${kind} ${from} ${to} ${pass.microBatch}`, end)
      }
      free[stage] = end
      next[stage] = (next[stage] as number) + 1
      left--
    }
  }
  const busy = times.reduce((sum, { forward, backward }) => sum + microBatches * (forward + backward), 0)
  return 1 - busy / (stages * Math.max(...free))
}
