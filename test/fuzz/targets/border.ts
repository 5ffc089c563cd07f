/** What stages of a pipeline ask of each other. */
import { type BorderRequest, decodeBorderRequest, encodeBorderRequest, MAX_BORDER_REQUEST } from '#proto/border.ts'
import { BUNDLES } from '#proto/machines/stage.ts'
import type { SeededRandom, Target } from '#test/fuzz/target.ts'

function aRequest(random: SeededRandom): BorderRequest {
  const pipeline = { jobId: random.bytes(32), epoch: random.u32(), replica: random.below(256) }
  const border = { ...pipeline, from: random.below(256), to: random.below(256), step: random.u32() }
  return random.pick<() => BorderRequest>([
    () => ({ type: 'bundle', ...border, kind: random.pick(BUNDLES), microBatch: random.below(4096) }),
    () => ({ type: 'sum', ...pipeline, stage: 1, step: random.u32(), level: 1 + random.below(256), asker: 0 }),
    () => ({ type: 'seal', ...border, root: random.bytes(32), signature: random.bytes(65) }),
  ])()
}

const request: Target<BorderRequest> = {
  name: 'border-request',
  covers: ['proto/border.ts#decodeBorderRequest'],
  valid: (random) => encodeBorderRequest(aRequest(random)),
  decode: decodeBorderRequest,
  encode: encodeBorderRequest,
  form: 'canonical',
  codes: ['bad-encoding', 'over-limit'],
  consequences: ['penalise'],
  bombs: () => [['one byte too many', new Uint8Array(MAX_BORDER_REQUEST + 1)]],
}

export const BORDER = [request] as unknown as readonly Target[]
