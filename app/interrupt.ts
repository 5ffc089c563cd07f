/** Ctrl-C and SIGTERM as an AbortSignal: the first asks for an orderly end, the second ends at once. */
import { EXIT } from '#app/exit.ts'

const CODES = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated } as const
type StopSignal = keyof typeof CODES

/**
 * One Ctrl-C may arrive twice: from the terminal, and passed on by a parent that cannot know that. Whoever insists does so
 * later than this, in milliseconds.
 */
const ECHO_MS = 1_000

let received: StopSignal | undefined
let receivedAt = 0

/** Exit code of the signal that was received, if one was. */
export function interruptedCode(): number | undefined {
  return received === undefined ? undefined : CODES[received]
}

/** Runs `work` with a signal that is aborted by SIGINT or SIGTERM; the handlers are gone afterwards. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const stop = (signal: StopSignal): void => {
    if (received !== undefined) {
      if (performance.now() - receivedAt < ECHO_MS) return
      process.exit(CODES[received])
    }
    received = signal
    receivedAt = performance.now()
    controller.abort()
  }
  for (const signal of Object.keys(CODES) as StopSignal[]) process.on(signal, stop)
  try {
    return await work(controller.signal)
  } finally {
    for (const signal of Object.keys(CODES) as StopSignal[]) process.off(signal, stop)
  }
}
