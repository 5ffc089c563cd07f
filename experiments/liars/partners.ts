/** Lies between the replicas of a slot, which only some of them can tell. */
import { elementsOf } from '#graph/shape.ts'
import type { Statement } from '#pinpoint/types.ts'
import { bytesEqual } from '#proto/bytes.ts'
import type { EntrySource } from '#runtime/pinpoint/results.ts'
import { EntryStatement } from '#runtime/pinpoint/statement.ts'
import { entryOf } from '../fork-sweep/fork.ts'
import { type Forge, nobodys, sumsOf, wrongLaneSum } from './forgeries.ts'

/** The sum that the replica has received, in the first step, is not the one that it claims to have. */
export const otherInbound: Forge = async (ground, place) => {
  const source = ground.source(place)
  const ports = [...ground.job.program.gradients, ...ground.job.program.metrics]
  const bytes = new Uint8Array(ports.reduce((sum, { type }) => sum + 4 * elementsOf(type.shape), 0))
  const received: NonNullable<EntrySource['received']> = (step) => (step === source.entry.stepFrom ? bytes : undefined)
  const truth = ground.truth(place)
  const { lanesRoot } = await entryOf(truth, ground.schedule(place), nobodys(ground, place))
  const own = new EntryStatement({ ...source, received }, ground.runner)
  // What it claims it can show.
  const statement: Statement = {
    preimage: (list, height, index) =>
      (list.level === 'results' && list.of === 'sum' ? truth : own).preimage(list, height, index),
  }
  return { statement, change: { lanesRoot } }
}

/**
 * In the first step a wrong sum is sent to the partner, and the right one is claimed. The partner has gone on from what it was sent:
 * all that follows from its claimed sums in later steps is theirs, up to the state that both have committed to.
 */
export const twoFaced: Forge = async (ground, place, seed) => {
  const first = ground.source(place).entry.stepFrom
  const partner = { ...place, replica: 1 - place.replica }
  const honest = sumsOf(ground, partner, ground.source(partner), ground.runner)(first + 1)
  for (let tries = 0; ; tries++) {
    const { sent } = await wrongLaneSum(ground, place, `${seed} ${tries}`)
    const wrong = sent?.(first)
    const only = (step: number): Uint8Array | undefined => (step === first ? wrong : undefined)
    const deceived: EntrySource = { ...ground.source(partner), received: only }
    const sums = sumsOf(ground, partner, deceived, ground.runner)
    // What the wrong sum has changed must matter to the partner's next one.
    if (bytesEqual(sums(first + 1), honest)) continue
    const theirs = new EntryStatement(deceived, ground.runner)
    const { rootAfter, metricsRoot } = await entryOf(theirs, ground.schedule(partner), nobodys(ground, partner))
    const received: NonNullable<EntrySource['received']> = (step) => (step === first ? undefined : sums(step))
    const statement = new EntryStatement({ ...ground.source(place), received }, ground.runner)
    return { statement, change: { rootAfter, metricsRoot }, sent: only }
  }
}
