/** Worker thread that owns an engine and one cell of a pipeline: the arithmetic of a replica's stage happens here. */
import { createExactEngine, type ExactEngineName } from '#engine/conformance/exact.ts'
import type { Engine } from '#engine/types.ts'
import { watched } from '#engine/watch.ts'
import { partition } from '#graph/partition/plan.ts'
import type { Port } from '#graph/types.ts'
import { check, fail } from '#proto/errors.ts'
import { decodeJob } from '#proto/job.ts'
import { Dataset } from '#runtime/dataset.ts'
import { Feed } from '#runtime/feed.ts'
import { programOf } from '#runtime/program.ts'
import { beat, serveCalls } from '#runtime/rpc.ts'
import { listBytes } from '#runtime/tensors.ts'
import { type Border, bordersOf } from './bundles.ts'
import { type Bundle, giveShared, type PassRequest, runPass, takeShared } from './cell.ts'
import { StageTrainer } from './stage.ts'

export interface OpenStage {
  /** Canonical job bytes. */
  readonly job: Uint8Array
  /** Canonical data set bytes, in shared memory. */
  readonly data: Uint8Array
  readonly engine: ExactEngineName
  readonly threads: number
  readonly stages: number
  /** As in `PartitionOptions`; default balanced. */
  readonly cuts?: readonly number[]
  readonly stage: number
  /** Bytes that the engine may hold: what takes more is refused with `over-limit`. Default: any. */
  readonly limit?: number
}

/** What the threads that do not compute know of a stage. Numbers of tensors are those of the uncut program. */
export interface StageOutline {
  /** Of all borders of this stage, in and out. */
  readonly borders: readonly Border[]
  /** Tensors that live here, by number and type; bytes of all of them. */
  readonly state: readonly number[]
  readonly statePorts: readonly Port[]
  readonly stateBytes: number
  /** Sums that are computed here. */
  readonly sumPorts: readonly Port[]
  readonly sumBytes: number
}

let engine: Engine | undefined
let limit = Number.POSITIVE_INFINITY
let cell: { readonly stage: StageTrainer; readonly feed: Feed } | undefined

/** @throws over-limit once the engine has held more than this cell may */
function checkMemory(): void {
  const peak = engine?.peak() ?? 0
  check(peak <= limit, 'over-limit', `this cell has needed ${peak} bytes where ${limit} are allowed`, {
    next: 'Cut the program into more stages, or recompute activations.',
  })
}

const opened = (): NonNullable<typeof cell> => cell ?? fail('internal', 'no stage is open in this worker')

const methods = {
  /** Builds the job's program, cuts it, and opens one stage of it. @throws bad-plan, bad-job, bad-data; later over-limit */
  open: async (request: OpenStage): Promise<StageOutline> => {
    await methods.close()
    const spec = decodeJob(request.job)
    const program = programOf(spec)
    const plan = partition(program, request.stages, request.cuts ? { cuts: request.cuts } : {})
    beat()
    engine = await createExactEngine(request.engine, { threads: request.threads })
    limit = request.limit ?? Number.POSITIVE_INFINITY
    const alive = watched(
      engine,
      (_, run) => {
        run()
        checkMemory()
        beat()
      },
      beat,
    )
    const stage = new StageTrainer(alive, program, plan, request.stage)
    cell = { stage, feed: new Feed(spec, program, new Dataset(spec.data, request.data)) }
    const { statePorts, sumPorts } = stage
    return {
      borders: bordersOf(program, plan).filter(({ from, to }) => from === request.stage || to === request.stage),
      ...{ state: stage.stage.state, statePorts, stateBytes: listBytes(statePorts) },
      ...{ sumPorts, sumBytes: listBytes(sumPorts) },
    }
  },

  /** Sets the tensors that live here to what the init graph gives. */
  init: (): void => opened().stage.init(opened().feed.seeds.init),

  /** Replaces them; nothing is left of a step that was under way. */
  load: (bytes: Uint8Array): void => opened().stage.load(bytes),

  /** Copies them to shared memory. */
  state: (into: Uint8Array): void => opened().stage.readState(into),

  /** Takes in what other stages share. */
  take: (bundles: readonly Bundle[]): void => {
    for (const bundle of bundles) takeShared(opened().stage, bundle)
  },

  /** Fills in what other stages need of this one's state or sums. */
  give: (bundles: readonly Bundle[]): void => {
    for (const bundle of bundles) giveShared(opened().stage, bundle)
  },

  /** Runs a pass. Returns the processor time of this thread that it took, in microseconds. */
  pass: (request: PassRequest): number => {
    const before = process.threadCpuUsage()
    runPass(opened().stage, opened().feed, request)
    const { user, system } = process.threadCpuUsage(before)
    return user + system
  },

  /** Copies the current sum to shared memory. */
  sum: (into: Uint8Array): void => opened().stage.readSum(into),

  /** Joins another replica's sum of this stage to the current one. */
  join: ({ other, lower }: { other: Uint8Array; lower: boolean }): void => opened().stage.join(other, lower),

  /** Applies the optimizer to the tensors that live here; returns the step's metrics that are computed here. */
  update: (step: number): Float32Array => opened().stage.update(step),

  /** Most bytes that the engine has held. */
  peak: (): number => engine?.peak() ?? 0,

  close: async (): Promise<void> => {
    await engine?.close()
    engine = undefined
    cell = undefined
  },
}

export type StageMethods = typeof methods

serveCalls(methods)
