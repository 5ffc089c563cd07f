import { expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import {
  entryIndex,
  placeOfEntry,
  slotCount,
  slotSteps,
  windowCount,
  windowOfStep,
  windowSlots,
  windowSteps,
} from '#proto/windows.ts'

test('slots and windows partition the steps, and entry indices name their places', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed)
    const job = {
      steps: 1 + random.below(300),
      entrySteps: 1 + random.below(12),
      entriesPerWindow: 1 + random.below(9),
    }
    const replicas = 2 ** random.below(3)
    const steps: number[] = []
    for (let window = 0; window < windowCount(job); window++) {
      const range = windowSteps(job, window)
      expect(range.from, `seed ${seed}`).toBe(steps.length)
      const indices: number[] = []
      for (const slot of windowSlots(job, window)) {
        const { from, to } = slotSteps(job, slot)
        expect(to).toBeGreaterThan(from)
        for (let step = from; step < to; step++) {
          steps.push(step)
          expect(windowOfStep(job, step)).toBe(window)
        }
        for (let replica = 0; replica < replicas; replica++) {
          const index = entryIndex(job, slot, replica, replicas)
          indices.push(index)
          expect(placeOfEntry(job, window, index, replicas)).toEqual({ slot, replica })
        }
      }
      expect(indices).toEqual(indices.map((_, i) => i))
      expect(range.to).toBe(steps.length)
    }
    expect(steps).toEqual(Array.from({ length: job.steps }, (_, step) => step))
    expect(() => slotSteps(job, slotCount(job))).toThrow('no slot')
    expect(() => windowSlots(job, windowCount(job))).toThrow('no window')
  }
})
