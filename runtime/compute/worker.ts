/** Worker thread that owns an engine and one job's trainer: all heavy arithmetic of a role happens here. */
import { createExactEngine, type ExactEngineName } from '#engine/conformance/exact.ts'
import type { Engine } from '#engine/types.ts'
import { watched } from '#engine/watch.ts'
import { factsHash, factsOf } from '#pinpoint/facts.ts'
import { fail } from '#proto/errors.ts'
import { decodeJob } from '#proto/job.ts'
import { Claims, claimMethods } from '#runtime/compute/dispute.ts'
import { type Replayed, type ReplayRequest, replay } from '#runtime/compute/replay.ts'
import { Dataset } from '#runtime/dataset.ts'
import { outlineOf, type ProgramOutline, programOf } from '#runtime/program.ts'
import { beat, serveCalls } from '#runtime/rpc.ts'
import { listBytes, listRoot } from '#runtime/tensors.ts'
import { Trainer } from '#runtime/trainer.ts'

export interface OpenRequest {
  /** Canonical job bytes. */
  readonly job: Uint8Array
  /** Canonical data set bytes, in shared memory. */
  readonly data: Uint8Array
  readonly engine: ExactEngineName
  readonly threads: number
}

/** What is known of a job once it is open: the sizes that buffers need, and its program's outline. */
export interface Opened {
  readonly stateBytes: number
  readonly sumBytes: number
  readonly program: ProgramOutline
  /** Digest of what a dispute needs of the job: docs/spec/pinpoint.md, Facts. */
  readonly facts: Uint8Array
}

let engine: Engine | undefined
/** Makes the job's trainer, which compiles its kernels: a worker that only plays games needs none. */
let open: (() => Trainer) | undefined
let current: Trainer | undefined
let claims: Claims | undefined

function trainer(): Trainer {
  current ??= open?.() ?? fail('internal', 'no job is open in this worker')
  return current
}

/** The engine, with a sign of life after every kernel: a call may take minutes, a kernel does not. */
const beating = (engine: Engine): Engine =>
  watched(
    engine,
    (_, run) => {
      run()
      beat()
    },
    beat,
  )

const methods = {
  /** Builds the job's program and opens its data. */
  open: async (request: OpenRequest): Promise<Opened> => {
    await engine?.close()
    const spec = decodeJob(request.job)
    const program = programOf(spec)
    beat()
    engine = await createExactEngine(request.engine, { threads: request.threads })
    const alive = beating(engine)
    const data = new Dataset(spec.data, request.data)
    current = undefined
    open = () => new Trainer(alive, program, spec, data)
    claims = new Claims({ spec, program, data, bytes: request.data, engine: alive })
    const facts = factsHash(factsOf(spec, program))
    const sizes = {
      stateBytes: listBytes(program.state),
      sumBytes: listBytes([...program.gradients, ...program.metrics]),
    }
    return { ...sizes, program: outlineOf(program), facts }
  },

  /** Sets the state to the init graph's output; returns its root. */
  init: (into: Uint8Array): Uint8Array => {
    trainer().init()
    trainer().readState(into)
    return listRoot(trainer().program.state, into)
  },

  /** Loads a state from shared memory. */
  load: (bytes: Uint8Array): void => trainer().loadState(bytes),

  /** Copies the state to shared memory. */
  state: (into: Uint8Array): void => trainer().readState(into),

  /** Computes a replica's lane subtree of a step and copies it to shared memory. */
  sum: ({ step, replica, replicas, into }: { step: number; replica: number; replicas: number; into: Uint8Array }) => {
    trainer().sum(step, replica, replicas)
    trainer().readSum(into)
  },

  /** Replaces the current sum (a liar's change takes effect here too). */
  setSum: (bytes: Uint8Array): void => trainer().writeSum(bytes),

  /** Joins a partner's sum to the current one and copies the result to shared memory. */
  join: ({ other, lower, into }: { other: Uint8Array; lower: boolean; into: Uint8Array | undefined }): void => {
    trainer().join(other, lower)
    if (into) trainer().readSum(into)
  },

  /** Applies the optimizer; returns the step's metrics. */
  update: (step: number): Float32Array => trainer().update(step),

  /** Replays a step range from the loaded state, all replicas at once. */
  replay: (request: ReplayRequest): Replayed => replay(trainer(), request),

  close: async (): Promise<void> => {
    await engine?.close()
    engine = undefined
    open = undefined
    current = undefined
    claims = undefined
  },

  ...claimMethods(() => claims ?? fail('internal', 'no job is open in this worker')),
}

export type ComputeMethods = typeof methods

serveCalls(methods)
