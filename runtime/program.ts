/** The program of a job, proven to be the one that its spec names. */
import { programRoot } from '#graph/encode.ts'
import { buildProgram } from '#graph/program.ts'
import type { Program } from '#graph/types.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { check } from '#proto/errors.ts'
import type { JobSpec } from '#proto/job.ts'

/** Builds the program of `spec`. @throws AssayError `bad-job` if its root is not the one that the spec names */
export function programOf(spec: JobSpec): Program {
  const program = buildProgram(spec)
  check(bytesEqual(programRoot(program), spec.programRoot), 'bad-job', 'the job names another program root', {
    next: 'It was made by another version of the graph builder: use the same version of Assay.',
  })
  return program
}
