/** One contender's process of `bench:pipeline`: a stage with its peer, or the uncut trainer; told by its parent what to do. */
import { randomBytes } from 'node:crypto'
import { createExactEngine, type ExactEngineName } from '#engine/conformance/exact.ts'
import type { Engine } from '#engine/types.ts'
import { createPeer, type Peer } from '#net/peer.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import type { Address } from '#proto/ids.ts'
import { encodeJob, type JobSpec, specHash } from '#proto/job.ts'
import { Dataset } from '#runtime/dataset.ts'
import type { HashingMethods } from '#runtime/hashing/worker.ts'
import { type Identity, identityOf } from '#runtime/keys.ts'
import { BorderDesk } from '#runtime/pipeline/desk.ts'
import { StageRunner } from '#runtime/pipeline/runner.ts'
import type { StageMethods, StageOutline } from '#runtime/pipeline/worker.ts'
import { programOf } from '#runtime/program.ts'
import { Calls, sharedBytes } from '#runtime/rpc.ts'
import { Trainer } from '#runtime/trainer.ts'

export interface Job {
  readonly spec: JobSpec
  readonly data: Uint8Array
  readonly engine: ExactEngineName
}

/** How another stage is reached, and what it signs with. */
export interface Contact {
  readonly addresses: readonly string[]
  readonly account: Address
}

export type Order =
  | ({ readonly type: 'whole'; readonly threads: number } & Job)
  | ({ readonly type: 'stage'; readonly stage: number; readonly stages: number } & Job)
  | { readonly type: 'meet'; readonly contacts: readonly (Contact | undefined)[] }
  | { readonly type: 'train'; readonly steps: number; readonly eager: number; readonly epoch: number }

/** Per step, over all steps but the first. */
export interface Sample {
  readonly seconds: number
  /** Processor time of the whole process. */
  readonly cpuSeconds: number
  /** Processor time of passes alone. */
  readonly passSeconds: number
}

export type Answer = Sample | Contact | { readonly done: true }

const DONE = { done: true } as const

/** Trains `steps` steps by `run`, and times all but the first. */
async function timed(
  steps: number,
  run: (onStep: (step: number) => void) => Promise<void>,
): Promise<Omit<Sample, 'passSeconds'>> {
  let [start, end] = [0, 0]
  let [before, cpu] = [process.cpuUsage(), 0]
  await run((step) => {
    end = performance.now()
    if (step === 0) [start, before] = [end, process.cpuUsage()]
    const { user, system } = process.cpuUsage(before)
    cpu = user + system
  })
  return { seconds: (end - start) / 1e3 / (steps - 1), cpuSeconds: cpu / 1e6 / (steps - 1) }
}

class Whole {
  readonly #trainer: Trainer

  constructor(engine: Engine, { spec, data }: Job) {
    this.#trainer = new Trainer(engine, programOf(spec), spec, new Dataset(spec.data, data))
  }

  async train(steps: number): Promise<Sample> {
    this.#trainer.init()
    const times = await timed(steps, async (onStep) => {
      for (let step = 0; step < steps; step++) {
        this.#trainer.sum(step, 0, 1)
        this.#trainer.update(step)
        onStep(step)
      }
    })
    return { ...times, passSeconds: times.cpuSeconds }
  }
}

class Stage {
  readonly #compute = new Calls<StageMethods>(new URL('../../runtime/pipeline/worker.ts', import.meta.url))
  readonly #hashing = new Calls<HashingMethods>(new URL('../../runtime/hashing/worker.ts', import.meta.url))
  readonly #peer: Peer
  readonly #identity: Identity
  readonly #desk: BorderDesk
  readonly #job: Job
  readonly #place: { readonly stage: number; readonly stages: number }
  #outline: StageOutline | undefined
  #partners: { readonly peer: string | undefined; readonly account: Address }[] = []

  constructor(peer: Peer, identity: Identity, order: Order & { readonly type: 'stage' }) {
    this.#peer = peer
    this.#identity = identity
    this.#desk = new BorderDesk(peer, identity.key)
    this.#job = order
    this.#place = { stage: order.stage, stages: order.stages }
    // As of a partner in a job, whose share has no bounds.
    peer.onPeer((id, connected) => peer.seat(id, connected))
  }

  async open(): Promise<Contact> {
    const { spec, data, engine } = this.#job
    const shared = sharedBytes(data.length)
    shared.set(data)
    const request = { job: encodeJob(spec), data: shared, engine, threads: 1, ...this.#place }
    this.#outline = await this.#compute.call('open', request)
    return { addresses: this.#peer.addresses(), account: this.#identity.address }
  }

  async meet(contacts: readonly (Contact | undefined)[]): Promise<void> {
    this.#partners = await Promise.all(
      contacts.map(async (contact) => {
        const account = contact?.account ?? this.#identity.address
        const own = bytesEqual(account, this.#identity.address)
        // Who has no addresses for another one is called by it.
        if (own) return { peer: this.#peer.id, account }
        const dialled = contact && contact.addresses.length > 0
        return { peer: dialled ? await this.#peer.connect(contact.addresses) : undefined, account }
      }),
    )
  }

  async train({ steps, eager, epoch }: Order & { readonly type: 'train' }): Promise<Sample> {
    const { spec } = this.#job
    await this.#compute.call('init', undefined)
    const open = this.#desk.open({
      ...{ jobId: specHash(spec), epoch, replica: 0, stage: this.#place.stage },
      partnerOf: (_, stage) => {
        const partner = this.#partners[stage] ?? fail('internal', 'meet first')
        return { ...partner, peer: partner.peer ?? this.#peer.peers()[0] }
      },
    })
    let microseconds = 0
    try {
      const times = await timed(steps, async (onStep) => {
        const { microBatches, lanes } = spec
        const place = { replica: 0, replicas: 1, ...this.#place, eager, microBatches, lanes }
        const { fetchBundle, fetchSum, onBorder } = open
        const runner = new StageRunner(place, this.#outline ?? fail('internal', 'open first'), [0, steps], {
          ...{ compute: this.#compute, hashing: this.#hashing, fetchBundle, fetchSum, onBorder, onStep },
          onPass: (step, _, taken) => {
            if (step > 0) microseconds += taken
          },
        })
        open.serve(runner)
        await runner.run()
      })
      return { ...times, passSeconds: microseconds / 1e6 / (steps - 1) }
    } finally {
      open.close()
    }
  }
}

let whole: Whole | undefined
let stage: Stage | undefined

async function obey(order: Order): Promise<Answer> {
  switch (order.type) {
    case 'whole':
      whole = new Whole(await createExactEngine(order.engine, { threads: order.threads }), order)
      return DONE
    case 'stage': {
      const identity = identityOf(randomBytes(32))
      stage = new Stage(await createPeer({ privateKey: identity.peerKey }), identity, order)
      return await stage.open()
    }
    case 'meet':
      await stage?.meet(order.contacts)
      return DONE
    case 'train':
      return whole ? await whole.train(order.steps) : await (stage ?? fail('internal', 'open first')).train(order)
  }
}

process.on('message', async (order: Order) => process.send?.(await obey(order)))
process.on('disconnect', () => process.exit())
