/** Exit codes of the `assay` command, and how an error is told to a person. */

import { printable } from '#app/terminal/format.ts'
import { paint, type Terminal } from '#app/terminal/terminal.ts'
import { AssayError, type ErrorCode } from '#proto/errors.ts'

/** Documented in docs/cli.md; a code never changes its meaning. */
export const EXIT = {
  /** Everything that was asked for happened. */
  ok: 0,
  /** A bug: an error that this program should have foreseen. */
  internal: 1,
  /** Unknown command, option or malformed argument. */
  usage: 2,
  /** The job file or its data is wrong. */
  job: 3,
  /** This machine lacks something: an engine, a feature, disk. */
  environment: 4,
  /** Peers or the chain cannot be reached or gave no usable answer. */
  network: 5,
  /** The named job, blob or file does not exist. */
  notFound: 6,
  /** Something received does not prove what it claims, or breaks the protocol. */
  protocol: 7,
  /** The job ended, but not as wanted: disputed, voided or refunded. */
  unsettled: 8,
  /** A check was made and failed: `assay doctor`, a benchmark's threshold. */
  failedCheck: 9,
  /** Stopped by Ctrl-C (128 + SIGINT). */
  interrupted: 130,
  /** Stopped by SIGTERM (128 + SIGTERM). */
  terminated: 143,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const EXIT_OF: Record<ErrorCode, ExitCode> = {
  'bad-input': EXIT.usage,
  'bad-config': EXIT.usage,
  'bad-job': EXIT.job,
  'bad-data': EXIT.job,
  'over-limit': EXIT.job,
  'bad-graph': EXIT.job,
  'bad-plan': EXIT.job,
  'bad-shape': EXIT.job,
  'bad-program': EXIT.job,
  'not-exact': EXIT.environment,
  'no-engine': EXIT.environment,
  'worker-lost': EXIT.environment,
  storage: EXIT.environment,
  unsupported: EXIT.environment,
  network: EXIT.network,
  unavailable: EXIT.network,
  'rate-limited': EXIT.network,
  timeout: EXIT.network,
  'wrong-network': EXIT.network,
  chain: EXIT.network,
  'no-funds': EXIT.network,
  'insecure-randomness': EXIT.network,
  'not-found': EXIT.notFound,
  'bad-encoding': EXIT.protocol,
  'bad-version': EXIT.protocol,
  'bad-proof': EXIT.protocol,
  'bad-signature': EXIT.protocol,
  'bad-entry': EXIT.protocol,
  equivocation: EXIT.protocol,
  'wrong-state': EXIT.protocol,
  'bad-state': EXIT.protocol,
  stale: EXIT.protocol,
  'not-drawn': EXIT.protocol,
  cancelled: EXIT.interrupted,
  internal: EXIT.internal,
}

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof AssayError ? EXIT_OF[error.code] : EXIT.internal
}

/** What `--json` prints for an error, as the last line. */
export interface ErrorReport {
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly next?: string }
  readonly exitCode: ExitCode
}

export function errorReport(error: unknown): ErrorReport {
  const code = error instanceof AssayError ? error.code : 'internal'
  const message = error instanceof Error ? error.message : String(error)
  const next = nextStep(error)
  return { error: { code, message, ...(next ? { next } : {}) }, exitCode: exitCodeOf(error) }
}

function nextStep(error: unknown): string | undefined {
  if (error instanceof AssayError && error.code !== 'internal') return error.next
  return 'This is a bug in Assay: please report it with the output of the same command and --verbose.'
}

/**
 * Prints an error: what went wrong, its code and the next step; the stack and causes only if `verbose`. Text in messages
 * may come from files or peers, so control characters are replaced.
 */
export function printError(terminal: Terminal, error: unknown, verbose = false): void {
  const report = errorReport(error)
  const [head = '', ...rest] = printable(report.error.message, true).split('\n')
  if (report.error.code === 'cancelled') {
    terminal.write(`${head}\n`)
    return
  }
  terminal.write(`${paint(terminal, 'red', 'error')} ${head} ${paint(terminal, 'dim', `(${report.error.code})`)}\n`)
  for (const line of rest) terminal.write(`  ${line}\n`)
  if (report.error.next) terminal.write(`${paint(terminal, 'cyan', 'next')}  ${printable(report.error.next)}\n`)
  if (!verbose) return
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    terminal.write(`${depth === 0 ? '' : 'caused by '}${printable(cause.stack ?? cause.message, true)}\n`)
  }
}
