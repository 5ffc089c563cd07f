/** What every long-running process shares: a log, one orderly end, and a line that says it is ready. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Logger, pino } from 'pino'
import { isAssayError } from '#proto/errors.ts'

export type { Logger }

export interface Shell {
  readonly log: Logger
  /** Aborted when the process is told to stop. */
  readonly signal: AbortSignal
  /** Ends the process in order, as SIGTERM does, with exit code 0. */
  stop(): void
  /** Registers something to close when the role has come to rest; the last one registered is closed first. */
  onStop(close: () => Promise<void> | void): void
  /** Prints the ready line `{"event":"ready", ...}` for whoever started this process. */
  ready(details: Record<string, unknown>): void
}

/** How long an orderly end may take before the process ends anyway, in milliseconds. */
const STOP_MS = 4_000
/** How long of it the role has to finish what it is writing, before what it uses is closed. */
const REST_MS = 2_000

/** Fields that never reach a log, should anybody ever hand them over: on the line itself, and one level down. */
const SECRETS = ['privateKey', 'peerKey', 'secret', 'mnemonic', 'passphrase', 'password', 'salt']
const HIDDEN = { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[hidden]' }

/**
 * libp2p writes from timers and microtasks, where nobody can catch what it throws when the connection has just closed
 * (https://github.com/libp2p/js-libp2p/issues/3415). The stream is lost then, and whoever uses it hears of that.
 */
const isLateWrite = (error: Error): boolean => error.name === 'StreamStateError'

/**
 * Runs a role until it is told to stop: SIGTERM, SIGINT, or the end of standard input if `--attached` started it from a
 * parent that may die. An error that nobody handled is logged and ends the process with exit code 1.
 */
export async function runShell(name: string, attached: boolean, main: (shell: Shell) => Promise<void>): Promise<void> {
  const level = process.env.ASSAY_LOG ?? 'info'
  const log = pino({ name, level, redact: HIDDEN }, pino.destination({ dest: 2, sync: true }))
  const controller = new AbortController()
  const closers: (() => Promise<void> | void)[] = []
  let running: Promise<void> = Promise.resolve()
  const stop = async (code: number): Promise<never> => {
    setTimeout(() => process.exit(code || 1), STOP_MS).unref()
    await Promise.race([running, sleep(REST_MS, undefined, { ref: false })])
    for (const close of closers.reverse()) {
      try {
        await close()
      } catch (error) {
        log.warn({ error: String(error) }, 'while stopping')
      }
    }
    process.exit(code)
  }
  const once = (code: number): void => {
    if (controller.signal.aborted) return
    controller.abort()
    void stop(code)
  }
  process.once('SIGTERM', () => once(0))
  process.once('SIGINT', () => once(0))
  process.on('uncaughtException', (error) => {
    if (isLateWrite(error)) return log.debug({ error: error.message }, 'a connection closed under a write')
    log.fatal({ error: error.stack }, 'unhandled error')
    once(1)
  })
  if (attached) {
    process.stdin.on('end', () => once(0))
    process.stdin.on('error', () => once(0))
    process.stdin.resume()
  }
  const work = main({
    log,
    signal: controller.signal,
    stop: () => once(0),
    onStop: (close) => void closers.push(close),
    ready: (details) => void process.stdout.write(`${JSON.stringify({ event: 'ready', ...details })}\n`),
  })
  running = work.catch(() => {})
  try {
    await work
  } catch (error) {
    const next = isAssayError(error) ? error.next : undefined
    log.fatal({ error: error instanceof Error ? error.message : String(error), next }, 'cannot go on')
    once(1)
  }
}
