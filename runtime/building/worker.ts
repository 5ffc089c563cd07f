/** Worker thread that builds the programs of jobs that somebody offers: whoever takes them in stays responsive. */
import { decodeJob } from '#proto/job.ts'
import { programOf } from '#runtime/program.ts'
import { serveCalls } from '#runtime/rpc.ts'

const methods = {
  /** Builds the program of canonical job bytes. @throws AssayError `bad-job` if it is not the one that the job names */
  build: (job: Uint8Array): void => void programOf(decodeJob(job)),
}

export type BuildingMethods = typeof methods

serveCalls(methods)
