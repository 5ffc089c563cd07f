/** Performs the actions of one cell: drives the engine, hashes beside it, exchanges sums, signs entries. */
import type { Port } from '#graph/types.ts'
import { AssayError, fail, isAssayError } from '#proto/errors.ts'
import { sumNumber, sumsWithin } from '#proto/lanes.ts'
import {
  type CellAction,
  type CellEvent,
  type CellPlan,
  type CellState,
  cellStep,
  IDLE_CELL,
} from '#proto/machines/cell.ts'
import { hashTree } from '#proto/merkle.ts'
import type { Schedule } from '#proto/windows.ts'
import type { ComputeMethods } from '#runtime/compute/worker.ts'
import type { HashingMethods } from '#runtime/hashing/worker.ts'
import { type Evidence, lanesRoot } from '#runtime/judge.ts'
import type { Calls } from '#runtime/rpc.ts'
import { type Lease, SharedPool } from '#runtime/shared-pool.ts'
import { metricsRoot } from '#runtime/tensors.ts'
import { type Offer, type OfferedSum, Offers, type PartialSum, type SumName } from './offers.ts'
import { Slots } from './slots.ts'

export type SignAction = CellAction & { readonly type: 'signEntry' }

/** What the cell needs from the process around it. */
export interface CellPorts {
  readonly compute: Pick<Calls<ComputeMethods>, 'call'>
  readonly hashing: Pick<Calls<HashingMethods>, 'call'>
  /** Brings the state before `step`; undefined root: the init state. Null when this step's state is the init graph's. */
  loadState(step: number, root: Uint8Array | null): Promise<Uint8Array | null>
  /**
   * Brings the partner's partial sum into `into`; resolves with the `roots` roots of what it was joined from, or undefined when the
   * partner does not serve it.
   */
  fetchSum(name: SumName, partner: number, into: Uint8Array, roots: number): Promise<readonly Uint8Array[] | undefined>
  /** File for the checkpoint of the state after `step` steps; undefined: write none. */
  checkpointFile(epoch: number, step: number): string | undefined
  /** File for sum `sum` of a step, which a partner has sent; undefined: it is not kept. */
  receivedFile?(name: SumName, sum: number): string | undefined
  /** Repeats what a full disk makes fail; default: once. */
  patiently?<T>(work: () => Promise<T>): Promise<T>
  /** A checkpoint was written. */
  checkpointed(root: Uint8Array, trees: readonly Uint8Array[], file: string): void
  /** Sign and announce an entry. */
  sign(action: SignAction, evidence: Evidence): Promise<void>
  /** A step is done: its metrics, summed over the global batch. */
  onStep(step: number, metrics: Float32Array): void
  /** Called with every sum this cell computed, before anybody sees it. Only a liar changes it. */
  tamper?(step: number, sum: Uint8Array): boolean
  onError(error: unknown): void
}

export interface CellOptions {
  readonly job: Schedule
  readonly statePorts: readonly Port[]
  readonly sumPorts: readonly Port[]
  readonly metricPorts: readonly Port[]
  readonly stateBytes: number
  readonly sumBytes: number
  /** False leaves out roots, entries and checkpoints: what a network without proofs would do (bench:proof-tax). */
  readonly proofs?: boolean
}

const ZERO = new Uint8Array(32)
/** How often what may have been lost is asked for again, in milliseconds. */
const RETRY_MS = 2_000

/** A partner's partial sum, and the roots of what it was joined from. */
interface Received {
  readonly lease: Lease
  readonly roots: readonly (Uint8Array | Promise<Uint8Array>)[]
}

/** One cell of one job. Its machine decides; this class only performs, strictly in the order of the actions. */
export class CellRunner {
  readonly #options: CellOptions
  readonly #ports: CellPorts
  readonly #sums: SharedPool
  readonly #states: SharedPool
  #state: CellState = IDLE_CELL
  #queue: CellEvent[] = []
  #busy = false
  /** The current partial sum, as the machine's `combine` and `offer` mean it. */
  #current: PartialSum | undefined
  #received: Received | undefined
  readonly #offers = new Offers()
  readonly #slots: Slots
  /** Sums that are being fetched: `retry` starts no second transfer. */
  readonly #asking = new Set<string>()
  readonly #retry: NodeJS.Timeout
  #sumMs = 0

  constructor(options: CellOptions, ports: CellPorts) {
    this.#options = options
    this.#ports = ports
    this.#sums = new SharedPool(options.sumBytes)
    this.#states = new SharedPool(options.stateBytes)
    this.#slots = new Slots(options.job.entrySteps)
    this.#retry = setInterval(() => this.send({ type: 'retry' }), RETRY_MS)
    this.#retry.unref()
  }

  get state(): CellState {
    return this.#state
  }

  /** How long the last sum of its own took this cell, in milliseconds: what computing a partner's will about cost. */
  get sumMs(): number {
    return this.#sumMs
  }

  /** Starts (or restarts, with a greater epoch) training from `plan`. */
  start(plan: CellPlan): void {
    this.#dropOffers()
    this.send({ type: 'start', plan })
  }

  /** Steps below `maxStep` may be trained. */
  open(maxStep: number): void {
    this.send({ type: 'windowOpened', maxStep })
  }

  stop(): void {
    clearInterval(this.#retry)
    this.#dropOffers()
    this.send({ type: 'stop' })
  }

  /** Whether this cell will never offer a sum (again): it let go of it, started behind it, or is in a later plan epoch. */
  isPast(name: SumName): boolean {
    const state = this.#state
    if (this.#offers.has(name) || state.phase === 'idle') return false
    if (state.phase === 'stopped') return name.epoch <= state.epoch
    if (name.epoch !== state.plan.epoch) return name.epoch < state.plan.epoch
    return name.step < (state.phase === 'loading' ? state.plan.fromStep : state.step)
  }

  /**
   * A partial sum for a partner: waits until the cell offers it, at most `timeoutMs`. The caller releases the lease.
   * Undefined when it does not come in time, and at once when it is past.
   */
  async offered(name: SumName, timeoutMs: number): Promise<OfferedSum | undefined> {
    if (this.isPast(name)) return undefined
    return await this.#offers.get(name, timeoutMs)
  }

  /** Hands an event to the machine and performs what it answers. */
  send(event: CellEvent): void {
    this.#queue.push(event)
    if (this.#busy) return
    this.#busy = true
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        const { state, actions } = cellStep(this.#options.job, this.#state, next)
        this.#state = state
        for (const action of actions) this.#perform(action)
      }
    } catch (error) {
      // A late report of work that a newer plan has overtaken is no fault.
      if (!isAssayError(error, 'stale')) this.#ports.onError(error)
    } finally {
      this.#busy = false
    }
  }

  #epoch(): number {
    return this.#state.phase === 'idle' || this.#state.phase === 'stopped' ? -1 : this.#state.plan.epoch
  }

  #plan(): CellPlan {
    const state = this.#state
    return state.phase === 'idle' || state.phase === 'stopped' ? fail('internal', 'the cell has no plan') : state.plan
  }

  /** Starts an action; calls to the engine queue up in its worker in this order. */
  #perform(action: CellAction): void {
    const epoch = this.#epoch()
    const run = (work: Promise<CellEvent | undefined>): void => {
      work.then(
        (event) => event && this.send(event),
        (error) => epoch === this.#epoch() && this.#ports.onError(error),
      )
    }
    switch (action.type) {
      case 'loadState':
        run(this.#load(epoch, action.step, action.root))
        break
      case 'computeLocalSum':
        run(this.#sum(epoch, action.step, action.replica, action.replicas))
        break
      case 'offer':
        this.#offer({ epoch, step: action.step, level: action.level })
        break
      case 'release':
        this.#offers.releaseTo(action.step)
        break
      case 'request':
        run(this.#request({ epoch, step: action.step, level: action.level }, action.partner))
        break
      case 'substitute':
        run(this.#substitute({ epoch, step: action.step, level: action.level }, action.index, action.of))
        break
      case 'combine':
        run(this.#combine(epoch, action.step, action.level, action.lower))
        break
      case 'applyUpdate':
        run(this.#update(epoch, action.step))
        break
      case 'commitState':
        run(this.#commit(epoch, action.slot, action.step))
        break
      case 'signEntry':
        run(this.#sign(action))
        break
    }
  }

  async #load(epoch: number, step: number, root: Uint8Array | null): Promise<CellEvent | undefined> {
    const { compute, hashing } = this.#ports
    const lease = this.#states.take()
    try {
      const bytes = await this.#ports.loadState(step, root)
      // Bringing it may take long: the engine may be at work for a newer plan by now.
      if (epoch !== this.#epoch()) return undefined
      if (bytes) {
        lease.bytes.set(bytes)
        await compute.call('load', lease.bytes)
      } else {
        await compute.call('init', lease.bytes)
      }
      const loaded = await this.#checkpoint(hashing, lease.bytes, epoch, step)
      return { type: 'stateLoaded', epoch, step, root: loaded }
    } finally {
      lease.release()
    }
  }

  async #sum(epoch: number, step: number, replica: number, replicas: number): Promise<CellEvent | undefined> {
    const { compute, tamper } = this.#ports
    const lease = this.#sums.take()
    const began = performance.now()
    await compute.call('sum', { step, replica, replicas, into: lease.bytes })
    this.#sumMs = performance.now() - began
    if (epoch !== this.#epoch()) {
      lease.release()
      return undefined
    }
    if (tamper?.(step, lease.bytes)) await compute.call('setSum', lease.bytes)
    this.#current?.lease.release()
    this.#current = { lease, ready: Promise.resolve() }
    if (replicas > 1) this.#takeDown(epoch, step, sumNumber(replica, replicas, replicas), this.#hashSum(lease))
    return { type: 'localSumReady', epoch, step }
  }

  /** Hashes a sum beside the training thread. */
  #hashSum(lease: Lease, ready: Promise<unknown> = Promise.resolve()): Promise<Uint8Array> {
    if (this.#options.proofs === false) return Promise.resolve(ZERO)
    lease.retain()
    const root = ready.then(() =>
      this.#ports.hashing.call('root', { ports: this.#options.sumPorts, bytes: lease.bytes }),
    )
    return root.finally(() => lease.release())
  }

  /** Takes down the root of a sum of a step. */
  #takeDown(epoch: number, step: number, sum: number, root: Uint8Array | Promise<Uint8Array>): void {
    if (this.#options.proofs === false) return
    this.#slots.put({ epoch, step }, this.#plan().replicas, sum, root)
  }

  /** Of the sums that one's own of a level was joined from, ascending. */
  #rootsWithin({ epoch, step, level }: SumName): Promise<Uint8Array>[] {
    if (this.#options.proofs === false) return []
    const { replica, replicas } = this.#plan()
    return this.#slots.roots({ epoch, step }, replicas, sumsWithin(replica, 2 * level, replicas))
  }

  #offer(name: SumName): void {
    if (!this.#current) return
    const offer: Offer = { ...this.#current, roots: this.#rootsWithin(name) }
    offer.lease.retain()
    this.#offers.put(name, offer)
  }

  #dropOffers(): void {
    this.#offers.drop()
    this.#slots.clear()
  }

  async #request(name: SumName, partner: number): Promise<CellEvent | undefined> {
    const key = `${name.epoch}:${name.step}:${name.level}`
    if (this.#asking.has(key)) return undefined
    this.#asking.add(key)
    try {
      return await this.#ask(name, partner)
    } finally {
      this.#asking.delete(key)
    }
  }

  async #ask(name: SumName, partner: number): Promise<CellEvent | undefined> {
    const lease = this.#sums.take()
    const { replicas } = this.#plan()
    const within = this.#options.proofs === false ? 0 : sumsWithin(partner, 2 * name.level, replicas).length
    const roots = await this.#ports.fetchSum(name, partner, lease.bytes, within)
    if (roots) this.#keepReceived(name, sumNumber(partner, 2 * name.level, replicas), lease)
    return this.#arrived(name, roots && { lease, roots }, lease)
  }

  /** Beside the training: who defends an entry later needs what it was sent, and does without where the disk is full. */
  #keepReceived(name: SumName, sum: number, lease: Lease): void {
    const file = this.#ports.receivedFile?.(name, sum)
    if (file === undefined || this.#options.proofs === false) return
    lease.retain()
    const kept = this.#ports.hashing.call('keep', { bytes: lease.bytes, file })
    kept.catch(() => {}).finally(() => lease.release())
  }

  async #substitute(name: SumName, index: number, of: number): Promise<CellEvent | undefined> {
    const { compute } = this.#ports
    const lease = this.#sums.take()
    const own = this.#current
    const { replicas } = this.#plan()
    const roots: Promise<Uint8Array>[] = []
    const computed = this.#computeSum(name.step, [index, of], replicas, lease, roots)
    // The engine's current sum is now the partner's: the very next call brings this cell's own back, so that whatever is
    // asked of the engine meanwhile (the partner's sum may come after all, or a new plan) finds it.
    const restored = own && compute.call('setSum', own.lease.bytes)
    await Promise.all([computed, restored, ...roots])
    return this.#arrived(name, { lease, roots }, lease)
  }

  /**
   * Computes the sum of `index` of `of` replicas into `into`: that of each replica behind it, joined level by level. The calls to
   * the engine are made at once, in their order.
   * @param roots takes the roots of what it is joined from, ascending
   */
  #computeSum(
    step: number,
    [index, of]: readonly [number, number],
    replicas: number,
    into: Lease,
    roots: Promise<Uint8Array>[],
  ): Promise<unknown> {
    const { compute } = this.#ports
    if (this.#options.proofs === false || of === replicas) {
      return compute.call('sum', { step, replica: index, replicas: of, into: into.bytes })
    }
    let sums = Array.from({ length: replicas / of }, (_, i) => {
      const lease = this.#sums.take()
      const ready = compute.call('sum', { step, replica: index + i * of, replicas, into: lease.bytes })
      return { lease, ready: ready as Promise<unknown> }
    })
    for (;;) {
      for (const { lease, ready } of sums) roots.push(this.#hashSum(lease, ready))
      const half = sums.length / 2
      const joined = sums.slice(0, half).map(({ lease }, i) => {
        const target = half === 1 ? into : this.#sums.take()
        const other = sums[i + half] as PartialSum
        const set = compute.call('setSum', lease.bytes)
        const join = compute.call('join', { other: other.lease.bytes, lower: false, into: target.bytes })
        const ready: Promise<unknown> = Promise.all([set, join])
        const release = (): void => {
          lease.release()
          other.lease.release()
        }
        ready.then(release, release)
        return { lease: target, ready }
      })
      if (half === 1) return (joined[0] as PartialSum).ready
      sums = joined
    }
  }

  /** Keeps a partner's sum for `combine` if the machine still waits for it. */
  #arrived(name: SumName, found: Received | undefined, lease: Lease): CellEvent | undefined {
    const { epoch, step, level } = name
    const state = this.#state
    const waited = state.phase === 'exchanging' && state.plan.epoch === epoch && state.step === step
    if (!waited || this.#received || !found) {
      lease.release()
      return found ? undefined : { type: 'unavailable', epoch, step, level }
    }
    this.#received = found
    this.send({ type: 'received', epoch, step, level })
    // The machine took it (its `combine` cleared the place), or it was late for this level.
    if (this.#received === found) {
      this.#received = undefined
      lease.release()
    }
    return undefined
  }

  async #combine(epoch: number, step: number, level: number, lower: boolean): Promise<undefined> {
    const received = this.#received
    this.#received = undefined
    if (!received) throw new AssayError('internal', 'nothing was received to combine')
    const { lease: other, roots } = received
    const { replica, replicas } = this.#plan()
    const partner = replica ^ level
    const behind = sumsWithin(partner, 2 * level, replicas)
    for (const [i, root] of roots.entries()) this.#takeDown(epoch, step, behind[i] as number, root)
    this.#takeDown(epoch, step, sumNumber(partner, 2 * level, replicas), this.#hashSum(other))
    const into = this.#sums.take()
    const before = this.#current
    const ready = this.#ports.compute.call('join', { other: other.bytes, lower, into: into.bytes })
    this.#current = { lease: into, ready }
    if (level > 1) this.#takeDown(epoch, step, sumNumber(replica, level, replicas), this.#hashSum(into, ready))
    try {
      await ready
    } finally {
      before?.lease.release()
      other.release()
    }
    return undefined
  }

  async #update(epoch: number, step: number): Promise<CellEvent> {
    const metrics = await this.#ports.compute.call('update', step)
    this.#ports.onStep(step, metrics)
    if (this.#options.proofs !== false) {
      this.#slots.of({ epoch, step }).metrics.push(metrics)
    }
    return { type: 'stepApplied', epoch, step }
  }

  async #commit(epoch: number, slot: number, step: number): Promise<CellEvent> {
    if (this.#options.proofs === false) {
      return { type: 'slotRooted', epoch, slot, roots: { rootAfter: ZERO, lanesRoot: ZERO, metricsRoot: ZERO } }
    }
    const { compute, hashing } = this.#ports
    const work = this.#slots.of({ epoch, step: step - 1 })
    const lease = this.#states.take()
    try {
      await compute.call('state', lease.bytes)
      const [rootAfter, sumRoots] = await Promise.all([
        this.#checkpoint(hashing, lease.bytes, epoch, step),
        Promise.all(work.sumRoots),
      ])
      const metricRoots = work.metrics.map((row) => metricsRoot(this.#options.metricPorts, row))
      const roots = { rootAfter, lanesRoot: lanesRoot(sumRoots), metricsRoot: hashTree(metricRoots) }
      return { type: 'slotRooted', epoch, slot, roots }
    } finally {
      lease.release()
    }
  }

  /** Hashes a state and, where the process keeps checkpoints, writes it. */
  async #checkpoint(
    hashing: CellPorts['hashing'],
    bytes: Uint8Array,
    epoch: number,
    step: number,
  ): Promise<Uint8Array> {
    const list = { ports: this.#options.statePorts, bytes }
    const file = this.#ports.checkpointFile(epoch, step)
    if (file === undefined) return hashing.call('root', list)
    return this.#patiently(async () => {
      const { root, trees } = await hashing.call('checkpoint', { ...list, file })
      this.#ports.checkpointed(root, trees, file)
      return root
    })
  }

  async #sign(action: SignAction): Promise<undefined> {
    const work = this.#slots.take({ epoch: action.epoch, step: action.stepFrom })
    if (!work || this.#options.proofs === false) return undefined
    const sumRoots = await Promise.all(work.sumRoots)
    const metrics = work.metrics.map((row) => new Uint8Array(row.buffer, row.byteOffset, row.byteLength))
    await this.#patiently(() => Promise.resolve(this.#ports.sign(action, { sumRoots, metrics })))
    return undefined
  }

  #patiently<T>(work: () => Promise<T>): Promise<T> {
    return this.#ports.patiently ? this.#ports.patiently(work) : work()
  }
}
