/**
 * Which steps an entry and a window cover, and where an entry stands in its window (docs/spec/protocol.md, "Windows").
 * Slot s covers steps [s*k, min((s+1)*k, steps)); window w covers slots w*W .. w*W+W-1; inside a window, entries stand
 * slot by slot, in each slot replica by replica.
 */
import { bytesEqual } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'
import { check } from '#proto/errors.ts'

/** The fields of a job, or of its terms, that the schedule depends on. */
export interface Schedule {
  readonly steps: number
  readonly entrySteps: number
  readonly entriesPerWindow: number
}

/** Half-open. */
export interface StepRange {
  readonly from: number
  readonly to: number
}

export function slotCount(job: Schedule): number {
  return Math.ceil(job.steps / job.entrySteps)
}

export function windowCount(job: Schedule): number {
  return Math.ceil(slotCount(job) / job.entriesPerWindow)
}

/** Steps of a slot. Throws `bad-input` outside the job. */
export function slotSteps(job: Schedule, slot: number): StepRange {
  check(Number.isInteger(slot) && slot >= 0 && slot < slotCount(job), 'bad-input', `no slot ${slot}`)
  const from = slot * job.entrySteps
  return { from, to: Math.min(from + job.entrySteps, job.steps) }
}

/** Slots of a window, ascending. Throws `bad-input` outside the job. */
export function windowSlots(job: Schedule, window: number): number[] {
  check(Number.isInteger(window) && window >= 0 && window < windowCount(job), 'bad-input', `no window ${window}`)
  const first = window * job.entriesPerWindow
  const end = Math.min(first + job.entriesPerWindow, slotCount(job))
  return Array.from({ length: end - first }, (_, i) => first + i)
}

/** Steps of a window. */
export function windowSteps(job: Schedule, window: number): StepRange {
  const slots = windowSlots(job, window)
  return {
    from: slotSteps(job, slots[0] as number).from,
    to: slotSteps(job, slots[slots.length - 1] as number).to,
  }
}

export function slotOfStep(job: Schedule, step: number): number {
  return Math.floor(step / job.entrySteps)
}

export function windowOfSlot(job: Schedule, slot: number): number {
  return Math.floor(slot / job.entriesPerWindow)
}

export function windowOfStep(job: Schedule, step: number): number {
  return windowOfSlot(job, slotOfStep(job, step))
}

/** Index of an entry in its window: (slot - first slot) * replicas + replica. */
export function entryIndex(job: Schedule, slot: number, replica: number, replicas: number): number {
  return (slot % job.entriesPerWindow) * replicas + replica
}

/** Slot and replica of the entry at `index` of a window. */
export function placeOfEntry(
  job: Schedule,
  window: number,
  index: number,
  replicas: number,
): { slot: number; replica: number } {
  return { slot: window * job.entriesPerWindow + Math.floor(index / replicas), replica: index % replicas }
}

/** What an entry must name: the job, the current plan epoch and its cells. */
export interface EntryContext {
  readonly jobId: Uint8Array
  readonly epoch: number
  /** Solver of each replica. */
  readonly cells: readonly Uint8Array[]
}

/** Throws `bad-entry` (penalise), or `stale` (ignore) for an older epoch, unless the entry has a place in the plan. */
export function checkEntry(job: Schedule, context: EntryContext, entry: Entry): void {
  const bad = { consequence: 'penalise' } as const
  check(bytesEqual(entry.jobId, context.jobId), 'bad-entry', 'the entry belongs to another job', bad)
  const message = `the entry is of epoch ${entry.epoch}, not ${context.epoch}`
  check(entry.epoch === context.epoch, 'stale', message, { consequence: 'ignore' })
  const cell = context.cells[entry.replica]
  check(cell !== undefined, 'bad-entry', `there is no replica ${entry.replica}`, bad)
  check(bytesEqual(cell, entry.solver), 'bad-entry', `replica ${entry.replica} is another solver's`, bad)
  check(entry.stepFrom < job.steps, 'bad-entry', `there is no step ${entry.stepFrom}`, bad)
  const slot = slotOfStep(job, entry.stepFrom)
  const range = slotSteps(job, slot)
  const whole = entry.stepFrom === range.from && entry.stepTo === range.to
  check(whole, 'bad-entry', `steps ${entry.stepFrom}..${entry.stepTo} are no slot`, bad)
  check(entry.window === windowOfSlot(job, slot), 'bad-entry', `the slot is not of window ${entry.window}`, bad)
}
