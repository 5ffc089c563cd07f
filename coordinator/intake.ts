/** Intake of a job: its spec and data set are taken in only if they are what their hashes say and fit together. */
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { bytesEqual } from '#proto/bytes.ts'
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

/** Uploads at once: each may fill the disk by a data set before the quota looks at it. */
const MAX_UPLOADS = 8
let uploads = 0

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
  check(uploads < MAX_UPLOADS, 'rate-limited', `${uploads} data sets are being taken in already`, {
    next: 'Try again when they are here.',
  })
  uploads++
  const folder = join(tmpdir(), `assay-intake-${randomUUID()}`)
  try {
    await mkdir(folder, { mode: 0o700 })
    const file = join(folder, 'data')
    let size = 0
    body.on('data', (chunk: Uint8Array) => {
      size += chunk.length
      if (size > maxBytes) body.destroy(new AssayError('over-limit', `a data set may have ${maxBytes} bytes here`))
    })
    await pipeline(body, createWriteStream(file))
    return (await store.takeFile(file, root)).size
  } finally {
    uploads--
    await rm(folder, { recursive: true, force: true })
  }
}
