/**
 * A network of cells in virtual time: messages are late, overtake each other, come twice or not at all; processes stall, die and
 * restart; a board stands for the chain, which commits windows and makes plans.
 */
import { toHex } from '#proto/bytes.ts'
import { type Entry, entryDigest, equivocates, type SignedEntry } from '#proto/entry.ts'
import { sha256 } from '#proto/hash.ts'
import { checkEntry, type Schedule, slotOfStep, windowCount, windowSlots, windowSteps } from '#proto/windows.ts'
import type { SumName } from '#solver/offers.ts'
import type { AgreedStates } from '#solver/resume.ts'
import type { BareRun } from '#test/sim/bare.ts'
import type { Chance } from '#test/sim/chance.ts'
import { now, until, wait } from '#test/sim/clock.ts'
import { type Cell, Disk, type SentSum, SimSolver } from '#test/sim/solver.ts'
import type { TrainerLike } from '#test/sim/symbolic.ts'

/** As a solver's process waits for sums. */
const PATIENCE_MS = 20_000
const IMPATIENCE_MS = 250
const RETRY_MS = 200
const OFFER_MS = 25_000
const REPEAT_MS = 3_000
/** Without a commit for so long, the lost solvers are replaced. */
const OVERDUE_MS = 60_000
const BLOCK_MS = 200
/** From a window's commitment until it is final. */
const SETTLING_MS = 8_000
const LIMIT_MS = 3_600_000

export interface Weather {
  /** Probability that a message is lost. */
  readonly loss: number
  /** Longest usual delay of a message, ms. */
  readonly delay: number
  /** Longest usual time of a call to the engine or the hasher, ms. */
  readonly work: number
  /** Probability that any of these takes up to 30 s. */
  readonly stall: number
}

/** Members in `side` and the others do not hear of each other for a while. Moments in virtual ms. */
export interface Partition {
  readonly from: number
  readonly to: number
  readonly side: ReadonlySet<number>
}

/** One solver: its account and disk live on when its process dies. */
interface Member {
  readonly account: Uint8Array
  readonly disk: Disk
  readonly engine: TrainerLike
  /** Undefined while it is dead. */
  process: SimSolver | undefined
  /** Partners that failed before. */
  readonly lost: Set<Member>
}

export class CellNetwork {
  readonly members: Member[]
  readonly job: Schedule
  readonly depth: number
  /** Entries signed, with their replicas: every one of them, in the order of signing. */
  readonly signed: SignedEntry[] = []
  epoch = 0
  cells: Member[] = []
  nextWindow = 0
  finalWindows = 0
  /** State root after the last committed window. */
  root: Uint8Array | null = null
  readonly #jobId = sha256(Uint8Array.of(7))
  readonly #random: Chance
  readonly #weather: Weather
  readonly #bare: BareRun
  readonly #roots = new Map<number, Uint8Array>()
  readonly #entries = new Map<string, SignedEntry>()
  readonly #faults: unknown[] = []
  #stateLost = false
  readonly #partitions: readonly Partition[]
  /** First window of the plan epoch. */
  #fromWindow = 0
  #progressAt = 0
  /** Of each plan epoch. */
  readonly #replicas: number[] = []

  constructor(
    job: Schedule & { readonly depth: number },
    engines: readonly TrainerLike[],
    bare: BareRun,
    random: Chance,
    weather: Weather,
    partitions: readonly Partition[] = [],
  ) {
    this.job = job
    this.#partitions = partitions
    this.depth = job.depth
    this.#random = random
    this.#weather = weather
    this.#bare = bare
    this.members = engines.map((engine, i) => {
      const account = sha256(Uint8Array.of(i)).slice(0, 20)
      return { account, disk: new Disk(), engine, process: undefined, lost: new Set() }
    })
  }

  /** Trains the job with `replicas` of the members; `faults` are what happens at virtual moments, in ms. */
  async run(
    replicas: number,
    faults: readonly { readonly at: number; readonly what: () => void }[] = [],
  ): Promise<void> {
    for (const member of this.members) this.start(member)
    this.plan(replicas, 0)
    for (const { at, what } of faults) setTimeout(what, at)
    const ticker = setInterval(() => this.#tick(), BLOCK_MS)
    await until(() => this.#faults.length > 0 || this.#ended(), LIMIT_MS)
    clearInterval(ticker)
    for (const { process } of this.members) process?.runner.stop()
    for (const fault of this.#faults) throw fault
  }

  #ended(): boolean {
    const done = (member: Member): boolean => !member.process || member.process.runner.state.phase === 'finished'
    return this.nextWindow === windowCount(this.job) && this.cells.every(done)
  }

  /** Starts a member's process, or starts it again with what is on its disk. */
  start(member: Member): void {
    const { account, disk, engine } = member
    const process: SimSolver = new SimSolver({ jobId: this.#jobId, account }, this.job, engine, disk, {
      work: () => this.#work(member, () => process),
      fetchSum: (name, partner) => this.#fetchSum(member, process, name, this.cells[partner] as Member),
      fetchState: (root) => this.#fetchState(member, root),
      sign: (entry) => ({ entry, signature: new Uint8Array(65) }),
      signed: (signed) => this.#sign(process, signed),
      onError: (error) => this.#faults.push(error),
    })
    member.process = process
    const replica = this.cells.indexOf(member)
    if (replica >= 0) this.#enter(process, replica)
  }

  #enter(process: SimSolver, replica: number): void {
    const { epoch, cells } = this
    const cell: Cell = { epoch, replica, replicas: cells.length }
    const signed = process.disk.database.signedIn(this.#jobId, epoch, replica)
    for (const entry of signed) void this.#announce(process, entry)
    const safe = Math.max(this.#stepBefore(this.nextWindow), signed.at(-1)?.entry.stepTo ?? 0)
    process
      .enter(cell, this.#agreed(), () => this.#maxStep())
      .then(
        (from = safe) => {
          if (!this.#stateLost && from < safe) {
            this.#faults.push(new Error(`replica ${replica} starts at step ${from}, though it has signed to ${safe}`))
          }
        },
        (error) => this.#faults.push(error),
      )
  }

  /** Kills for ever, and what it held is gone: the others may have to train again what they do not hold. */
  lose(member: Member): void {
    this.kill(member)
    this.#stateLost = true
    member.disk.states.clear()
  }

  kill(member: Member): void {
    member.process?.runner.stop()
    member.process = undefined
  }

  /**
   * A new plan epoch from `window` on, with as many replicas as asked for and possible, by those first in `order` who live;
   * none while nobody does.
   */
  plan(replicas: number, window: number, order: readonly Member[] = [...this.cells, ...this.members]): void {
    const able = [...new Set(order)].filter(({ process }) => process)
    let size = replicas
    while (size > able.length) size /= 2
    if (size < 1) return
    this.cells = able.slice(0, size)
    this.epoch++
    this.#replicas[this.epoch] = size
    this.nextWindow = window
    this.root = this.#roots.get(window) ?? null
    this.#fromWindow = window
    this.#entries.clear()
    this.#progressAt = now()
    for (const member of able) {
      const replica = this.cells.indexOf(member)
      if (!member.process) continue
      if (replica >= 0) this.#enter(member.process, replica)
      else member.process.leave(this.epoch)
    }
  }

  /** First step of a window; behind the last one, the end. */
  #stepBefore(window: number): number {
    return window === 0 ? 0 : windowSteps(this.job, window - 1).to
  }

  #agreed(): AgreedStates {
    return { nextWindow: this.nextWindow, rootBefore: (window) => this.#roots.get(window) ?? null }
  }

  #maxStep(): number {
    const open = Math.min(this.finalWindows + this.depth, windowCount(this.job))
    return windowSteps(this.job, open - 1).to
  }

  #tick(): void {
    if (this.nextWindow < windowCount(this.job)) this.#commit()
    const dead = this.cells.filter(({ process }) => !process)
    const overdue = now() > this.#progressAt + OVERDUE_MS && this.nextWindow < windowCount(this.job)
    if (overdue && dead.length > 0) this.plan(this.cells.length, this.nextWindow)
  }

  /** Commits the next window once every cell has delivered, as a coordinator does. */
  #commit(): void {
    if (this.nextWindow >= this.finalWindows + this.depth) return
    const entries = windowSlots(this.job, this.nextWindow).map((slot) =>
      this.cells.map((_, replica) => this.#entries.get(`${slot} ${replica}`)),
    )
    if (entries.flat().includes(undefined)) return
    const window = this.nextWindow++
    this.root = entries.at(-1)?.[0]?.entry.rootAfter ?? null
    this.#roots.set(this.nextWindow, this.root as Uint8Array)
    this.#progressAt = now()
    const { epoch } = this
    setTimeout(() => this.#settle(epoch, window), SETTLING_MS)
  }

  #settle(epoch: number, window: number): void {
    // a window of an older epoch stays committed if the new one began after it
    if (window !== this.finalWindows || (epoch !== this.epoch && window >= this.#fromWindow)) return
    this.finalWindows++
    for (const { process } of this.cells) process?.runner.open(this.#maxStep())
  }

  #sign(process: SimSolver, signed: SignedEntry): void {
    this.signed.push(signed)
    const wrong = this.#wrong(signed.entry)
    if (wrong !== undefined) this.#faults.push(new Error(wrong))
    void this.#announce(process, signed)
  }

  /** Entries travel to the board late, in any order, some twice, some not at all: then they are announced again. */
  async #announce(process: SimSolver, signed: SignedEntry): Promise<void> {
    let arrived = false
    while (!arrived && this.#alive(process)) {
      for (let copies = this.#random.bool(0.2) ? 2 : 1; copies > 0; copies--) {
        if (this.#random.bool(this.#weather.loss)) continue
        arrived = true
        void this.#travel().then(() => this.#arrive(signed))
      }
      await wait(REPEAT_MS)
    }
  }

  #arrive(signed: SignedEntry): void {
    const { entry } = signed
    if (entry.epoch !== this.epoch) return
    checkEntry(this.job, { jobId: this.#jobId, epoch: this.epoch, cells: this.cells.map((c) => c.account) }, entry)
    this.#entries.set(`${slotOfStep(this.job, entry.stepFrom)} ${entry.replica}`, signed)
  }

  /** Why an entry must not have been signed. */
  #wrong(entry: Entry): string | undefined {
    const what = `entry of epoch ${entry.epoch}, replica ${entry.replica}, steps ${entry.stepFrom}..${entry.stepTo}`
    const other = this.signed.find((one) => equivocates(one.entry, entry))
    if (other) return `${what} contradicts ${toHex(entryDigest(other.entry))}`
    const fault = this.#bare.fault(entry, this.#replicas[entry.epoch] as number)
    return fault === undefined ? undefined : `${what}: ${fault} is not the bare run's`
  }

  #alive(process: SimSolver): boolean {
    return this.members.some((member) => member.process === process)
  }

  /** Engines and hashers take their time; a dead process does nothing any more. */
  async #work(member: Member, process: () => SimSolver): Promise<void> {
    const { work, stall } = this.#weather
    await wait(this.#random.bool(stall) ? this.#random.below(30_000) : 1 + this.#random.below(work))
    if (member.process !== process()) await new Promise(() => {})
  }

  /** One message on its way. */
  async #travel(): Promise<void> {
    const { delay, stall } = this.#weather
    await wait(this.#random.bool(stall) ? this.#random.below(30_000) : 1 + this.#random.below(delay))
  }

  /** Asks a partner until it answers or patience ends, as the solver's process does. */
  async #fetchSum(member: Member, process: SimSolver, name: SumName, partner: Member): Promise<SentSum | undefined> {
    const deadline = now() + (member.lost.has(partner) ? IMPATIENCE_MS : PATIENCE_MS)
    while (name.epoch === process.epoch && now() < deadline) {
      const sent = await Promise.race([this.#ask(member, partner, name), wait(deadline - now())])
      if (sent === 'past') return undefined
      if (sent) {
        member.lost.delete(partner)
        return sent
      }
      await wait(RETRY_MS)
    }
    member.lost.add(partner)
    return undefined
  }

  async #ask(member: Member, partner: Member, name: SumName): Promise<SentSum | 'past' | undefined> {
    await this.#travel()
    if (this.#random.bool(this.#weather.loss) || this.#apart(member, partner)) return undefined
    const sent = await partner.process?.offered(name, OFFER_MS)
    await this.#travel()
    return this.#random.bool(this.#weather.loss) || this.#apart(member, partner) ? undefined : sent
  }

  #apart(a: Member, b: Member): boolean {
    const [i, j] = [this.members.indexOf(a), this.members.indexOf(b)]
    return this.#partitions.some(({ from, to, side }) => now() >= from && now() < to && side.has(i) !== side.has(j))
  }

  async #fetchState(member: Member, root: Uint8Array): Promise<Uint8Array | undefined> {
    await this.#travel()
    const reached = this.members.filter((other) => other.process && !this.#apart(member, other))
    const served = reached.map(({ disk }) => disk.states.get(toHex(root)))
    const bytes = served.find((state) => state !== undefined)
    return this.#random.bool(this.#weather.loss) ? undefined : bytes
  }
}
