/** Waiting under an abort signal. */
import { check } from '#proto/errors.ts'

/** Largest delay that a timer takes, milliseconds; a larger one would fire at once. */
const MAX_TIMEOUT_MS = 0x7fffffff

/** Throws `bad-input` unless `ms` is a positive delay that a timer takes. */
export function checkTimeout(ms: number): void {
  check(ms > 0 && ms <= MAX_TIMEOUT_MS, 'bad-input', `${ms} ms is not a time-out`)
}

/** `promise`, or a rejection with the signal's reason as soon as it aborts. */
export function aborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
