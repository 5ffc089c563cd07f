/** A grid of replicas and stages in one process: each cell has a worker thread and an engine of its own. */
import type { ExactEngineName } from '#engine/conformance/exact.ts'
import { fail } from '#proto/errors.ts'
import { encodeJob, type JobSpec } from '#proto/job.ts'
import type { HashingMethods } from '#runtime/hashing/worker.ts'
import { type CellPorts, StageRunner } from '#runtime/pipeline/runner.ts'
import type { StageMethods, StageOutline } from '#runtime/pipeline/worker.ts'
import { Calls, sharedBytes } from '#runtime/rpc.ts'
import { sliceList } from '#runtime/tensors.ts'

export interface GridPlan {
  readonly stages: number
  readonly replicas: number
  /** As `StagePlace.eager`; default 0. */
  readonly eager?: number
  /** Bytes that the engine of a cell may hold; default: any. */
  readonly limit?: number
}

export interface GridJob {
  readonly spec: JobSpec
  readonly data: Uint8Array
  readonly engine: ExactEngineName
}

/** A cell of a grid, ready to run. */
export interface GridCell {
  readonly replica: number
  readonly stage: number
  readonly compute: Calls<StageMethods>
  readonly outline: StageOutline
}

/** Of a run: who watches what. */
export type Watch = (cell: GridCell) => Pick<CellPorts, 'onSum' | 'onBorder' | 'onStep' | 'onPass'>

/** Tensors of a state by their number. */
export type State = ReadonlyMap<number, Uint8Array>

export class Grid {
  readonly plan: GridPlan
  readonly cells: readonly GridCell[]
  /** Bytes that crossed borders, of micro-batches and of what is shared. */
  readonly traffic = { transfers: 0, shares: 0, sums: 0 }
  readonly #job: GridJob
  readonly #hashing: Pick<Calls<HashingMethods>, 'call'>

  private constructor(job: GridJob, plan: GridPlan, cells: readonly GridCell[], hashing: Grid['hashing']) {
    this.#job = job
    this.plan = plan
    this.cells = cells
    this.#hashing = hashing
  }

  get hashing(): Pick<Calls<HashingMethods>, 'call'> {
    return this.#hashing
  }

  /** Starts a worker for each cell and loads `state`; undefined: that of the init graph. */
  static async open(job: GridJob, plan: GridPlan, hashing: Grid['hashing'], state?: State): Promise<Grid> {
    const encoded = encodeJob(job.spec)
    const data = sharedBytes(job.data.length)
    data.set(job.data)
    const places = Array.from({ length: plan.replicas * plan.stages }, (_, i) => ({
      replica: Math.floor(i / plan.stages),
      stage: i % plan.stages,
    }))
    const open = async ({ replica, stage }: { replica: number; stage: number }): Promise<GridCell> => {
      const compute = new Calls<StageMethods>(new URL('../../runtime/pipeline/worker.ts', import.meta.url))
      const { stages, limit } = plan
      const outline = await compute.call('open', {
        job: encoded,
        data,
        engine: job.engine,
        threads: 1,
        stages,
        stage,
        ...(limit && { limit }),
      })
      if (state) await compute.call('load', gathered(outline, state))
      else await compute.call('init', undefined)
      return { replica, stage, compute, outline }
    }
    return new Grid(job, plan, await Promise.all(places.map(open)), hashing)
  }

  /** Trains steps `first .. end-1`. */
  async train(first: number, end: number, watch: Watch = () => ({})): Promise<void> {
    const { microBatches, lanes } = this.#job.spec
    const { stages, replicas, eager = 0 } = this.plan
    const runners: StageRunner[] = []
    const runnerOf = (replica: number, stage: number): StageRunner =>
      runners[replica * stages + stage] ?? fail('internal', 'no such cell')
    // What a runner asks for when it is made is answered when all are.
    const made = Promise.withResolvers<void>()
    for (const cell of this.cells) {
      const { replica, stage, compute, outline } = cell
      const ports: CellPorts = {
        compute,
        hashing: this.#hashing,
        fetchBundle: async (name, into, signal) => {
          await made.promise
          const lease = await runnerOf(replica, name.from).offered(name, signal)
          into.set(lease.bytes)
          lease.release()
          const border = outline.borders.find(({ kind, from }) => kind === name.kind && from === name.from)
          this.traffic[name.kind === 'state' || name.kind === 'sum' ? 'shares' : 'transfers'] += border?.bytes ?? 0
        },
        fetchSum: async (name, partner, into, signal) => {
          await made.promise
          const lease = await runnerOf(partner, stage).offeredSum(name, signal)
          into.set(lease.bytes)
          lease.release()
          this.traffic.sums += into.length
        },
        ...watch(cell),
      }
      runners.push(
        new StageRunner({ replica, replicas, stage, stages, eager, microBatches, lanes }, outline, [first, end], ports),
      )
    }
    made.resolve()
    await Promise.all(
      runners.map(async (runner) => {
        try {
          await runner.run()
        } catch (error) {
          for (const each of runners) each.stop()
          throw error
        }
      }),
    )
  }

  /** The state tensors, from the stages of a replica. */
  async state(replica = 0): Promise<State> {
    const tensors = new Map<number, Uint8Array>()
    for (const { outline, compute } of this.cells.filter((cell) => cell.replica === replica)) {
      const bytes = sharedBytes(outline.stateBytes)
      await compute.call('state', bytes)
      for (const [k, slice] of sliceList(outline.statePorts, bytes).entries()) {
        tensors.set(outline.state[k] as number, slice.bytes.slice())
      }
    }
    return tensors
  }

  /** Peak bytes of the engine of each cell, by replica and then stage. */
  peaks(): Promise<number[]> {
    return Promise.all(this.cells.map(({ compute }) => compute.call('peak', undefined)))
  }

  async close(): Promise<void> {
    for (const { compute } of this.cells) {
      await compute.call('close', undefined)
      await compute.close()
    }
  }
}

/** The tensors that live in a stage, end to end, in shared memory. */
function gathered({ state, stateBytes }: StageOutline, tensors: State): Uint8Array {
  const bytes = sharedBytes(stateBytes)
  let offset = 0
  for (const id of state) {
    const tensor = tensors.get(id) ?? fail('bad-state', `the state lacks tensor ${id}`)
    bytes.set(tensor, offset)
    offset += tensor.length
  }
  return bytes
}
