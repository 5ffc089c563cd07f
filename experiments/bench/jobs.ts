/** Jobs on made-up data, put together as from a job file: what benchmarks train. */
import { idxIntake } from '#app/job/data/idx.ts'
import type { Intake } from '#app/job/data/intake.ts'
import { textIntake } from '#app/job/data/text.ts'
import { assemble, type LoadedJob } from '#app/job/load.ts'
import { parseJobFile } from '#app/job/parse.ts'
import { words } from '#arith/testing.ts'

/** `size` bytes that look like nothing. */
function noise(size: number): Uint8Array {
  const next = words(1)
  return Uint8Array.from({ length: size }, () => next() >>> 24)
}

/** An IDX file of unsigned bytes. */
function idx(dims: readonly number[], data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * dims.length + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 0x0800 + dims.length)
  for (const [i, dim] of dims.entries()) view.setUint32(4 + 4 * i, dim)
  bytes.set(data, 4 + 4 * dims.length)
  return bytes
}

function job(file: object, intake: Intake): LoadedJob {
  const rest = { eval: { records: [0, 0] }, microBatches: 4, seed: 1, ...file }
  return assemble(parseJobFile(JSON.stringify(rest)), intake)
}

/** A job on `records` texts of `context` bytes. `file` is the rest of the job file. */
export function textJob(file: object, context: number, records: number): LoadedJob {
  return job({ ...file, data: { format: 'text', path: 'noise' } }, textIntake(noise(records * context + 1), context))
}

/** A job on `records` images of 28 x 28 in ten classes. */
export function imageJob(file: object, records: number): LoadedJob {
  const labels = noise(records).map((byte) => byte % 10)
  const intake = idxIntake(idx([records, 28, 28], noise(records * 784)), idx([records], labels))
  return job({ ...file, data: { format: 'idx', path: 'noise', labels: 'noise' } }, intake)
}
