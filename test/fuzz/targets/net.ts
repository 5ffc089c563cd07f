/** Decoders of net: objects, blob indexes, error frames, heads, and what servers read. */
import type { Stream } from '@libp2p/interface'
import { Packr } from 'msgpackr'
import { type BlobIndex, decodeIndex, encodeIndex } from '#net/blob-index.ts'
import { serveBlobs } from '#net/bulk.ts'
import { StreamReader } from '#net/framing.ts'
import { MemoryStore } from '#net/memory-store.ts'
import { decodeError, encodeError, readRequestHead, readResponseHead, requestHead, responseHead } from '#net/message.ts'
import { decodeObject, encodeObject, MAX_OBJECT_BYTES, serveObjects } from '#net/objects.ts'
import type { Peer } from '#net/peer.ts'
import type { Handler } from '#net/server.ts'
import { testBytes } from '#net/testing-bytes.ts'
import { bytesEqual, concatBytes, Writer } from '#proto/bytes.ts'
import { AssayError, fail } from '#proto/errors.ts'
import { FRAME_BYTES, frameHashes, rootFromFrames } from '#proto/merkle.ts'
import { manifestMatches } from '#runtime/checkpoints.ts'
import { type SeededRandom, type Target, words } from '#test/fuzz/target.ts'

const FAULTS = ['none', 'ignore', 'penalise'] as const

function aTree(random: SeededRandom, depth = 0): unknown {
  switch (random.below(depth > 3 ? 9 : 12)) {
    case 0:
      return random.u32() - 2 ** 31
    case 1:
      return random.u32() / 3
    case 2:
      return random.bool()
    case 3:
      return null
    case 4:
      return random.u64()
    case 5:
      return 'é'.repeat(random.below(40))
    case 6:
      return random.bytes(random.below(70))
    case 7:
      return new Float32Array(random.below(5))
    case 8:
      return random.u64() << BigInt(random.below(200))
    case 9:
      return Object.fromEntries(
        Array.from({ length: random.below(5) }, (_, i) => [`key${i}`, aTree(random, depth + 1)]),
      )
    default:
      return Array.from({ length: random.below(5) }, () => aTree(random, depth + 1))
  }
}

/** Roots and metrics of some steps: what evidence looks like. */
const someEvidence = (random: SeededRandom): unknown => {
  const steps = 1 + random.below(5)
  const rows = (size: number): Uint8Array[] => Array.from({ length: steps }, () => random.bytes(size))
  return { sumRoots: rows(32), metrics: rows(8) }
}

/** Lists of two references each to the one before, and a byte too many: printing what was read would not end. */
function laughs(): Uint8Array {
  let shared: unknown = [1]
  for (let i = 0; i < 40; i++) shared = [shared, shared]
  return concatBytes(new Packr({ structuredClone: true, useRecords: false }).pack(shared), Uint8Array.of(0))
}

const filled = (byte: number, ...head: readonly number[]): Uint8Array => {
  const out = new Uint8Array(MAX_OBJECT_BYTES).fill(byte)
  out.set(head)
  return out
}

const object: Target = {
  name: 'object',
  covers: ['net/objects.ts#decodeObject'],
  valid: (random) => encodeObject(random.bool() ? someEvidence(random) : aTree(random)),
  decode: decodeObject,
  encode: encodeObject,
  form: 'stable',
  // A plain -0 travels as 0.
  same: (a, b) => bytesEqual(encodeObject(a), encodeObject(b)),
  codes: ['bad-encoding', 'over-limit'],
  consequences: FAULTS,
  tokens: [
    ...[0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xca, 0xcb, 0xcf, 0xd3].map((byte) => Uint8Array.of(byte)),
    ...[0xc6, 0xc9, 0xdb, 0xdd, 0xdf].map((byte) => Uint8Array.of(byte, 0, 0, 0, 2)),
    ...[0xc6, 0xc9, 0xdb, 0xdd, 0xdf].map((byte) => Uint8Array.of(byte, 0xff, 0xff, 0xff, 0xff)),
    ...[0x42, 0x62, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, 0xff].map((type) => Uint8Array.of(0xd4, type, 0)),
    ...[0x69, 0x70].map((type) => Uint8Array.of(0xd6, type, 0, 0, 0, 1)),
    Uint8Array.of(0xa9, ...Buffer.from('__proto__')),
    Uint8Array.of(0xd5, 0x72, 0x40, 1, 0x91, 0xa1, 0x61),
  ],
  bombs: () => [
    ['references to references', laughs()],
    ['a million lists in each other', filled(0x91)],
    ['a million empty lists', filled(0x90, 0xdd, 0, 0x0f, 0xff, 0xfb)],
    ['a million empty maps', filled(0x80, 0xdd, 0, 0x0f, 0xff, 0xfb)],
    ['lists that promise four billion items', filled(0xff, 0xdd, 0xff, 0xff, 0xff, 0xff)],
    ['a big integer of a megabyte', filled(0x55, 0xc9, 0, 0x0f, 0xff, 0xfa, 0x42)],
    ['errors with their stacks', concatBytes(Uint8Array.of(0xdd, 0, 1, 0, 0), repeat([0xd4, 0x65, 0, 0x90], 65_536))],
    ['one byte too many', new Uint8Array(MAX_OBJECT_BYTES + 1)],
  ],
}

const repeat = (part: readonly number[], times: number): Uint8Array =>
  Uint8Array.from({ length: part.length * times }, (_, i) => part[i % part.length] as number)

const PORTS = [
  { name: 'a', type: { dtype: 'f32', shape: [2, 3] } },
  { name: 'b', type: { dtype: 'f32', shape: [] } },
] as const

/** A provider's answer about a state: judged, never believed unless it leads to the root. */
const manifest: Target = {
  name: 'state-manifest',
  covers: [],
  valid: (random) => encodeObject({ trees: [random.bytes(32), random.bytes(32)] }),
  decode: (bytes) => manifestMatches(PORTS, new Uint8Array(32), decodeObject(bytes)),
  codes: ['bad-encoding', 'over-limit'],
  consequences: FAULTS,
}

const BLOBS = [0, 1000, FRAME_BYTES, 3 * FRAME_BYTES + 5].map((size) => {
  const frames = frameHashes(testBytes(size))
  return { root: rootFromFrames(frames, size), index: { size, frames } }
})

/** A byte that chooses the blob, then the index that a provider sends for it. */
const blobIndex: Target<{ blob: number; index: BlobIndex }> = {
  name: 'blob-index',
  covers: ['net/blob-index.ts#decodeIndex'],
  unit: 32,
  valid: (random) => {
    const blob = random.below(BLOBS.length)
    return concatBytes(Uint8Array.of(blob), encodeIndex((BLOBS[blob] as (typeof BLOBS)[number]).index))
  },
  decode: (bytes) => {
    const blob = bytes[0] ?? 0
    const index = decodeIndex((BLOBS[blob] ?? (BLOBS[0] as (typeof BLOBS)[number])).root, bytes.subarray(1))
    return { blob, index }
  },
  encode: ({ blob, index }) => concatBytes(Uint8Array.of(blob), encodeIndex(index)),
  form: 'canonical',
  codes: ['bad-encoding', 'bad-proof'],
  consequences: FAULTS,
}

const errorFrame: Target = {
  name: 'error-frame',
  covers: ['net/message.ts#decodeError'],
  valid: (random) =>
    encodeError(new AssayError(random.pick(['stale', 'not-found', 'timeout']), 'x'.repeat(random.below(600)))),
  decode: (bytes) => decodeError('peer', bytes),
  codes: ['bad-encoding', 'over-limit'],
  consequences: FAULTS,
}

const heads: Target = {
  name: 'frame-heads',
  covers: ['net/message.ts#readRequestHead', 'net/message.ts#readResponseHead'],
  valid: (random) => (random.bool() ? requestHead(random.u32()) : responseHead(random.below(2), random.u32())),
  decode: (bytes) => (bytes.length < 5 ? readRequestHead(bytes) : readResponseHead(bytes)),
  codes: ['bad-encoding'],
  consequences: FAULTS,
}

/** A stream that hands over `parts`, one at each turn while it flows, and then ends. */
class Parts extends EventTarget {
  status = 'open'
  readStatus = 'readable'
  readableEnded = false
  readBufferLength = 0
  readonly #parts: Uint8Array[]

  constructor(parts: Uint8Array[]) {
    super()
    this.#parts = parts
  }

  pause(): void {
    this.readStatus = 'paused'
  }

  resume(): void {
    this.readStatus = 'readable'
    this.#flow()
  }

  #flow(): void {
    while (this.readStatus === 'readable' && this.#parts.length > 0) {
      const data = this.#parts.shift() as Uint8Array
      this.dispatchEvent(Object.assign(new Event('message'), { data }))
    }
    if (this.#parts.length > 0 || this.readableEnded) return
    this.readableEnded = true
    this.dispatchEvent(new Event('end'))
  }
}

const MAX_BODY = 4096

/** A request in parts: each a length byte and its bytes. Whatever the parts, the body is the same. */
const framing: Target<Uint8Array> = {
  name: 'framing',
  covers: [],
  valid: (random) => {
    const body = random.bytes(random.below(300))
    const message = concatBytes(requestHead(body.length), body)
    const parts: Uint8Array[] = []
    for (let at = 0; at < message.length; ) {
      const part = message.subarray(at, at + 1 + random.below(99))
      parts.push(Uint8Array.of(part.length), part)
      at += part.length
    }
    return concatBytes(...parts)
  },
  decode: async (bytes) => {
    const parts: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += 1 + (bytes[at] as number)) {
      const part = bytes.subarray(at + 1, at + 1 + (bytes[at] as number))
      if (part.length > 0) parts.push(part)
    }
    const whole = concatBytes(...parts)
    const reader = new StreamReader(new Parts(parts) as unknown as Stream, 60_000)
    const head = new Uint8Array(4)
    await reader.read(head)
    const size = readRequestHead(head)
    if (size > MAX_BODY) fail('over-limit', 'a request is too large')
    const body = await reader.body(size)
    await reader.end()
    if (!bytesEqual(body, whole.subarray(4))) throw new Error('the parts change the body')
    return body
  },
  codes: ['bad-encoding', 'over-limit', 'network'],
  consequences: FAULTS,
}

/** The handler that `serve` registers. */
function handlerOf(serve: (peer: Peer) => void): Handler {
  const found: Handler[] = []
  serve({ handle: (_protocol: string, handler: Handler) => void found.push(handler) } as unknown as Peer)
  return found[0] ?? fail('internal', 'nothing was registered')
}

const SIGNAL = new AbortController().signal
const served = (async () => {
  const store = new MemoryStore(2 ** 24)
  const { root } = await store.put(testBytes(2 * FRAME_BYTES + 7))
  return { root, handler: handlerOf((peer) => serveBlobs(peer, store)) }
})()
const SERVED_ROOT = (await served).root
const BLOB_HANDLER = (await served).handler

const blobRequest: Target = {
  name: 'blob-request',
  covers: [],
  valid: (random) =>
    random.bool()
      ? new Writer().u8(0).raw(SERVED_ROOT).finish()
      : new Writer().u8(1).raw(SERVED_ROOT).u32(random.below(2)).u32(1).finish(),
  decode: (bytes) => BLOB_HANDLER(bytes, 'peer', SIGNAL),
  codes: ['bad-encoding', 'over-limit', 'not-found', 'bad-input'],
  consequences: FAULTS,
  allocates: (size) => 5 * FRAME_BYTES + 64 * size,
  slowness: 4,
}

const OBJECT_HANDLER = handlerOf((peer) =>
  serveObjects(peer, (kind) => Promise.resolve(kind === 'spec' ? { bytes: new Uint8Array(9) } : undefined)),
)

const objectRequest: Target = {
  name: 'object-request',
  covers: [],
  valid: (random) => new Writer().string('spec', 64).bytes(random.bytes(32), 256).finish(),
  decode: (bytes) => OBJECT_HANDLER(bytes, 'peer', SIGNAL),
  codes: ['bad-encoding', 'over-limit', 'not-found'],
  consequences: FAULTS,
  tokens: words('spec', 'state', 'evidence', '__proto__'),
}

export const NET = [
  object,
  manifest,
  blobIndex,
  errorFrame,
  heads,
  framing,
  blobRequest,
  objectRequest,
] as readonly Target[]
