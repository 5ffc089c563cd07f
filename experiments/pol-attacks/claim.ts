/** What a solver, honest or not, hands in. */

import type { Course, Ground } from './job.ts'
import { RATE, STEPS } from './job.ts'
import type { Profile } from './profile.ts'
import type { Random } from './random.ts'

/** How an entry was computed, as its solver says. */
export interface Work {
  /** The records of each step. */
  readonly batches: readonly Float32Array[]
  readonly rate: number
}

export interface Claim {
  readonly entries: number
  /** The state before entry `i`, and behind the last one. */
  state(i: number): Float32Array
  work(i: number): Work
  /** Steps of honest training that the attacker's work would have paid for, over those of the job. Told when all is audited. */
  cost(): number
  /**
   * Whether the attack goes on behind an entry that others computed anew. What leads to weights known before does not: the
   * rest of it would not follow.
   */
  readonly resumes: boolean
}

/** What an attacker knows. */
export interface Setting {
  readonly ground: Ground
  readonly course: Course
  /** The weights that somebody else trained, where the attack is to claim them. */
  readonly stolen: Float32Array
  readonly profile: Profile
  readonly random: Random
}

/** The work that the job asks for. */
export function dueWork(course: Course, entry: number): Work {
  return { batches: Array.from({ length: STEPS }, (_, j) => course.batch(entry * STEPS + j)), rate: RATE }
}

/** States of which each follows from the one before, computed when they are asked for. */
export class Chain {
  readonly #states: Float32Array[]
  readonly #next: (before: Float32Array, entry: number) => Float32Array

  constructor(start: Float32Array, next: (before: Float32Array, entry: number) => Float32Array) {
    this.#states = [start]
    this.#next = next
  }

  at(i: number): Float32Array {
    for (let entry = this.#states.length - 1; entry < i; entry++) {
      this.#states.push(this.#next(this.#states[entry]!, entry))
    }
    return this.#states[i]!
  }
}
