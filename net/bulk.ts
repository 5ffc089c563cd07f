/**
 * `/assay/blob/1`: content-addressed blobs between peers (docs/spec/network.md, "Blobs").
 *
 * A fetch first takes the index, proves it against the root, and then pulls runs of frames from several providers at
 * once; every frame is checked on arrival, so the provider of a wrong one is known.
 */
import { Reader, Writer } from '#proto/bytes.ts'
import { AssayError, check } from '#proto/errors.ts'
import { HASH_BYTES } from '#proto/hash.ts'
import { FRAME_BYTES } from '#proto/merkle.ts'
import { type BlobIndex, checkFrame, decodeIndex, encodeIndex, frameSize, indexBytes } from './blob-index.ts'
import { blamed } from './errors.ts'
import type { Peer } from './peer.ts'
import type { BlobStore } from './store.ts'

export const BLOB_PROTOCOL = '/assay/blob/1'

const ASK_INDEX = 0
const ASK_FRAMES = 1
/** Frames of one response at most: what a server holds in memory for a request. */
export const MAX_RUN = 16
const LENGTH_BYTES = 4
/** Blob requests of all peers answered at once. */
const MAX_CONCURRENT = 64
const ANSWER_MS = 30_000

type Source = Pick<BlobStore, 'has' | 'index' | 'readFrame'>

/** Answers blob requests of all peers from the first of `stores` that has the blob. Call once a peer. */
export function serveBlobs(peer: Peer, ...stores: readonly Source[]): void {
  peer.handle(BLOB_PROTOCOL, (request) => answer(stores, request), {
    maxRequest: 1 + HASH_BYTES + 8,
    maxConcurrent: MAX_CONCURRENT,
    timeoutMs: ANSWER_MS,
  })
}

/** What is asked: the index where there is no `run`. */
interface Question {
  readonly root: Uint8Array
  readonly run: Run | undefined
}

/** Throws `bad-encoding` or `over-limit`. */
function decodeQuestion(request: Uint8Array): Question {
  const reader = new Reader(request)
  const kind = reader.u8()
  const root = reader.raw(HASH_BYTES)
  check(kind === ASK_INDEX || kind === ASK_FRAMES, 'bad-encoding', `${kind} is not a blob request`)
  const run = kind === ASK_FRAMES ? { first: reader.u32(), count: reader.u32() } : undefined
  reader.end()
  if (run) check(run.count > 0 && run.count <= MAX_RUN, 'over-limit', `${run.count} frames at once, at most ${MAX_RUN}`)
  return { root, run }
}

async function answer(stores: readonly Source[], request: Uint8Array): Promise<Uint8Array[]> {
  const { root, run } = blamed(() => decodeQuestion(request))
  const store = await holder(stores, root)
  if (run === undefined) {
    const index = await store.index(root)
    const encoded = encodeIndex(index)
    return [new Writer().u32(encoded.length).finish(), encoded, await store.readFrame(root, index.frames.length - 1)]
  }
  const frames: Uint8Array[] = []
  for (let i = 0; i < run.count; i++) frames.push(await store.readFrame(root, run.first + i))
  return frames
}

async function holder(stores: readonly Source[], root: Uint8Array): Promise<Source> {
  for (const store of stores) if (await store.has(root)) return store
  throw new AssayError('not-found', 'no such blob here')
}

export interface AskOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * The index of a blob and its last frame, both proven: the hashes lead to `root`, and the last frame shows the size.
 * Throws `over-limit` above `maxSize`, `bad-proof` or `bad-encoding` for a false answer, else what `request` throws.
 */
export async function askIndex(
  peer: Peer,
  provider: string,
  root: Uint8Array,
  maxSize: number,
  options: AskOptions,
): Promise<{ index: BlobIndex; last: Uint8Array }> {
  const request = new Writer().u8(ASK_INDEX).fixed(root, HASH_BYTES).finish()
  const longest = indexBytes(maxSize)
  const body = await peer.request(provider, BLOB_PROTOCOL, request, {
    maxResponse: LENGTH_BYTES + longest + FRAME_BYTES,
    ...options,
  })
  const reader = new Reader(body)
  const index = decodeIndex(root, reader.bytes(longest))
  check(index.size <= maxSize, 'over-limit', `a blob of ${index.size} bytes is above ${maxSize}`)
  const last = reader.raw(reader.remaining)
  checkFrame(index, index.frames.length - 1, last)
  return { index, last }
}

/** Consecutive frames. */
export interface Run {
  readonly first: number
  readonly count: number
}

/** The frames of `run`, not yet checked: neither their content nor their length. */
export async function askFrames(
  peer: Peer,
  provider: string,
  root: Uint8Array,
  index: BlobIndex,
  { first, count }: Run,
  options: AskOptions,
): Promise<Uint8Array[]> {
  const request = new Writer().u8(ASK_FRAMES).fixed(root, HASH_BYTES).u32(first).u32(count).finish()
  const size = (count - 1) * FRAME_BYTES + frameSize(index, first + count - 1)
  const body = await peer.request(provider, BLOB_PROTOCOL, request, { maxResponse: size, ...options })
  const frames: Uint8Array[] = []
  for (let i = 0; i < count; i++) frames.push(body.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES))
  return frames
}
