/** Intake of a job: its spec and data set are taken in only if they are what their hashes say and fit together. */

import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { bytesEqual, toHex } from '#proto/bytes.ts'
import { AssayError, check } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import { decodeJob, type JobSpec, MAX_JOB_BYTES } from '#proto/job.ts'
import type { ProgramBuilder } from '#runtime/building/builder.ts'
import type { ContentStore } from '#runtime/store.ts'

/** Largest data set that a coordinator takes in by default: 4 GiB. */
export const MAX_INTAKE_BYTES = 4 * 2 ** 30

/**
 * Takes in canonical job bytes.
 * @throws AssayError `over-limit`, `bad-proof` for another hash, `bad-job`, `rate-limited` while too many are looked at
 */
export async function takeSpec(
  store: ContentStore,
  builder: ProgramBuilder,
  specHash: Uint8Array,
  bytes: Uint8Array,
): Promise<JobSpec> {
  check(bytes.length <= MAX_JOB_BYTES, 'over-limit', `a job has at most ${MAX_JOB_BYTES} bytes`)
  check(bytesEqual(sha256(bytes), specHash), 'bad-proof', 'these bytes have another hash')
  const spec = decodeJob(bytes)
  await builder.check(bytes)
  store.keepSpec(bytes)
  return spec
}

/** Takes in a data set as a stream, in bounded memory. @throws AssayError `over-limit`, `bad-proof` for another root */
export async function takeData(
  store: ContentStore,
  root: Uint8Array,
  body: Readable,
  maxBytes: number,
): Promise<number> {
  if (await store.blobs.has(root)) {
    body.resume()
    return await store.blobs.size(root)
  }
  const folder = await mkdtemp(join(tmpdir(), 'assay-intake-'))
  try {
    const file = join(folder, 'data')
    let size = 0
    body.on('data', (chunk: Uint8Array) => {
      size += chunk.length
      if (size > maxBytes) body.destroy(new AssayError('over-limit', `a data set may have ${maxBytes} bytes here`))
    })
    await pipeline(body, createWriteStream(file))
    const info = await store.takeFile(file)
    if (bytesEqual(info.root, root)) return info.size
    await store.blobs.delete(info.root)
    throw new AssayError('bad-proof', `these bytes have the root ${toHex(info.root)}, not ${toHex(root)}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
