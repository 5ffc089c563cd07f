/**
 * How far a training state lies from the exact replay: four distances, of the states themselves and relative to the update
 * that the replay made. Every sum is one chain of binary64 additions in the order of the words, so that all who compute a
 * distance get the same number, to the bit.
 */
import { check } from '#proto/errors.ts'

export const MEASURES = ['l1', 'l2', 'linf', 'cosine'] as const
export type Measure = (typeof MEASURES)[number]

/** Not negative; infinite where a word of one state alone is not a finite number. */
export type Distances = Readonly<Record<Measure, number>>

export interface Deviation {
  /** Between the two states after the entry; `cosine` is 1 minus the cosine of the angle between them. */
  readonly absolute: Distances
  /** Over the same norm of the exact update; `cosine` is between the two updates. */
  readonly relative: Distances
}

/** Sums from which the cosine of two vectors u, v is taken without cancellation. */
class Angle {
  #uu = 0
  #vv = 0
  /** Of squared differences, and of (u - v)(u + v). */
  #dd = 0
  #ds = 0

  add(u: number, v: number): void {
    const difference = u - v
    this.#uu += u * u
    this.#vv += v * v
    this.#dd += difference * difference
    this.#ds += difference * (u + v)
  }

  /** 1 - cos = (|u - v|^2 - (|u| - |v|)^2) / (2 |u| |v|); 0 for two zero vectors, 1 where one of them is zero. */
  distance(): number {
    if (this.#uu === 0 || this.#vv === 0) return this.#uu === this.#vv ? 0 : 1
    const [u, v] = [Math.sqrt(this.#uu), Math.sqrt(this.#vv)]
    const stretch = this.#ds / (u + v)
    return Math.max(0, (this.#dd - stretch * stretch) / (2 * u * v))
  }
}

/** Takes the words of three states, tensor by tensor, and gives the distance of two of them. */
export class DeviationSum {
  #finite = true
  #l1 = 0
  #l2 = 0
  #linf = 0
  #update1 = 0
  #update2 = 0
  #updateMax = 0
  readonly #states = new Angle()
  readonly #updates = new Angle()

  /**
   * Adds one tensor.
   * @param before the state before the entry
   * @param exact the state after it, by the exact replay
   * @param actual the state after it, as it was committed
   * @throws bad-input unless all three have the same length
   */
  add(before: Float32Array, exact: Float32Array, actual: Float32Array): void {
    const { length } = exact
    check(before.length === length && actual.length === length, 'bad-input', 'the states differ in their lengths')
    for (let i = 0; i < length; i++) {
      const [start, right, given] = [before[i]!, exact[i]!, actual[i]!]
      // Words that agree are at no distance, even those that are no numbers any more.
      if (Object.is(right, given) && !Number.isFinite(right)) continue
      const difference = given - right
      const update = right - start
      if (!Number.isFinite(difference)) this.#finite = false
      this.#l1 += Math.abs(difference)
      this.#l2 += difference * difference
      this.#linf = Math.max(this.#linf, Math.abs(difference))
      this.#update1 += Math.abs(update)
      this.#update2 += update * update
      this.#updateMax = Math.max(this.#updateMax, Math.abs(update))
      this.#states.add(given, right)
      this.#updates.add(given - start, update)
    }
  }

  result(): Deviation {
    if (!this.#finite) return { absolute: INFINITE, relative: INFINITE }
    const absolute = {
      l1: this.#l1,
      l2: Math.sqrt(this.#l2),
      linf: this.#linf,
      cosine: this.#states.distance(),
    }
    const relative = {
      l1: share(this.#l1, this.#update1),
      l2: share(absolute.l2, Math.sqrt(this.#update2)),
      linf: share(this.#linf, this.#updateMax),
      cosine: this.#updates.distance(),
    }
    return { absolute, relative }
  }
}

const INFINITE: Distances = {
  l1: Number.POSITIVE_INFINITY,
  l2: Number.POSITIVE_INFINITY,
  linf: Number.POSITIVE_INFINITY,
  cosine: Number.POSITIVE_INFINITY,
}

/** A distance over the size of the update; no distance is a share of nothing. */
function share(distance: number, update: number): number {
  return distance === 0 ? 0 : distance / update
}

/** The distance of two states that are one list of words each. See `DeviationSum`. */
export function deviation(before: Float32Array, exact: Float32Array, actual: Float32Array): Deviation {
  const sum = new DeviationSum()
  sum.add(before, exact, actual)
  return sum.result()
}
