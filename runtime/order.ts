/** The training record at a global position, with the permutation of the epoch at hand kept. */
import { derivedSeed } from '#proto/ids.ts'
import { epochOrder } from '#proto/permutation.ts'

/** Record index at a global position (step * batch + place in the batch). */
export type RecordOrder = (position: number) => number

/** The order of a job: docs/spec/protocol.md, "Record order". `seed` is the job's seed, `records` its training records. */
export function recordOrder(seed: bigint, records: number): RecordOrder {
  const key = derivedSeed(seed, 'order')
  let epoch = -1
  let order: (index: number) => number = (index) => index
  return (position) => {
    const wanted = Math.floor(position / records)
    if (wanted !== epoch) {
      order = epochOrder(key, wanted, records)
      epoch = wanted
    }
    return order(position % records)
  }
}
