/** Heads of requests and responses and the error frame (docs/spec/network.md, "Framing"). Integers are little-endian. */
import { Reader, Writer } from '#proto/bytes.ts'
import type { AssayError } from '#proto/errors.ts'
import { MAX_ERROR_TEXT, RemoteError } from './errors.ts'

/** u32 body length. */
export const REQUEST_HEAD_BYTES = 4
/** u8 status, u32 body length. */
export const RESPONSE_HEAD_BYTES = 5

export const STATUS_OK = 0
export const STATUS_ERROR = 1

const MAX_CODE = 64
/** Largest body of an error frame: two length-prefixed strings. */
export const MAX_ERROR_BODY = 4 + MAX_CODE + 4 + MAX_ERROR_TEXT

export function requestHead(size: number): Uint8Array {
  return new Writer().u32(size).finish()
}

export function responseHead(status: number, size: number): Uint8Array {
  return new Writer().u8(status).u32(size).finish()
}

export function readRequestHead(head: Uint8Array): number {
  return new Reader(head).u32()
}

export function readResponseHead(head: Uint8Array): { status: number; size: number } {
  const reader = new Reader(head)
  return { status: reader.u8(), size: reader.u32() }
}

/** The code and the message, cut to the limit at a character boundary; causes and stacks stay here. */
export function encodeError(error: AssayError): Uint8Array {
  const text = new Uint8Array(MAX_ERROR_TEXT)
  const { written } = new TextEncoder().encodeInto(error.message.toWellFormed(), text)
  return new Writer().string(error.code, MAX_CODE).bytes(text.subarray(0, written), MAX_ERROR_TEXT).finish()
}

/** The error that `peer` sent. Throws `bad-encoding` or `over-limit` for a malformed frame. */
export function decodeError(peer: string, body: Uint8Array): RemoteError {
  const reader = new Reader(body)
  const code = reader.string(MAX_CODE)
  const message = reader.string(MAX_ERROR_TEXT)
  reader.end()
  return new RemoteError(peer, code, message)
}
