/** A verifier at work: what it finds in a claim, with the defences that are in force. */
import { sampleRate } from '#proto/draw.ts'
import { type Deviation, deviation, MEASURES } from '#tolerance/distance.ts'
import { Drift, SketchPlan } from '#tolerance/drift.ts'
import { isExcess } from '#tolerance/excess.ts'
import { selectEntries } from '#tolerance/selection.ts'
import { judge, type Outcome } from '#tolerance/verdict.ts'
import { type Claim, dueWork, type Setting, type Work } from './claim.ts'
import type { Defences } from './defences.ts'
import { looksInitial } from './initial.ts'
import { HIDDEN, largestOf, RATE, STEPS } from './job.ts'
import { BITS, distance, type Profile, sketchOf, words } from './profile.ts'
import { hashOf } from './random.ts'

/** Chance of an entry to be replayed, where that is random. */
export const SAMPLE_RATE = 0.25

export interface Finding {
  /** What gave the solver away; undefined: nothing did. */
  readonly caught: 'init' | 'length' | 'distance' | 'drift' | 'excess' | undefined
  readonly audited: number
  /** Entries between tau and tau_slash: computed anew, unpaid. */
  readonly redone: number
}

interface Replay {
  readonly state: Float32Array
  readonly off: Deviation
}

/** A claim with what was computed of it, so that it can be audited again and again. */
export class Evidence {
  readonly setting: Setting
  readonly claim: Claim
  readonly #updates = new Map<number, number>()
  readonly #replays = new Map<string, Replay>()

  constructor(setting: Setting, claim: Claim) {
    this.setting = setting
    this.claim = claim
  }

  /** Entries of the epoch from entry `from` that are replayed, were entry `idle` one without an update. */
  chosen(from: number, seed: Uint8Array, defences: Defences, idle = -1): number[] {
    const { ground } = this.setting
    const to = Math.min(from + ground.entriesPerEpoch, this.claim.entries)
    const entries = Array.from({ length: to - from }, (_, i) => ({
      hash: hashOf('entry', from + i),
      update: from + i === idle ? 0 : this.#update(from + i),
    }))
    const selection = defences.has('random')
      ? { rate: sampleRate(SAMPLE_RATE), largest: 1 }
      : { rate: 0n, largest: largestOf(ground) }
    return selectEntries(seed, entries, selection).map((index) => from + index)
  }

  #update(i: number): number {
    const known = this.#updates.get(i)
    if (known !== undefined) return known
    const update = distance(this.claim.state(i), this.claim.state(i + 1))
    this.#updates.set(i, update)
    return update
  }

  /** Entry `i` computed anew: the state behind it, and how far the claimed one is off. */
  replay(i: number, stated: Work, defences: Defences): Replay {
    const key = `${i} ${defences.has('order')} ${defences.has('replay')}`
    const known = this.#replays.get(key)
    if (known) return known
    const { ground, course } = this.setting
    const { batches } = defences.has('order') ? dueWork(course, i) : stated
    const machine = defences.has('replay') ? ground.exact : ground.other
    const before = this.claim.state(i)
    const state = machine.run(before, batches.slice(0, stated.batches.length), stated.rate)
    const replay = { state, off: deviation(before, state, this.claim.state(i + 1)) }
    this.#replays.set(key, replay)
    return replay
  }
}

/** What an entry's distance brings: the verdicts of tolerance mode, or the one threshold of plain proof of learning. */
export function verdict(off: Deviation, { limits, largest, baseline }: Profile, defences: Defences): Outcome {
  const relative = defences.has('relative')
  if (!defences.has('replay')) {
    const near = relative ? off.relative.l2 <= baseline.relative : off.absolute.l2 <= baseline.absolute
    return near ? 'accepted' : 'slashed'
  }
  if (relative) return judge(off, limits)
  if (!(off.absolute.l2 <= 10 * largest)) return 'slashed'
  const over = MEASURES.some((measure) => off.absolute[measure] > limits.tau.absolute[measure].value)
  return over ? 'redone' : 'accepted'
}

const fits = ({ batches, rate }: Work): boolean => batches.length === STEPS && rate === RATE

/** Audits a claim with the randomness `seed` that was drawn behind it. */
export function audit(evidence: Evidence, defences: Defences, seed: Uint8Array): Finding {
  const { claim, setting } = evidence
  const { ground, course, profile } = setting
  let [audited, redone] = [0, 0]
  const end = (caught: Finding['caught']): Finding => ({ caught, audited, redone })

  const first = claim.state(0)
  const initial = defences.has('init')
    ? distance(first, course.start) === 0
    : looksInitial(first, ground.exact.sizes, HIDDEN)
  if (!initial) return end('init')
  const fixed = defences.has('length')
  if (fixed && claim.entries !== ground.shape.entries) return end('length')

  const distances: number[] = []
  const drift = new Drift()
  const plan = new SketchPlan(seed, words(ground.exact))
  const level = { bits: BITS, looks: claim.entries, bias: profile.bias }
  for (let from = 0; from < claim.entries; from += ground.entriesPerEpoch) {
    for (const i of evidence.chosen(from, seed, defences)) {
      const stated = claim.work(i)
      if (fixed && !fits(stated)) return end('length')
      const { state, off } = evidence.replay(i, stated, defences)
      audited++
      distances.push(off.relative.l2)
      const outcome = verdict(off, profile, defences)
      if (outcome === 'slashed' || (outcome === 'redone' && !claim.resumes)) return end('distance')
      if (outcome === 'redone') redone++
      if (outcome !== 'accepted' || !defences.has('drift')) continue
      const sketch = sketchOf(plan, claim.state(i), state, claim.state(i + 1))
      if (sketch) drift.add(sketch)
      if (drift.alarm(level)) return end('drift')
    }
  }
  return end(defences.has('excess') && isExcess(distances, profile.usual, BITS) ? 'excess' : undefined)
}
