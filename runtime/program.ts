/** The program of a job, proven to be the one that its spec names. */
import { programRoot } from '#graph/encode.ts'
import { buildProgram } from '#graph/program.ts'
import type { Port, Program } from '#graph/types.ts'
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

/** What the threads that do not compute need to know of a program. Whole programs stay in the worker that built them. */
export interface ProgramOutline {
  readonly state: readonly Port[]
  readonly gradients: readonly Port[]
  readonly metrics: readonly Port[]
  /** Of the micro graph: how many inputs and nodes it has. */
  readonly micro: { readonly inputs: { readonly length: number }; readonly nodes: { readonly length: number } }
}

export function outlineOf({ state, gradients, metrics, micro }: Program): ProgramOutline {
  const { inputs, nodes } = micro
  return {
    state,
    gradients,
    metrics,
    micro: { inputs: { length: inputs.length }, nodes: { length: nodes.length } },
  }
}
