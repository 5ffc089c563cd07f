/** The one error type of the protocol: a closed code, what the user can do next, and what the network does about it. */

/**
 * Every error code, with its meaning. The list is closed: a code is added here or it does not exist.
 * Its table is in docs/spec/protocol-tables.md.
 */
export const ERROR_CODES = {
  // input
  'bad-input': 'A value given by a caller or a user is malformed or outside its documented range.',
  'bad-job': 'A job (file or canonical bytes) breaks a rule of its schema.',
  'bad-config': 'A configuration file, flag or environment variable is malformed.',
  // bytes
  'bad-encoding': 'Bytes are truncated, have trailing bytes, or are not in canonical form.',
  'over-limit': 'A size, count or length is above its stated limit.',
  'wrong-network': 'A peer belongs to another network: another chain or another contract.',
  'bad-version': 'The version of a message, job or file is not one this build speaks.',
  // commitments
  'bad-proof': 'A Merkle proof or a claimed root does not match the bytes.',
  'bad-signature': 'A signature is malformed, not canonical (high s), or by another account.',
  'bad-entry': 'An entry breaks a rule of its job: range, cell, window, epoch or continuity.',
  equivocation: 'Two different signed entries of one solver cover one range in one epoch.',
  'bad-plan': 'A plan breaks a rule of the lanes and replicas, or an action does not fit it.',
  // programs and numbers
  'bad-graph': 'A step graph fails the checker: types, order, arity or attributes.',
  'bad-shape': 'Operand shapes or dtypes do not fit a primitive.',
  'bad-program': 'An element program, kernel or encoded program is malformed.',
  'not-exact': 'This machine or engine does not reproduce the conformance vectors to the bit.',
  'no-engine': 'No engine of the wanted name can run here.',
  'worker-lost': 'A worker thread died or hung: what it was doing is lost, what was durable is not.',
  // machines
  'bad-state': 'A training state or tensor list has the wrong length, order or root.',
  'wrong-state': 'An event does not apply to the state a machine is in.',
  stale: 'A message belongs to an older plan epoch, window or step.',
  'not-drawn': 'A verdict or bid comes from somebody the seed did not draw.',
  // data and storage
  'bad-data': 'A data set is malformed, or its bytes do not match the root the job names.',
  'not-found': 'The named object, file, job or blob does not exist here.',
  unavailable: 'No peer serves a wanted object.',
  storage: 'The local store or disk failed.',
  // network and chain
  network: 'A peer closed, refused or broke a protocol exchange.',
  'rate-limited': 'A peer asked for more than its share.',
  timeout: 'An operation did not end within its stated time.',
  cancelled: 'The operation was stopped by its caller.',
  chain: 'A transaction reverted or the chain gave an unusable answer.',
  'no-funds': 'An account lacks the balance or stake an action needs.',
  'insecure-randomness': 'The chain offers no randomness source that the contract accepts.',
  // the program itself
  unsupported: 'A feature that this build or machine does not have.',
  internal: 'An invariant of the program itself is broken: please report it.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/**
 * What a receiver does about the sender of a message that raised the error: nothing (a local fault), drop the message,
 * drop it and lower the sender's score, or drop it and keep it as evidence for a slash.
 */
export type Consequence = 'none' | 'ignore' | 'penalise' | 'slash'

export interface ErrorDetail {
  /** What the user can do about it, one sentence. */
  readonly next?: string
  /** Default `none`. */
  readonly consequence?: Consequence
  readonly cause?: unknown
}

export class AssayError extends Error {
  readonly code: ErrorCode
  readonly next: string | undefined
  readonly consequence: Consequence

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.name = 'AssayError'
    this.code = code
    this.next = detail.next
    this.consequence = detail.consequence ?? 'none'
  }
}

/** Throws an `AssayError`. */
export function fail(code: ErrorCode, message: string, detail: ErrorDetail = {}): never {
  throw new AssayError(code, message, detail)
}

/** Throws unless `condition` holds. */
export function check(
  condition: boolean,
  code: ErrorCode,
  message: string,
  detail: ErrorDetail = {},
): asserts condition {
  if (!condition) throw new AssayError(code, message, detail)
}

export function isAssayError(error: unknown, code?: ErrorCode): error is AssayError {
  return error instanceof AssayError && (code === undefined || error.code === code)
}
