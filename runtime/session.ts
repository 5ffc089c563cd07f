/** An open job: its spec, program and data, brought and proven. */

import type { ExactEngineName } from '#engine/conformance/exact.ts'
import { fromHex, to0x } from '#proto/bytes.ts'
import { check } from '#proto/errors.ts'
import { decodeJob, type JobSpec } from '#proto/job.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import type { ComputeMethods } from '#runtime/compute/worker.ts'
import type { HashingMethods } from '#runtime/hashing/worker.ts'
import type { ProgramOutline } from '#runtime/program.ts'
import { Calls } from '#runtime/rpc.ts'
import type { ContentStore } from '#runtime/store.ts'

export interface EngineChoice {
  readonly engine: ExactEngineName
  readonly threads: number
}

/** A job with a worker thread that computes it. */
export interface JobSession {
  readonly jobId: Hex
  readonly spec: JobSpec
  readonly program: ProgramOutline
  readonly compute: Pick<Calls<ComputeMethods>, 'call'>
  readonly stateBytes: number
  readonly sumBytes: number
  /** Aborted when the worker thread is gone; absent where there is none that could die. */
  readonly lost?: AbortSignal
  close(): Promise<void>
}

/** What a role has its heavy work done by: worker threads, or a simulation's stand-ins for them. */
export interface Workers {
  /** Opens a job for training or replay. @throws AssayError `unavailable`, `bad-job`, `bad-data` */
  open(job: JobView): Promise<JobSession>
  /** Hashes beside the training. */
  hashing(): Pick<Calls<HashingMethods>, 'call' | 'close'>
}

/** Worker threads of this process. */
export function workerThreads(store: ContentStore, choice: EngineChoice, signal: AbortSignal): Workers {
  return {
    open: (job) => openSession(store, job, choice, signal),
    hashing: () => new Calls<HashingMethods>(new URL('./hashing/worker.ts', import.meta.url)),
  }
}

/** Throws `bad-job` unless the chain's terms say of a job what its spec says: a submitter may have registered anything. */
function checkTerms(spec: JobSpec, { terms }: JobView): void {
  const same =
    terms.programRoot === to0x(spec.programRoot) &&
    terms.dataRoot === to0x(spec.data.root) &&
    terms.steps === spec.steps &&
    terms.entrySteps === spec.entrySteps &&
    terms.entriesPerWindow === spec.entriesPerWindow &&
    terms.replicas === spec.replicas &&
    terms.depth === spec.depth &&
    terms.sampleRate === spec.policy.sampleRate
  check(same, 'bad-job', 'the chain registered other terms than the job states')
}

/** Brings the spec and data of a job and opens it in a worker thread. @throws AssayError `unavailable`, `bad-job`, `bad-data` */
async function openSession(
  store: ContentStore,
  job: JobView,
  choice: EngineChoice,
  signal: AbortSignal,
): Promise<JobSession> {
  const bytes = await store.spec(fromHex(job.terms.specHash, 32), signal)
  const spec = decodeJob(bytes)
  checkTerms(spec, job)
  const data = await store.data(spec, signal)
  const compute = new Calls<ComputeMethods>(new URL('./compute/worker.ts', import.meta.url))
  try {
    const { facts, ...opened } = await compute.call('open', { job: bytes, data, ...choice })
    check(job.terms.factsHash === to0x(facts), 'bad-job', 'the chain registered other facts than those of the job')
    return { jobId: job.jobId, spec, compute, ...opened, lost: compute.lost, close: () => compute.close() }
  } catch (error) {
    await compute.close()
    throw error
  }
}

/** Sessions by job: opened when first needed, opened anew when their worker is lost, closed when the job ends. */
export class Sessions {
  readonly #open: (job: JobView) => Promise<JobSession>
  readonly #sessions = new Map<Hex, Promise<JobSession>>()

  constructor(open: (job: JobView) => Promise<JobSession>) {
    this.#open = open
  }

  /** The job's session; a failed opening is tried again by the next call. */
  of(job: JobView): Promise<JobSession> {
    const known = this.#sessions.get(job.jobId)
    if (known) return known
    const session = this.#open(job)
    this.#sessions.set(job.jobId, session)
    const forget = (): void => {
      if (this.#sessions.get(job.jobId) === session) this.#sessions.delete(job.jobId)
    }
    session.then((open) => open.lost?.addEventListener('abort', forget), forget)
    return session
  }

  async close(jobId: Hex): Promise<void> {
    const session = this.#sessions.get(jobId)
    this.#sessions.delete(jobId)
    await session?.then((open) => open.close()).catch(() => {})
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((jobId) => this.close(jobId)))
  }
}
