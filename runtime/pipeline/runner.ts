/**
 * Runs one cell of a grid of replicas and stages: its passes in 1F1B order, what crosses its borders, the exchange of sums
 * with the same stage of other replicas, the update. It knows threads and ports, no network and no chain
 * (docs/spec/graph.md, "Execution").
 */
import { aborted } from '#net/abort.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { AssayError, check } from '#proto/errors.ts'
import { HASH_BYTES } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { type Exchange, exchangesOf } from '#proto/lanes.ts'
import { type BundleKind, passesOf, type StagePass, type StagePlace, turnsOf, windowOf } from '#proto/machines/stage.ts'
import type { HashingMethods } from '#runtime/hashing/worker.ts'
import type { Calls } from '#runtime/rpc.ts'
import { type Lease, SharedPool } from '#runtime/shared-pool.ts'
import { sliceList } from '#runtime/tensors.ts'
import { type Border, GIVES, TAKES } from './bundles.ts'
import type { Bundle } from './cell.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'
import { StepRoots } from './roots.ts'
import type { StageMethods, StageOutline } from './worker.ts'

/** A cell's place in a plan. */
export interface CellPlace extends StagePlace {
  readonly replica: number
  readonly replicas: number
  /** Of the job. */
  readonly microBatches: number
  readonly lanes: number
}

/** Names a bundle within a replica of a plan. */
export interface BundleName {
  readonly kind: BundleKind
  readonly from: number
  readonly to: number
  readonly step: number
  /** 0 for what is shared once a step. */
  readonly microBatch: number
}

/** Names a sum of this stage: of the subtree over the replicas r, r + level, r + 2 level, .. of the lanes' tree. */
export interface StageSumName {
  readonly step: number
  readonly level: number
}

/** What a cell needs of the process around it. */
export interface CellPorts {
  readonly compute: Pick<Calls<StageMethods>, 'call'>
  /** Hashes beside the training; absent: tensors cross without roots. */
  readonly hashing?: Pick<Calls<HashingMethods>, 'call'>
  /** Brings a bundle of another stage into `into`, however long it takes to be made: its tensors, then their roots. */
  fetchBundle(name: BundleName, into: Uint8Array, signal: AbortSignal): Promise<void>
  /** Brings the sum of the partner's subtree into `into`. */
  fetchSum(name: StageSumName, partner: number, into: Uint8Array, signal: AbortSignal): Promise<void>
  /** Every sum that this cell holds: its own subtree's, then after each join. Its bytes stay until the promise resolves. */
  onSum?(name: StageSumName, bytes: Uint8Array): Promise<unknown>
  /**
   * Everything that crosses from one stage to another in a step is hashed: to be signed by the sender and countersigned by
   * the receiver. The run goes on meanwhile, but not for many steps, and does not end before.
   */
  onBorder?(step: number, from: number, to: number, root: Hash): Promise<unknown>
  /** A step is done: its metrics that are computed here, summed over the batch. */
  onStep?(step: number, metrics: Float32Array): void
  /** A pass has run: processor time in microseconds. */
  onPass?(step: number, pass: StagePass, microseconds: number): void
}

/** Steps whose borders may be unhashed while training goes on. */
const UNROOTED_STEPS = 2
/** Passes that wait in the worker's queue, so that it never waits for this thread. */
const QUEUED = 2

/** A border of this cell with its waiting bundles. */
interface Incoming {
  readonly border: Border
  readonly inbox: Inbox
}
interface Outgoing {
  readonly border: Border
  readonly outbox: Outbox
  readonly pool: SharedPool
}

/** One run of a cell over consecutive steps. Another state, plan or step to begin with takes another runner. */
export class StageRunner {
  readonly #place: CellPlace
  readonly #ports: CellPorts
  readonly #passes: readonly StagePass[]
  readonly #exchanges: readonly Exchange[]
  /** Micro-batches of the replica in a step. */
  readonly #count: number
  /** By micro-batch: its place in the step. */
  readonly #index: ReadonlyMap<number, number>
  readonly #incoming: readonly Incoming[]
  readonly #outgoing: readonly Outgoing[]
  readonly #sums: SharedPool
  /** By the level of the subtree that was summed. */
  readonly #sumOffers: ReadonlyMap<number, Outbox>
  readonly #roots = new Map<string, StepRoots>()
  readonly #unrooted: Promise<unknown>[] = []
  readonly #controller = new AbortController()
  readonly #queue: Promise<unknown>[] = []
  readonly #steps: readonly [number, number]

  /**
   * @param outline of the stage that `ports.compute` has opened and loaded with the state before step `steps[0]`
   * @param steps first step, and the one behind the last
   * @throws bad-plan unless the replica has micro-batches
   */
  constructor(place: CellPlace, outline: StageOutline, steps: readonly [number, number], ports: CellPorts) {
    const { stage, replica, replicas, microBatches, lanes } = place
    const turns = turnsOf(replica, microBatches, lanes, replicas)
    this.#place = place
    this.#ports = ports
    this.#steps = steps
    this.#count = turns.length
    this.#index = new Map(turns.map(({ microBatch }, i) => [microBatch, i]))
    this.#passes = passesOf(place, turns)
    this.#exchanges = exchangesOf(replica, replicas)
    this.#sums = new SharedPool(outline.sumBytes)
    this.#sumOffers = new Map(this.#exchanges.map(({ level }) => [2 * level, new Outbox(1, steps[0])]))
    const windowFor = ({ kind, from, to }: Border): number =>
      windowOf(kind, { ...place, stage: from }, { ...place, stage: to }, this.#count)
    this.#outgoing = outline.borders
      .filter(({ from }) => from === stage)
      .map((border) => {
        const outbox = new Outbox(windowFor(border), this.#at(border.kind, steps[0], 0))
        return { border, outbox, pool: new SharedPool(this.#size(border)) }
      })
    this.#incoming = outline.borders
      .filter(({ to }) => to === stage)
      .map((border) => {
        const ends = [this.#at(border.kind, steps[0], 0), this.#at(border.kind, steps[1], 0)] as const
        const fetch = (at: number, into: Uint8Array): Promise<void> =>
          ports.fetchBundle(this.#nameOf(border, at, turns), into, this.#controller.signal)
        return { border, inbox: new Inbox(new SharedPool(this.#size(border)), windowFor(border), ends, fetch) }
      })
  }

  /** Aborted when the run ends early: by `stop`, or by the error that `run` rejects with. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Trains the steps; rejects with the first error of a port, `bad-proof` for a bundle that is not what its sender says. */
  async run(): Promise<void> {
    try {
      for (let step = this.#steps[0]; step < this.#steps[1]; step++) await this.#step(step)
      await this.#await(Promise.all(this.#unrooted))
    } catch (error) {
      // What failed first is the reason; the rest follows from it.
      throw this.#fail(error)
    }
  }

  /** Ends the run; what the engine has under way is void, and `load` makes it ready for another runner. */
  stop(): void {
    this.#fail(new AssayError('cancelled', 'this cell was stopped'))
  }

  /**
   * A bundle for its receiver, once it is made. The caller releases its lease.
   * @throws bad-input for a name that is none of this cell's, stale, over-limit as `Outbox.offered`
   */
  async offered(name: BundleName, signal: AbortSignal = this.signal): Promise<Lease> {
    const found = this.#outgoing.find(({ border }) => border.kind === name.kind && border.to === name.to)
    const known = found && name.from === this.#place.stage && this.#index.has(this.#microBatchOf(name))
    check(known === true && found !== undefined, 'bad-input', 'no such bundle leaves this cell', {
      consequence: 'ignore',
    })
    check(name.step < this.#steps[1], 'bad-input', `step ${name.step} is behind the last`, { consequence: 'ignore' })
    const at = this.#at(name.kind, name.step, this.#index.get(name.microBatch) ?? 0)
    return await found.outbox.offered(at, AbortSignal.any([signal, this.signal]))
  }

  /**
   * A sum for the partner that joins it, once it is there. The caller releases its lease.
   * @throws bad-input for a level that is none of this cell's exchanges, stale, over-limit as `Outbox.offered`
   */
  async offeredSum({ step, level }: StageSumName, signal: AbortSignal = this.signal): Promise<Lease> {
    const sums = this.#sumOffers.get(level)
    check(sums !== undefined, 'bad-input', `no sum of level ${level} leaves this cell`, { consequence: 'ignore' })
    return await sums.offered(step, AbortSignal.any([signal, this.signal]))
  }

  /**
   * The root over all tensors that cross from one stage to another in a step, once they have and are hashed: what this cell
   * signs or countersigns. Undefined for a border or step that this cell knows nothing of (any more).
   */
  borderRoot(step: number, from: number, to: number): Promise<Hash> | undefined {
    return this.#roots.get(`${step} ${from} ${to}`)?.root
  }

  #fail(error: unknown): unknown {
    if (!this.#controller.signal.aborted) this.#controller.abort(error)
    return this.#controller.signal.reason
  }

  #await<T>(promise: Promise<T>): Promise<T> {
    return aborted(this.#controller.signal, promise)
  }

  /** Lets work go on beside the steps; its failure is the run's. */
  #beside(work: Promise<unknown>): void {
    work.catch((error) => this.#fail(error))
  }

  /** Bytes of a bundle with its roots. */
  #size({ bytes, ids }: Border): number {
    return bytes + (this.#ports.hashing ? HASH_BYTES * ids.length : 0)
  }

  /** Number of a bundle: they are counted from step 0 on, whatever step a run begins with. */
  #at(kind: BundleKind, step: number, index: number): number {
    return GIVES[kind] ? step * this.#count + index : step
  }

  #nameOf(border: Border, at: number, turns: readonly { readonly microBatch: number }[]): BundleName {
    const { kind, from, to } = border
    if (!GIVES[kind]) return { kind, from, to, step: at, microBatch: 0 }
    const { microBatch } = turns[at % this.#count] as (typeof turns)[number]
    return { kind, from, to, step: Math.floor(at / this.#count), microBatch }
  }

  #microBatchOf({ kind, microBatch }: BundleName): number {
    return GIVES[kind] ? microBatch : ([...this.#index.keys()][microBatch] ?? -1)
  }

  async #step(step: number): Promise<void> {
    const { compute, onStep } = this.#ports
    this.#beginRoots(step)
    await this.#give('state', step)
    await this.#take('state', step)
    for (const pass of this.#passes) await this.#pass(step, pass)
    await this.#await(Promise.all(this.#queue.splice(0)))
    await this.#combine(step)
    await this.#give('sum', step)
    await this.#take('sum', step)
    const metrics = await this.#await(compute.call('update', step))
    while (this.#unrooted.length >= UNROOTED_STEPS) await this.#await(this.#unrooted.shift() as Promise<unknown>)
    const rooted = this.#endRoots(step)
    this.#beside(rooted)
    this.#unrooted.push(rooted)
    onStep?.(step, metrics)
  }

  async #pass(step: number, pass: StagePass): Promise<void> {
    // Before anything is taken: windows reckon with one pass that has not used up its bundles.
    while (this.#queue.length >= QUEUED) await this.#await(this.#queue.shift() as Promise<unknown>)
    const at = step * this.#count + pass.index
    const from = this.#incoming.filter(({ border }) => TAKES[border.kind] === pass.pass)
    const to = this.#outgoing.filter(({ border }) => GIVES[border.kind] === pass.pass)
    const taken = await this.#await(Promise.all(from.map(({ inbox }) => inbox.take(at))))
    await this.#await(Promise.all(to.map(({ outbox }) => outbox.room(at))))
    const given = to.map(({ pool }) => pool.take())
    for (const [i, { border }] of from.entries()) this.#prove(border, step, pass.microBatch, taken[i] as Lease)
    const ran = this.#ports.compute
      .call('pass', {
        ...{ step, pass: pass.pass, microBatch: pass.microBatch, adds: pass.adds },
        taken: from.map(({ border }, i) => bundleOf(border, taken[i] as Lease)),
        given: to.map(({ border }, i) => bundleOf(border, given[i] as Lease)),
      })
      .then((microseconds) => {
        this.#ports.onPass?.(step, pass, microseconds)
        for (const [i, { inbox }] of from.entries()) inbox.used(at, taken[i] as Lease)
        for (const [i, each] of to.entries()) this.#offer(each, at, step, pass.microBatch, given[i] as Lease)
      })
    this.#beside(ran)
    this.#queue.push(ran)
  }

  /** Makes a bundle known to its receiver as soon as it is hashed; the next pass runs meanwhile. */
  #offer({ border, outbox }: Outgoing, at: number, step: number, microBatch: number, lease: Lease): void {
    const work = this.#hash(border, lease).then((roots) => {
      for (const [i, root] of roots.entries()) lease.bytes.set(root, border.bytes + HASH_BYTES * i)
      outbox.put(at, lease)
      this.#roots.get(rootsKey(step, border))?.put(border, microBatch, roots)
    })
    this.#beside(work)
  }

  /** Compares a bundle with the roots that its sender gives, beside the pass that already uses it. */
  #prove(border: Border, step: number, microBatch: number, lease: Lease): void {
    if (!this.#ports.hashing) return
    lease.retain()
    const work = this.#hash(border, lease).then((own) => {
      const told = (i: number): Hash => lease.bytes.subarray(border.bytes + HASH_BYTES * i).subarray(0, HASH_BYTES)
      const same = own.every((root, i) => bytesEqual(root, told(i)))
      const what = `a bundle of stage ${border.from} in step ${step} is not what that stage says it is`
      check(same, 'bad-proof', what, { consequence: 'penalise' })
      this.#roots.get(rootsKey(step, border))?.put(border, microBatch, own)
    })
    this.#beside(work.finally(() => lease.release()))
  }

  async #hash({ ports, bytes: size }: Border, lease: Lease): Promise<Hash[]> {
    const { hashing } = this.#ports
    if (!hashing) return []
    const bytes = lease.bytes.subarray(0, size)
    // The root of a list of one tensor is that tensor's.
    return await Promise.all(
      sliceList(ports, bytes).map((one) => hashing.call('root', { ports: [one.port], bytes: one.bytes })),
    )
  }

  async #give(kind: 'state' | 'sum', step: number): Promise<void> {
    const to = this.#outgoing.filter(({ border }) => border.kind === kind)
    if (to.length === 0) return
    await this.#await(Promise.all(to.map(({ outbox }) => outbox.room(step))))
    const bundles = to.map(({ border, pool }) => ({ border, lease: pool.take() }))
    const call = bundles.map(({ border, lease }) => bundleOf(border, lease))
    await this.#await(this.#ports.compute.call('give', call))
    for (const [i, each] of to.entries()) this.#offer(each, step, step, 0, (bundles[i] as { lease: Lease }).lease)
  }

  async #take(kind: 'state' | 'sum', step: number): Promise<void> {
    const from = this.#incoming.filter(({ border }) => border.kind === kind)
    if (from.length === 0) return
    const taken = await this.#await(Promise.all(from.map(({ inbox }) => inbox.take(step))))
    for (const [i, { border }] of from.entries()) this.#prove(border, step, 0, taken[i] as Lease)
    const call = from.map(({ border }, i) => bundleOf(border, taken[i] as Lease))
    await this.#await(this.#ports.compute.call('take', call))
    for (const [i, { inbox }] of from.entries()) inbox.used(step, taken[i] as Lease)
  }

  /** Recursive doubling with the same stage of the other replicas. */
  async #combine(step: number): Promise<void> {
    const { compute, fetchSum } = this.#ports
    await this.#hold(step, this.#place.replicas)
    for (const { level, partner, lower } of this.#exchanges) {
      const other = this.#sums.take()
      await this.#await(fetchSum.call(this.#ports, { step, level: 2 * level }, partner, other.bytes, this.signal))
      await this.#await(compute.call('join', { other: other.bytes, lower }))
      other.release()
      await this.#hold(step, level)
    }
  }

  /** Offers the current sum to the partner of the next exchange, if there is one, and tells of it. */
  async #hold(step: number, level: number): Promise<void> {
    const { compute, onSum } = this.#ports
    const partner = this.#sumOffers.get(level)
    if (!partner && !onSum) return
    const lease = this.#sums.take()
    await this.#await(compute.call('sum', lease.bytes))
    if (onSum) {
      lease.retain()
      this.#beside(onSum.call(this.#ports, { step, level }, lease.bytes).finally(() => lease.release()))
    }
    if (partner) partner.put(step, lease)
    else lease.release()
  }

  #beginRoots(step: number): void {
    if (!this.#ports.hashing) return
    const borders = [...this.#incoming, ...this.#outgoing].map(({ border }) => border)
    for (const border of borders) {
      const key = rootsKey(step, border)
      if (this.#roots.has(key)) continue
      const same = borders.filter(({ from, to }) => from === border.from && to === border.to)
      this.#roots.set(key, new StepRoots(same, this.#count))
    }
    for (const key of this.#roots.keys())
      if (Number(key.split(' ')[0]) < step - 2 * UNROOTED_STEPS) this.#roots.delete(key)
  }

  async #endRoots(step: number): Promise<void> {
    const work = [...this.#roots].map(async ([key, roots]) => {
      const [of, from, to] = key.split(' ').map(Number) as [number, number, number]
      if (of === step) await this.#ports.onBorder?.(step, from, to, await roots.root)
    })
    await Promise.all(work)
  }
}

const rootsKey = (step: number, { from, to }: Border): string => `${step} ${from} ${to}`

/** The tensors of a bundle, without the roots behind them. */
const bundleOf = (border: Border, { bytes }: Lease): Bundle => ({ border, bytes: bytes.subarray(0, border.bytes) })
