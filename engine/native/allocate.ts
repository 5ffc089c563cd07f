/**
 * Register allocation: a linear scan over live intervals (Poletto and Sarkar 1999). Control flow is structured, so an interval is
 * the span of a virtual register's occurrences, stretched over the loops it must survive.
 */
import type { Region, RegisterClass, VirtualCode } from './machine.ts'

/** A machine register, or a slot of the frame for what did not get one. */
export type Place = { readonly register: number } | { readonly slot: number }

export interface Allocation {
  /** Undefined for a virtual register that never occurs. */
  readonly places: readonly (Place | undefined)[]
  /** Virtual registers that may be read before they are written: zero at function entry. */
  readonly zeroed: readonly number[]
  /** Slots of each class; parameters have theirs in the caller's frame. */
  readonly slots: Readonly<Record<RegisterClass, number>>
}

interface Interval {
  readonly virtual: number
  readonly start: number
  readonly end: number
  /** Occurrences, weighted by the depth of loops, for each position covered. */
  readonly weight: number
  readonly spilled: boolean
}

interface Occurrence {
  readonly position: number
  readonly write: boolean
  readonly region: Region
}

/** @param registers the machine registers of each class, best first */
export function allocate(code: VirtualCode, registers: Readonly<Record<RegisterClass, readonly number[]>>): Allocation {
  const { intervals, zeroed } = intervalsOf(code)
  const places: (Place | undefined)[] = code.classes.map(() => undefined)
  const slots: Record<RegisterClass, number> = { general: 0, vector: 0, opmask: 0 }
  const spill = (virtual: number): void => {
    places[virtual] = { slot: virtual < code.params ? -1 - virtual : slots[code.classes[virtual]!]++ }
  }
  const hints = hintsOf(code)
  for (const kind of ['general', 'vector', 'opmask'] as const) {
    const free = new Set(registers[kind])
    let active: Interval[] = []
    const release = (interval: Interval): void => {
      const place = places[interval.virtual]
      if (place && 'register' in place) free.add(place.register)
    }
    for (const interval of intervals) {
      if (code.classes[interval.virtual] !== kind) continue
      if (interval.spilled) {
        spill(interval.virtual)
        continue
      }
      active = active.filter((other) => {
        if (other.end >= interval.start) return true
        release(other)
        return false
      })
      if (free.size === 0) {
        const cheapest = active.reduce((a, b) => (b.weight < a.weight ? b : a), interval)
        if (cheapest === interval) {
          spill(interval.virtual)
          continue
        }
        release(cheapest)
        spill(cheapest.virtual)
        active = active.filter((other) => other !== cheapest)
      }
      const register = choose(free, registers[kind], hints.get(interval.virtual) ?? [], places)
      free.delete(register)
      places[interval.virtual] = { register }
      active.push(interval)
    }
  }
  return { places, zeroed, slots }
}

function choose(
  free: ReadonlySet<number>,
  order: readonly number[],
  hints: readonly number[],
  places: readonly (Place | undefined)[],
): number {
  for (const hint of hints) {
    const place = places[hint]
    if (place && 'register' in place && free.has(place.register)) return place.register
  }
  return order.find((register) => free.has(register))!
}

/** Of each virtual register those it would best share a register with: what the instruction that first writes it reads. */
function hintsOf({ instructions }: VirtualCode): Map<number, readonly number[]> {
  const hints = new Map<number, readonly number[]>()
  for (const { uses, defs } of instructions) {
    for (const def of defs) if (!hints.has(def)) hints.set(def, [...uses].reverse())
  }
  return hints
}

function intervalsOf(code: VirtualCode): { intervals: Interval[]; zeroed: number[] } {
  const occurrences: Occurrence[][] = code.classes.map(() => [])
  const calls: number[] = []
  code.instructions.forEach(({ uses, defs, early, call }, i) => {
    const region = code.regions[i]!
    if (call) calls.push(2 * i)
    for (const virtual of uses) occurrences[virtual]!.push({ position: 2 * i, write: false, region })
    for (const virtual of defs) {
      if (early) occurrences[virtual]!.push({ position: 2 * i, write: true, region })
      occurrences[virtual]!.push({ position: 2 * i + 1, write: true, region })
    }
  })
  const zeroed: number[] = []
  const intervals = occurrences.flatMap((all, virtual): Interval[] => {
    const [first] = all
    if (!first) return []
    const param = virtual < code.params
    const home = param ? code.root : first.region
    const defined = param || (first.write && all.every(({ region }) => within(region, home)))
    let start = param ? -1 : first.position
    let end = all.at(-1)!.position
    for (const { region } of all) {
      for (let at: Region | null = region; at && !(defined && at === home); at = at.parent) {
        if (!at.loop) continue
        end = Math.max(end, 2 * at.end + 1)
        if (!defined) start = Math.min(start, 2 * at.start)
      }
    }
    if (!defined) {
      zeroed.push(virtual)
      start = -1
    }
    const worth = all.reduce((sum, { region }) => sum + (1 << (3 * Math.min(region.depth, 6))), 0)
    const spilled = calls.some((call) => start < call && end > call)
    return [{ virtual, start, end, weight: worth / (end - start + 1), spilled }]
  })
  return { intervals: intervals.sort((a, b) => a.start - b.start || a.virtual - b.virtual), zeroed }
}

function within(region: Region, outer: Region): boolean {
  for (let at: Region | null = region; at; at = at.parent) if (at === outer) return true
  return false
}
