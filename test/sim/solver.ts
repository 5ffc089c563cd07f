/**
 * A solver's process without its threads and sockets: the real cell runner and database over an engine, a disk and a
 * network that the simulation owns.
 */

import { toHex } from '#proto/bytes.ts'
import { type Entry, entryDigest, type SignedEntry } from '#proto/entry.ts'
import type { CellPlan } from '#proto/machines/cell.ts'
import { hashTree } from '#proto/merkle.ts'
import type { Schedule } from '#proto/windows.ts'
import type { ComputeMethods } from '#runtime/compute/worker.ts'
import { Database } from '#runtime/database.ts'
import type { HashingMethods } from '#runtime/hashing/worker.ts'
import type { Evidence } from '#runtime/judge.ts'
import type { Calls, Methods } from '#runtime/rpc.ts'
import { listRoot, rootsOf, sliceList } from '#runtime/tensors.ts'
import { type CellPorts, CellRunner } from '#solver/cell.ts'
import type { Lie } from '#solver/lies.ts'
import type { SumName } from '#solver/offers.ts'
import { type AgreedStates, earlierPoints, type StartingPoint, startingPoints } from '#solver/resume.ts'
import { now, wait } from '#test/sim/clock.ts'
import type { TrainerLike } from '#test/sim/symbolic.ts'

/** A partial sum as it travels, and the roots of what it was joined from. */
export interface SentSum {
  readonly bytes: Uint8Array
  readonly roots: readonly Uint8Array[]
}

/** What the simulation does for a solver. */
export interface SolverPorts {
  /** Lets the time pass that one call to the engine or the hasher takes; never resolves in a dead process. */
  work(): Promise<void>
  /** The partner's partial sum; undefined when it does not come. */
  fetchSum(name: SumName, partner: number): Promise<SentSum | undefined>
  /** A state from any other process; undefined if none serves it now. */
  fetchState(root: Uint8Array): Promise<Uint8Array | undefined>
  sign(entry: Entry): SignedEntry
  signed(entry: SignedEntry): void
  onError(error: unknown): void
  tamper?: Lie
}

/** As a solver's process looks for the state to start from. */
const STATE_RETRY_MS = 1_000
const RECOMPUTE_MS = 60_000

/** A place in a plan epoch. */
export type Cell = Pick<CellPlan, 'epoch' | 'replica' | 'replicas'>

/** What a process finds again after a restart. */
export class Disk {
  readonly database = new Database(':memory:')
  readonly states = new Map<string, Uint8Array>()
  readonly evidence = new Map<string, Evidence>()
}

/** A worker thread: performs its calls in their order, each after a while, on memory as it is then. */
class Station<M extends Methods> {
  readonly call: Calls<M>['call']
  #last: Promise<unknown> = Promise.resolve()

  constructor(methods: Methods, work: () => Promise<void>) {
    const call = (method: string, argument: unknown): Promise<unknown> => {
      const done = this.#last.then(work).then(() => methods[method]?.(argument))
      this.#last = done.catch(() => {})
      return done
    }
    this.call = call as Calls<M>['call']
  }
}

export class SimSolver {
  readonly disk: Disk
  readonly trainer: TrainerLike
  readonly runner: CellRunner
  /** The plan epoch of this cell. */
  epoch = 0
  readonly #job: Schedule
  readonly #jobId: Uint8Array
  readonly #ports: SolverPorts
  #start: Uint8Array | null = null

  /**
   * @param identity of the job and of the solver's account
   * @param engine the process's own
   */
  constructor(
    identity: { readonly jobId: Uint8Array; readonly account: Uint8Array },
    job: Schedule,
    engine: TrainerLike,
    disk: Disk,
    ports: SolverPorts,
  ) {
    this.disk = disk
    this.trainer = engine
    this.#job = job
    this.#jobId = identity.jobId
    this.#ports = ports
    const { state: statePorts, metrics: metricPorts } = engine.program
    const { stateBytes, sumBytes, sumPorts } = engine
    const pending = new Map<string, Uint8Array>()
    const cell: CellPorts = {
      compute: new Station<ComputeMethods>(computeMethods(engine), ports.work),
      hashing: new Station<HashingMethods>(hashingMethods(pending), ports.work),
      loadState: () => Promise.resolve(this.#start),
      fetchSum: async (name, partner, into) => {
        const sent = await ports.fetchSum(name, partner)
        if (sent) into.set(sent.bytes)
        return sent?.roots
      },
      checkpointFile: (epoch, step) => `${epoch}-${step}`,
      checkpointed: (root, _trees, file) => {
        disk.states.set(toHex(root), pending.get(file) as Uint8Array)
        pending.delete(file)
      },
      sign: async (action, evidence) => {
        const { type: _, ...claim } = action
        const entry: Entry = { ...claim, jobId: identity.jobId, solver: identity.account }
        disk.evidence.set(toHex(entryDigest(entry)), evidence)
        ports.signed(disk.database.signOnce(entry, ports.sign))
      },
      onStep: () => {},
      onError: ports.onError,
      ...(ports.tamper && { tamper: ports.tamper }),
    }
    this.runner = new CellRunner({ job, statePorts, sumPorts, metricPorts, stateBytes, sumBytes }, cell)
  }

  /**
   * Trains a cell of a new plan epoch, or goes on with it after a restart. Resolves with the step at which it starts;
   * undefined if another epoch has begun before that.
   */
  async enter(cell: Cell, agreed: AgreedStates, maxStep: () => number): Promise<number | undefined> {
    const { epoch, replica } = cell
    this.epoch = epoch
    this.runner.send({ type: 'stop' })
    const signed = this.disk.database.signedIn(this.#jobId, epoch, replica).map(({ entry }) => entry)
    const points = startingPoints(this.#job, agreed, signed)
    const found = await this.#findState(points, earlierPoints(this.#job, agreed))
    if (epoch !== this.epoch) return undefined
    const signedTo = points.at(-1)?.step ?? 0
    this.runner.start({ ...cell, fromStep: found.step, root: found.root, signedTo, maxStep: maxStep() })
    return found.step
  }

  async #findState(points: readonly StartingPoint[], earlier: readonly StartingPoint[]): Promise<StartingPoint> {
    const { epoch } = this
    const patience = now() + RECOMPUTE_MS
    for (;;) {
      for (const point of now() < patience ? points : [...points, ...earlier]) {
        const state = await this.#stateAt(point)
        if (epoch === this.epoch && state !== undefined) this.#start = state
        if (epoch !== this.epoch || state !== undefined) return point
      }
      await wait(STATE_RETRY_MS)
    }
  }

  async #stateAt({ step, root }: StartingPoint): Promise<Uint8Array | null | undefined> {
    if (step === 0 || !root) return step === 0 ? null : undefined
    return this.disk.states.get(toHex(root)) ?? (await this.#ports.fetchState(root))
  }

  /** Has no cell in this plan epoch. */
  leave(epoch: number): void {
    this.epoch = epoch
    this.runner.send({ type: 'stop' })
  }

  /** A partial sum for a partner; `past` if it will never come again, undefined when it is not there in time. */
  async offered(name: SumName, timeoutMs: number): Promise<SentSum | 'past' | undefined> {
    if (this.runner.isPast(name)) return 'past'
    const offered = await this.runner.offered(name, timeoutMs)
    if (!offered) return undefined
    const { lease, roots } = offered
    const bytes = lease.bytes.slice()
    lease.release()
    return { bytes, roots }
  }

  /** Root of the state in the engine. */
  stateRoot(): Uint8Array {
    const state = new Uint8Array(this.trainer.stateBytes)
    this.trainer.readState(state)
    return listRoot(this.trainer.program.state, state)
  }
}

/** What the compute worker does with its trainer. */
function computeMethods(trainer: TrainerLike): Methods {
  const methods: Pick<ComputeMethods, 'init' | 'load' | 'state' | 'sum' | 'setSum' | 'join' | 'update'> = {
    init: (into) => {
      trainer.init()
      trainer.readState(into)
      return listRoot(trainer.program.state, into)
    },
    load: (bytes) => trainer.loadState(bytes),
    state: (into) => trainer.readState(into),
    sum: ({ step, replica, replicas, into }) => {
      trainer.sum(step, replica, replicas)
      trainer.readSum(into)
    },
    setSum: (bytes) => trainer.writeSum(bytes),
    join: ({ other, lower, into }) => {
      trainer.join(other, lower)
      if (into) trainer.readSum(into)
    },
    update: (step) => trainer.update(step),
  }
  return methods
}

/** What the hashing worker does; files go to `files`. */
function hashingMethods(files: Map<string, Uint8Array>): Methods {
  const methods: HashingMethods = {
    root: ({ ports, bytes }) => listRoot(ports, bytes),
    checkpoint: async ({ ports, bytes, file }) => {
      files.set(file, bytes.slice())
      const roots = sliceList(ports, bytes).map(rootsOf)
      return { root: hashTree(roots.map(({ root }) => root)), trees: roots.map(({ tree }) => tree) }
    },
    keep: async ({ bytes, file }) => void files.set(file, bytes.slice()),
  }
  return methods
}
