/** What one cell does when it is told to: bundles go into its stage, passes run, bundles come out. Synchronous, one engine. */

import type { StagePass } from '#proto/machines/stage.ts'
import type { Feed } from '#runtime/feed.ts'
import { sliceList } from '#runtime/tensors.ts'
import type { Border } from './bundles.ts'
import { bytesOf, type StageTrainer, wordsOf } from './stage.ts'

/** A bundle of a border, in memory that threads may share. */
export interface Bundle {
  readonly border: Pick<Border, 'kind' | 'ids' | 'ports'>
  readonly bytes: Uint8Array
}

/** One pass: what it uses goes in first, what it gives is filled last. */
export interface PassRequest extends Pick<StagePass, 'pass' | 'microBatch' | 'adds'> {
  readonly step: number
  readonly taken: readonly Bundle[]
  readonly given: readonly Bundle[]
}

/** Calls `each` with the number and the bytes of every tensor of a bundle. */
function forEachTensor({ border, bytes }: Bundle, each: (id: number, bytes: Uint8Array) => void): void {
  for (const [i, slice] of sliceList(border.ports, bytes).entries()) each(border.ids[i] as number, slice.bytes)
}

/** Runs a pass; after a backward pass the micro-batch ends, and the sums are added that are complete then. */
export function runPass(stage: StageTrainer, feed: Pick<Feed, 'inputs'>, request: PassRequest): void {
  const { step, microBatch, pass, adds } = request
  if (pass === 'forward') stage.begin(microBatch, feed.inputs(step, microBatch))
  for (const bundle of request.taken) {
    forEachTensor(bundle, (id, bytes) => stage.receive(microBatch, id, wordsOf(bytes)))
  }
  stage.run(microBatch, pass)
  for (const bundle of request.given) forEachTensor(bundle, (id, bytes) => stage.give(microBatch, id, bytes))
  if (pass === 'forward') return
  stage.finish(microBatch)
  for (let i = 0; i < adds; i++) stage.combine()
}

/** Takes in what another stage shares: state tensors for the step that begins, or sums for the update. */
export function takeShared(stage: StageTrainer, bundle: Bundle): void {
  forEachTensor(bundle, (id, bytes) => {
    if (bundle.border.kind === 'state') stage.receiveState(id, wordsOf(bytes))
    else stage.receiveSum(id, wordsOf(bytes))
  })
}

/** Fills in what this stage shares with another one. */
export function giveShared(stage: StageTrainer, bundle: Bundle): void {
  forEachTensor(bundle, (id, bytes) =>
    bytes.set(bytesOf(bundle.border.kind === 'state' ? stage.state(id) : stage.sum(id))),
  )
}
