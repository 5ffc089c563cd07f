/** Errors of the network: what a remote peer answered, and what libp2p threw, as `AssayError`. */
import { AssayError, ERROR_CODES, type ErrorCode } from '#proto/errors.ts'

/** Longest message that travels in an error frame, in UTF-8 bytes. */
export const MAX_ERROR_TEXT = 512

/** The remote peer refused or failed a request; `code` is the code it sent, or `network` for one unknown here. */
export class RemoteError extends AssayError {
  readonly peer: string

  constructor(peer: string, code: string, message: string) {
    super(Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'network', `peer ${peer}: ${printable(message)}`)
    this.name = 'RemoteError'
    this.peer = peer
  }
}

/** Without control characters, so that a peer cannot write to a terminal or forge a log line. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ').slice(0, MAX_ERROR_TEXT)
}

/** `error` as an `AssayError`: itself, or by the name libp2p gave it. */
export function networkError(error: unknown, context: string): AssayError {
  if (error instanceof AssayError) return error
  const name = error instanceof Error ? error.name : ''
  const text = error instanceof Error ? error.message : String(error)
  const code: ErrorCode =
    name === 'TimeoutError' ? 'timeout' : name === 'UnsupportedProtocolError' ? 'unsupported' : 'network'
  return new AssayError(code, `${context}: ${printable(text)}`, { cause: error })
}

/** What `run` returns; an error that blames nobody so far is one to penalise: it comes of what a peer sent. */
export function blamed<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof AssayError) || error.consequence !== 'none') throw error
    const next = error.next === undefined ? {} : { next: error.next }
    throw new AssayError(error.code, error.message, { ...next, consequence: 'penalise', cause: error })
  }
}
