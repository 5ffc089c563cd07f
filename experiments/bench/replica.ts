/** One replica of `bench:proof-tax`: a process with a solver's cell, peer, store and keys, told by its parent what to do. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { pino } from 'pino'
import { createPeer } from '#net/peer.ts'
import { type Entry, encodeSignedEntry, entryDigest, signEntry } from '#proto/entry.ts'
import { fail } from '#proto/errors.ts'
import { encodeJob, type JobSpec, specHash } from '#proto/job.ts'
import { decodeExchangeRequest, encodeExchangeRequest, MAX_EXCHANGE_BYTES } from '#proto/messages.ts'
import { PROTOCOLS } from '#proto/topics.ts'
import { Announcer } from '#runtime/announcer.ts'
import type { ComputeMethods } from '#runtime/compute/worker.ts'
import { Database } from '#runtime/database.ts'
import type { HashingMethods } from '#runtime/hashing/worker.ts'
import { identityOf } from '#runtime/keys.ts'
import { programOf } from '#runtime/program.ts'
import { Calls, sharedBytes } from '#runtime/rpc.ts'
import { ContentStore } from '#runtime/store.ts'
import { type CellPorts, CellRunner } from '#solver/cell.ts'
import type { SumName } from '#solver/offers.ts'

export type Order =
  /** Open a job as replica `index`. */
  | { readonly type: 'open'; readonly index: number; readonly spec: JobSpec; readonly data: Uint8Array }
  | { readonly type: 'meet'; readonly addresses: readonly string[] }
  /** Get a cell ready, so that the partner can ask it at once. */
  | { readonly type: 'prepare'; readonly proofs: boolean }
  | { readonly type: 'train'; readonly epoch: number }

/**
 * Per step, over every slot but the first: from the end of its last step to the end of the last step of all. A slot is hashed,
 * kept and signed while the next one is trained, so each of them is charged for one slot's proofs, as in a long job.
 */
export interface Sample {
  readonly seconds: number
  readonly cpuSeconds: number
}

export type Answer = Sample | { readonly addresses: readonly string[] } | { readonly done: true }

const DONE = { done: true } as const
const WAIT_MS = 60_000
const REPLICAS = 2

const folder = process.argv[2] ?? fail('bad-input', 'the parent names a folder')
const log = pino({ level: 'warn' }, pino.destination(2))
const identity = identityOf(randomBytes(32))
const peer = await createPeer({ privateKey: identity.peerKey })
// As of a partner in a job, whose share has no bounds.
peer.onPeer((id, connected) => peer.seat(id, connected))
const database = new Database(join(folder, 'state.sqlite'))
const store = await ContentStore.open(folder, peer, database)
const announcer = new Announcer(peer, identity, new Uint8Array(32), log)
const hashing = new Calls<HashingMethods>(new URL('../../runtime/hashing/worker.ts', import.meta.url))
const compute = new Calls<ComputeMethods>(new URL('../../runtime/compute/worker.ts', import.meta.url))

let open: { readonly spec: JobSpec; readonly index: number; readonly job: Uint8Array } | undefined
let sizes = { stateBytes: 0, sumBytes: 0 }
let cell: CellRunner | undefined
let proving = true
let onStep: (step: number) => void = () => {}
let onSigned = (): void => {}

const opened = (): NonNullable<typeof open> => open ?? fail('wrong-state', 'no job is open')

peer.handle(
  PROTOCOLS.exchange,
  async (body) => {
    const { lease } = (await cell?.offered(decodeExchangeRequest(body), WAIT_MS)) ?? fail('unavailable', 'no such sum')
    const bytes = lease.bytes.slice()
    lease.release()
    return bytes
  },
  { maxRequest: MAX_EXCHANGE_BYTES },
)

async function fetchSum(name: SumName, into: Uint8Array): Promise<readonly Uint8Array[]> {
  const { job, index } = opened()
  const [partner] = peer.peers()
  const request = encodeExchangeRequest({ jobId: job, ...name, replica: index })
  await peer.request(partner ?? fail('network', 'no partner'), PROTOCOLS.exchange, request, {
    maxResponse: into.length,
    timeoutMs: WAIT_MS,
    into,
  })
  // One of two replicas: what arrives was joined from nothing else.
  return []
}

/** As a solver signs: evidence and signature are durable before the entry is announced. */
const sign: CellPorts['sign'] = async ({ type: _, ...claim }, evidence) => {
  const entry: Entry = { ...claim, jobId: opened().job, solver: identity.address }
  store.keepEvidence(entryDigest(entry), evidence)
  const signed = database.signOnce(entry, (unsigned) => signEntry(identity.key, unsigned))
  await announcer.publish('entry', { entry: encodeSignedEntry(signed), providers: [announcer.self()] })
  onSigned()
}

function newCell(proofs: boolean): CellRunner {
  const { spec, job } = opened()
  const program = programOf(spec)
  return new CellRunner(
    {
      job: spec,
      statePorts: program.state,
      sumPorts: [...program.gradients, ...program.metrics],
      metricPorts: program.metrics,
      ...sizes,
      proofs,
    },
    {
      compute,
      hashing,
      loadState: () => Promise.resolve(null),
      fetchSum: (name, _partner, into) => fetchSum(name, into),
      checkpointFile: (epoch, step) => (proofs ? store.checkpoints.file(job, epoch, step) : undefined),
      checkpointed: (root, trees, file) => store.keepCheckpoint(root, program.state, trees, file),
      sign,
      onStep: (step) => onStep(step),
      onError: (error) => {
        throw error
      },
    },
  )
}

async function train(epoch: number): Promise<Sample> {
  const { spec, index } = opened()
  const runner = cell ?? fail('wrong-state', 'prepare first')
  let start = { time: 0, cpu: process.cpuUsage() }
  let sample: Sample = { seconds: 0, cpuSeconds: 0 }
  const steps = spec.steps - spec.entrySteps
  await new Promise<void>((resolve) => {
    let unsigned = proving ? Math.ceil(spec.steps / spec.entrySteps) : 0
    let trained = false
    const ended = (): void => {
      if (trained && unsigned === 0) resolve()
    }
    onSigned = () => {
      unsigned--
      ended()
    }
    onStep = (step) => {
      if (step + 1 === spec.entrySteps) start = { time: performance.now(), cpu: process.cpuUsage() }
      if (step + 1 < spec.steps) return
      const { user, system } = process.cpuUsage(start.cpu)
      sample = { seconds: (performance.now() - start.time) / 1e3 / steps, cpuSeconds: (user + system) / 1e6 / steps }
      trained = true
      ended()
    }
    runner.start({
      epoch,
      replica: index,
      replicas: REPLICAS,
      fromStep: 0,
      root: null,
      signedTo: 0,
      maxStep: spec.steps,
    })
  })
  return sample
}

async function obey(order: Order): Promise<Answer> {
  switch (order.type) {
    case 'open': {
      const { index, spec, data } = order
      const shared = sharedBytes(data.length)
      shared.set(data)
      sizes = await compute.call('open', { job: encodeJob(spec), data: shared, engine: 'wasm', threads: 1 })
      open = { spec, index, job: specHash(spec) }
      return { addresses: peer.addresses() }
    }
    case 'meet':
      await peer.connect(order.addresses)
      return DONE
    case 'prepare':
      cell?.stop()
      await store.checkpoints.drop(opened().job)
      proving = order.proofs
      cell = newCell(proving)
      return DONE
    case 'train':
      return train(order.epoch)
  }
}

process.on('message', async (order: Order) => process.send?.(await obey(order)))
process.on('disconnect', () => process.exit())
