/** Worker threads of a simulated process: the calls of the real ones, answered by a symbolic engine after a while. */
import type { Program } from '#graph/types.ts'
import type { JobSpec } from '#proto/job.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { hashTree } from '#proto/merkle.ts'
import type { ClaimMethods } from '#runtime/compute/dispute.ts'
import { type ReplayRequest, replay } from '#runtime/compute/replay.ts'
import type { ComputeMethods } from '#runtime/compute/worker.ts'
import type { HashingMethods } from '#runtime/hashing/worker.ts'
import type { Calls, Methods } from '#runtime/rpc.ts'
import type { JobSession, Workers } from '#runtime/session.ts'
import { listRoot, rootsOf, sliceList } from '#runtime/tensors.ts'
import type { Trainer } from '#runtime/trainer.ts'
import type { Lie } from '#solver/lies.ts'
import { SymbolicTrainer } from '#test/sim/symbolic.ts'
import type { Disk } from '#test/sim/world/disk.ts'

/** What an engine computes, for whoever counts lost work. */
export type Computed = (step: number, replica: number, replicas: number) => void

export interface WorkerPorts {
  /** Lets the time pass that one call takes. */
  work(): Promise<void>
  /** Lets the time pass that a file takes until it is durable. */
  sync(): Promise<void>
  computed: Computed
  /** An engine that cheats. */
  readonly lie?: Lie | undefined
}

/** As many nodes as a proof of replay may ask for. */
const NODES = 5

export function symbolicWorkers(spec: JobSpec, lanes: number, disk: Disk, ports: WorkerPorts): Workers {
  return {
    open: (job) => Promise.resolve(openSession(job, spec, lanes, ports)),
    hashing: () => station<HashingMethods>(hashingMethods(disk, ports), ports.work),
  }
}

function openSession(job: JobView, spec: JobSpec, lanes: number, ports: WorkerPorts): JobSession {
  const trainer = new SymbolicTrainer(spec.microBatches, lanes)
  const [gradient, metric] = trainer.sumPorts
  const micro = { nodes: Array.from({ length: NODES }), inputs: [] }
  const program = { ...trainer.program, gradients: [gradient], metrics: [metric], micro } as unknown as Program
  const { stateBytes, sumBytes } = trainer
  const compute = station<ComputeMethods>(computeMethods(trainer, ports), ports.work)
  return { jobId: job.jobId, spec, program, compute, stateBytes, sumBytes, close: () => Promise.resolve() }
}

/** A worker thread: performs its calls in their order, each after a while, on memory as it is then. */
function station<M extends Methods>(methods: Methods, work: () => Promise<void>): Pick<Calls<M>, 'call' | 'close'> {
  let last: Promise<unknown> = Promise.resolve()
  const call = (method: string, argument: unknown): Promise<unknown> => {
    const done = last.then(work).then(() => methods[method]?.(argument))
    last = done.catch(() => {})
    return done
  }
  return { call: call as Calls<M>['call'], close: () => Promise.resolve() }
}

/** What the compute worker does with its trainer. */
function computeMethods(trainer: SymbolicTrainer, { computed, lie }: WorkerPorts): Methods {
  const methods: Omit<ComputeMethods, 'open' | 'close' | keyof ClaimMethods> = {
    init: (into) => {
      trainer.init()
      trainer.readState(into)
      return listRoot(trainer.program.state, into)
    },
    load: (bytes) => trainer.loadState(bytes),
    state: (into) => trainer.readState(into),
    sum: ({ step, replica, replicas, into }) => {
      computed(step, replica, replicas)
      trainer.sum(step, replica, replicas)
      trainer.readSum(into)
      if (lie?.(step, into)) trainer.writeSum(into)
    },
    setSum: (bytes) => trainer.writeSum(bytes),
    join: ({ other, lower, into }) => {
      trainer.join(other, lower)
      if (into) trainer.readSum(into)
    },
    update: (step) => trainer.update(step),
    replay: (request: ReplayRequest) => replay(trainer as unknown as Trainer, request),
  }
  return methods
}

/** What the hashing worker does; a file is on the disk once its call has ended. */
function hashingMethods(disk: Disk, { sync }: WorkerPorts): Methods {
  const methods: HashingMethods = {
    root: ({ ports, bytes }) => listRoot(ports, bytes),
    checkpoint: async ({ ports, bytes, file }) => {
      const written = bytes.slice()
      await sync()
      disk.files.set(file, written)
      const roots = sliceList(ports, written).map(rootsOf)
      return { root: hashTree(roots.map(({ root }) => root)), trees: roots.map(({ tree }) => tree) }
    },
    keep: async ({ bytes, file }) => {
      const written = bytes.slice()
      await sync()
      disk.files.set(file, written)
    },
  }
  return methods
}
