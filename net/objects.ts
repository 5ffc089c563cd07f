/**
 * `/assay/object/1`: small structures by kind and key, encoded with msgpackr and judged by the caller before they are
 * believed (docs/spec/network.md, "Objects").
 */
import { Packr } from 'msgpackr'
import { Reader, Writer } from '#proto/bytes.ts'
import { AssayError, check, isAssayError } from '#proto/errors.ts'
import { blamed, RemoteError } from './errors.ts'
import type { Peer } from './peer.ts'
import { checkPlain } from './plain.ts'

export const OBJECT_PROTOCOL = '/assay/object/1'
/** Encoded size of an object. */
export const MAX_OBJECT_BYTES = 2 ** 20
const MAX_KIND = 64
const MAX_KEY = 256
const MAX_CONCURRENT = 64
const ANSWER_MS = 30_000
const REQUEST_MS = 30_000

/** Plain maps: an encoding that needs no shared table of structures. Typed arrays keep their type. */
const packr = new Packr({ moreTypes: true, useRecords: false })

/**
 * Encodes a tree of plain objects, arrays, numbers, strings, bigints and typed arrays. A plain -0 travels as 0:
 * numbers whose bits matter belong in a typed array. Throws `over-limit`, or `bad-input` for what has no encoding.
 */
export function encodeObject(value: unknown): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = packr.pack(value)
    if (bytes.length <= MAX_OBJECT_BYTES) checkPlain(bytes)
  } catch (cause) {
    throw new AssayError('bad-input', 'the object holds something that does not travel', { cause })
  }
  check(bytes.length <= MAX_OBJECT_BYTES, 'over-limit', `an object of ${bytes.length} bytes is above 1 MiB`, {
    next: 'Serve large content as a blob and let the object name its root.',
  })
  return bytes
}

/**
 * The structure in `bytes`, of any shape: check it before use. It is a tree of plain values; its memory is bounded by
 * its size and at most 65,536 values. Throws `over-limit` or `bad-encoding`.
 */
export function decodeObject(bytes: Uint8Array): unknown {
  check(bytes.length <= MAX_OBJECT_BYTES, 'over-limit', `an object of ${bytes.length} bytes is above 1 MiB`)
  checkPlain(bytes)
  try {
    return packr.unpack(bytes)
  } catch (cause) {
    throw new AssayError('bad-encoding', 'malformed object', { cause })
  }
}

/** What a peer has under a key of a kind; undefined is answered `not-found`. */
export type Lookup = (kind: string, key: Uint8Array, from: string) => Promise<unknown>

/** Throws `bad-encoding` or `over-limit`. */
function decodeQuestion(request: Uint8Array): { kind: string; key: Uint8Array } {
  const reader = new Reader(request)
  const kind = reader.string(MAX_KIND)
  const key = reader.bytes(MAX_KEY)
  reader.end()
  return { kind, key }
}

/** Answers object requests. Call once a peer. */
export function serveObjects(peer: Peer, lookup: Lookup): void {
  peer.handle(
    OBJECT_PROTOCOL,
    async (request, from) => {
      const { kind, key } = blamed(() => decodeQuestion(request))
      const value = await lookup(kind, key, from)
      check(value !== undefined, 'not-found', 'no such object here')
      return encodeObject(value)
    },
    { maxRequest: 4 + MAX_KIND + 4 + MAX_KEY, maxConcurrent: MAX_CONCURRENT, timeoutMs: ANSWER_MS },
  )
}

export interface ObjectOptions<T> {
  /** Whether `value` has the right shape and is what the key stands for; may throw an `AssayError` to say why not. */
  readonly verify: ((value: unknown) => value is T) | ((value: unknown) => boolean)
  /** For one provider, milliseconds. Default 30 s. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Told of a provider whose object did not decode or verify. */
  readonly onFault?: (provider: string, error: AssayError) => void
}

/**
 * The object under `key`, from the first of `providers` (asked in order) that sends one which verifies.
 * Throws `unavailable` when none does (its cause is the last error), `cancelled` when stopped.
 */
export async function fetchObject<T = unknown>(
  peer: Peer,
  providers: readonly string[],
  kind: string,
  key: Uint8Array,
  options: ObjectOptions<T>,
): Promise<T> {
  const request = new Writer().string(kind, MAX_KIND).bytes(key, MAX_KEY).finish()
  const { timeoutMs = REQUEST_MS, signal, verify, onFault } = options
  let last: AssayError | undefined
  for (const provider of providers) {
    if (provider === peer.id) continue
    try {
      const bytes = await peer.request(provider, OBJECT_PROTOCOL, request, {
        maxResponse: MAX_OBJECT_BYTES,
        timeoutMs,
        ...(signal === undefined ? {} : { signal }),
      })
      const value = decodeObject(bytes)
      if (verify(value)) return value as T
      throw new AssayError('bad-proof', `the ${kind} sent is not the one asked for`)
    } catch (error) {
      if (!isAssayError(error) || error.code === 'cancelled') throw error
      last = error
      if (isFault(error)) {
        peer.penalise(provider, 'object', `${kind}: ${error.message}`)
        onFault?.(provider, error)
      }
    }
  }
  throw new AssayError('unavailable', `none of ${providers.length} providers has the ${kind}`, { cause: last })
}

/** Whether the provider sent something false, rather than failed or refused to send. */
function isFault(error: AssayError): boolean {
  return !(error instanceof RemoteError) && error.code.startsWith('bad-')
}
