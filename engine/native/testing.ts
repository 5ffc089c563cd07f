/** The host for tests, or why there is none. */
import { isAssayError } from '#proto/errors.ts'
import { type Host, openHost } from './host.ts'

export interface Gate {
  readonly host: Host | undefined
  /** For names of tests: empty, or the reason why they are skipped. */
  readonly why: string
}

/** Opens the host; where native code cannot run, tests are skipped and say so. */
export async function gate(): Promise<Gate> {
  try {
    return { host: await openHost(), why: '' }
  } catch (error) {
    if (!isAssayError(error, 'no-engine')) throw error
    return { host: undefined, why: ` (skipped: ${error.message})` }
  }
}
