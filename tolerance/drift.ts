/**
 * Drift: a solver whose every entry passes may still push all of them one way. Signed sketches of the sampled errors are
 * summed over the run: errors without a direction of their own grow as the square root of their number, a bias as the
 * number itself.
 *
 * A sketch is a count sketch (Charikar, Chen and Farach-Colton 2002): a hash of a seed puts every word of a state, with a
 * sign, into one of 64 sums. It keeps the square norm of the error in expectation, is linear, and is as easy to commit to as a hash.
 * The seed must be drawn after the entries that it judges were committed: who knows it can hide a bias from it.
 */
import { ascii } from '#proto/bytes.ts'
import { check, fail } from '#proto/errors.ts'
import { HASH_BYTES, sha256Into } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'

/** Sums of a sketch. */
export const SKETCH = 64

const TAG = ascii('assay/sketch/1')

/**
 * Where each word of a state goes: byte i mod 32 of SHA-256("assay/sketch/1" || seed || floor(i / 32) u32) for word i of
 * all tensors end to end; its low six bits name the sum, its highest bit says that the word is subtracted.
 */
export class SketchPlan {
  readonly #places: Uint8Array

  /**
   * @param seed 32 bytes
   * @param words of one state, up to 2^32
   * @throws bad-input for another seed or number
   */
  constructor(seed: Hash, words: number) {
    check(seed.length === HASH_BYTES, 'bad-input', 'the seed of a sketch has 32 bytes')
    check(Number.isInteger(words) && words >= 0 && words <= 2 ** 32, 'bad-input', `${words} is not a number of words`)
    this.#places = new Uint8Array(Math.ceil(words / HASH_BYTES) * HASH_BYTES)
    const message = new Uint8Array(TAG.length + HASH_BYTES + 4)
    message.set(TAG)
    message.set(seed, TAG.length)
    const view = new DataView(message.buffer)
    for (let at = 0; at < this.#places.length; at += HASH_BYTES) {
      view.setUint32(TAG.length + HASH_BYTES, at / HASH_BYTES)
      sha256Into(message, this.#places, at)
    }
  }

  /** The byte that places a word. @throws bad-input behind the last one */
  place(word: number): number {
    return this.#places[word] ?? fail('bad-input', `the sketch is planned for fewer than ${word + 1} words`)
  }
}

/** Takes the words of three states, tensor by tensor, and gives the sketch of the error relative to the exact update. */
export class ErrorSketch {
  readonly #plan: SketchPlan
  readonly #sums = new Float64Array(SKETCH)
  #at = 0
  #update = 0

  constructor(plan: SketchPlan) {
    this.#plan = plan
  }

  /**
   * Adds one tensor, in binary64 and in the order of its words.
   * @param before the state before the entry
   * @param exact the state after it, by the exact replay
   * @param actual the state after it, as it was committed
   * @throws bad-input unless all three have the same length
   */
  add(before: Float32Array, exact: Float32Array, actual: Float32Array): void {
    const { length } = exact
    check(before.length === length && actual.length === length, 'bad-input', 'the states differ in their lengths')
    for (let i = 0; i < length; i++) {
      const place = this.#plan.place(this.#at + i)
      const error = actual[i]! - exact[i]!
      const update = exact[i]! - before[i]!
      this.#sums[place & 63]! += place & 128 ? -error : error
      this.#update += update * update
    }
    this.#at += length
  }

  /**
   * 64 sums over the l2 norm of the exact update. Null where that is no finite sketch (an error that is not finite, or of
   * no update): no distance of such an entry is accepted, so drift has nothing to say about it.
   */
  result(): Float64Array | null {
    const norm = Math.sqrt(this.#update)
    const sketch = this.#sums.map((sum) => (sum === 0 ? 0 : sum / norm))
    return sketch.every(Number.isFinite) ? sketch : null
  }
}

/** What the drift test allows and how often it may be wrong. */
export interface DriftLevel {
  /** The chance that a run of honest entries ever raises the alarm is at most 2^-bits. */
  readonly bits: number
  /** After how many entries it is asked at most: the sampled entries of the whole run. */
  readonly looks: number
  /** Bias of honest hardware, of the update: the most that its profile does not rule out (`profiledBias`). */
  readonly bias: number
}

/** The length of one vector in sketches of two seeds: a standard deviation is 1 / sqrt(128), and this is five of them. */
const OTHER_SEED = 1.45

/** 2 ln 2. */
const NATS_PER_BIT = 1.3862943611198906

/**
 * c of the bound on sums of random vectors: P(|x_1 + .. + x_n| >= sqrt(c V)) <= 2 exp(-c / 2) <= 2^-bits / looks, for
 * independent vectors of symmetric distribution and V the sum of their square norms (Pinelis 1994, theorem 3.5, on the
 * signs given the vectors: it asks nothing of their number, their sizes or how their words depend on each other).
 */
export function driftFactor(bits: number, looks: number): number {
  check(
    Number.isInteger(bits) && bits >= 1 && bits <= 256,
    'bad-input',
    `${bits} is not a number of bits from 1 to 256`,
  )
  check(Number.isInteger(looks) && looks >= 1, 'bad-input', `${looks} is not a number of looks`)
  let doublings = 0
  while (2 ** doublings < looks) doublings++
  return NATS_PER_BIT * (bits + 1 + doublings)
}

/** The running sum of sketches of one seed. Entries are added in the order of the run. */
export class Drift {
  readonly #sum = new Float64Array(SKETCH)
  /** Sum of the square norms. */
  #squares = 0
  #entries = 0

  /** @throws bad-input for a sketch of another length */
  add(sketch: Float64Array): void {
    check(sketch.length === SKETCH, 'bad-input', `a sketch has ${SKETCH} sums`)
    for (let i = 0; i < SKETCH; i++) {
      const value = sketch[i]!
      this.#sum[i]! += value
      this.#squares += value * value
    }
    this.#entries++
  }

  get entries(): number {
    return this.#entries
  }

  /** Length of the sum. */
  get length(): number {
    let square = 0
    for (let i = 0; i < SKETCH; i++) square += this.#sum[i]! * this.#sum[i]!
    return Math.sqrt(square)
  }

  /**
   * How far honest entries let the sum go. With a bias of at most b each, the sum is n b and the rest, whose root of the sum of
   * squares is at most sqrt(V) + sqrt(n) b.
   */
  limit({ bits, looks, bias }: DriftLevel): number {
    const spread = Math.sqrt(this.#squares) + Math.sqrt(this.#entries) * bias
    return this.#entries * bias + Math.sqrt(driftFactor(bits, looks)) * spread
  }

  /** Whether the sum is longer than honest entries explain. The first `looks` answers of a run keep the level together. */
  alarm(level: DriftLevel): boolean {
    return this.length > this.limit(level)
  }

  /**
   * The largest bias that these entries, of honest hardware, do not rule out, with room for what another seed makes of it:
   * what a profile hands to `DriftLevel.bias`. Too low with a chance of about 2^-bits. Infinite for too few entries.
   */
  profiledBias(bits: number): number {
    if (this.#entries === 0) return Number.POSITIVE_INFINITY
    const root = Math.sqrt(driftFactor(bits, 1) / this.#entries)
    // |mean| + root (sqrt(V / n) + b) >= b, solved for the largest b.
    const noise = root * Math.sqrt(this.#squares / this.#entries)
    return root >= 1 ? Number.POSITIVE_INFINITY : (OTHER_SEED * (this.length / this.#entries + noise)) / (1 - root)
  }
}
