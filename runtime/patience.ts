/** Waiting for a disk to recover: full disks are freed by people, and the work goes on where it stood. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isAssayError } from '#proto/errors.ts'

/** Pauses between attempts, milliseconds; the last one repeats. */
const PAUSES = [500, 1_000, 2_000, 5_000, 15_000] as const

/**
 * Repeats `work` while it fails with `storage`, until `signal` ends the wait with the last failure.
 * @param onTrouble told of the first failure, and of each that follows
 */
export async function whileDiskFails<T>(
  work: () => Promise<T> | T,
  signal: AbortSignal,
  onTrouble: (error: unknown, failures: number) => void,
  pauses: readonly number[] = PAUSES,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await work()
    } catch (error) {
      if (!isAssayError(error, 'storage') || signal.aborted) throw error
      onTrouble(error, failures + 1)
      const pause = pauses[Math.min(failures, pauses.length - 1)]
      await sleep(pause, undefined, { signal }).catch(() => {
        throw error
      })
    }
  }
}
