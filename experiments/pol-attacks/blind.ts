/** The blind zone of distances: how long a bias below the threshold goes unseen until the drift test fires. */
import { Drift, SketchPlan } from '#tolerance/drift.ts'
import { directionOf } from './attacks/steer.ts'
import { dueWork, type Setting } from './claim.ts'
import { BITS, distance, sketchOf, words } from './profile.ts'
import { hashOf } from './random.ts'

/** Entries after which one stops looking. */
export const MOST = 4096

/**
 * A solver on honest hardware adds to each entry `bias` times the update, always the same way, and every entry is replayed.
 * @returns how many replays raise the alarm; `most + 1` where that many do not
 */
export function entriesToDetect(
  { ground, course, profile, random, stolen }: Setting,
  bias: number,
  most = MOST,
): number {
  const direction = directionOf(
    random,
    stolen.map((x, i) => x - course.start[i]!),
  )
  const plan = new SketchPlan(hashOf('blind', random()), words(ground.exact))
  const drift = new Drift()
  const level = { bits: BITS, looks: most, bias: profile.bias }
  let before = course.start
  for (let entry = 0; entry < most; entry++) {
    // Seeds go on without end; training starts anew where the job would be over.
    if (entry % ground.shape.entries === 0) before = course.start
    const { batches, rate } = dueWork(course, entry)
    const exact = ground.exact.run(before, batches, rate)
    const push = bias * distance(exact, before)
    const after = ground.fast.run(before, batches, rate).map((x, i) => x + push * direction[i]!)
    const sketch = sketchOf(plan, before, exact, after)
    if (sketch) drift.add(sketch)
    if (drift.alarm(level)) return entry + 1
    before = after
  }
  return most + 1
}
