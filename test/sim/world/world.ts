/**
 * A world: one job from its registration to its end, by the real code of every role on the real contracts, in virtual time.
 * Its processes run with stand-ins for what lies outside them - peers, engines, files - and everything goes wrong that the
 * seed's fault plan names. The rules are checked after every event that they speak of.
 */
import { createHash } from 'node:crypto'
import type { Hex, Seat } from '#contracts/abi/types.generated.ts'
import type { ChainEvent } from '#contracts/codec.ts'
import { parseRevert } from '#contracts/errors.ts'
import { AssaySender } from '#contracts/sender.ts'
import { coordinate } from '#coordinator/role.ts'
import { fromHex, to0x } from '#proto/bytes.ts'
import type { Entry, SignedEntry } from '#proto/entry.ts'
import { applyEvents } from '#proto/machines/job.ts'
import { type JobView, openDisputes } from '#proto/machines/job-view.ts'
import { createTerms, quote } from '#proto/terms.ts'
import { hasEnded } from '#runtime/book.ts'
import { identityOf } from '#runtime/keys.ts'
import { createNode, type RoleNode } from '#runtime/node.ts'
import type { Logger } from '#runtime/shell.ts'
import { runSolver } from '#solver/role.ts'
import { BareRun } from '#test/sim/bare.ts'
import { type Chance, chance } from '#test/sim/chance.ts'
import { INVARIANTS, type Snapshot } from '#test/sim/invariants.ts'
import { SYMBOLIC_FACTS, SymbolicTrainer } from '#test/sim/symbolic.ts'
import { Air, type Place } from '#test/sim/world/air.ts'
import { type Cast, drawCast, GRACE, type Part, PERIODS, PRICES } from '#test/sim/world/cast.ts'
import type { ChainPool, WorldChain } from '#test/sim/world/chain.ts'
import { Disk } from '#test/sim/world/disk.ts'
import { installHost } from '#test/sim/world/host.ts'
import { PeerOf, Peers } from '#test/sim/world/peers.ts'
import { WorldProvider, WorldReader } from '#test/sim/world/provider.ts'
import { BLOCK_RULES, ENTRY_RULES, PROCESS_RULES } from '#test/sim/world/rules.ts'
import { Life, Schedule } from '#test/sim/world/schedule.ts'
import { calm, drawFaults, type FaultPlan } from '#test/sim/world/weather.ts'
import { symbolicWorkers } from '#test/sim/world/workers.ts'
import { runVerifier } from '#verifier/role.ts'
import { runWhistleblower } from '#whistleblower/role.ts'

/** Between two blocks, ms. */
const BLOCK_MS = 2_000
/** Between two looks of a process at the chain, ms. */
const POLL_MS = 2_000
/** From the last fault until the job must have ended, ms. */
const BOUND_MS = 1_200_000

export interface WorldOptions {
  /** Blocks that a reorganisation may replace. */
  readonly finality: number
  /** Told every line of the event log. */
  readonly tell?: (line: string) => void
}

/** What came of a world. */
export interface Report {
  readonly seed: number
  readonly phase: JobView['phase']
  /** Whether one of the solvers cheated. */
  readonly liar: boolean
  readonly epochs: number
  /** Blocks of the final chain, and those that were replaced. */
  readonly blocks: number
  readonly replaced: number
  /** Events fired, and rules checked. */
  readonly events: number
  readonly checks: number
  readonly crashes: number
  /** SHA-256 of the event log. */
  readonly log: string
}

export interface Member {
  readonly index: number
  readonly part: Part
  readonly place: Place
  readonly account: Hex
  readonly disk: Disk
  readonly peer: PeerOf
  readonly lies: boolean
  /** Of its present life. */
  node: RoleNode | undefined
  /** Steps of its own sums: in the order computed, with the life that did. */
  readonly computed: { readonly life: Life; readonly epoch: number; readonly step: number }[]
}

export class World {
  readonly seed: number
  readonly cast: Cast
  readonly plan: FaultPlan
  readonly schedule = new Schedule()
  readonly members: Member[] = []
  readonly signed: SignedEntry[] = []
  /** Commitments to verdicts by what they are about, of every block that ever was. */
  readonly verdicts = new Map<string, string>()
  readonly bare: BareRun
  readonly #chain: WorldChain
  readonly #air: Air
  readonly #random: Chance
  readonly #options: WorldOptions
  readonly #log = createHash('sha256')
  readonly #faults: Error[] = []
  /** The job after each block of the present chain. */
  readonly #history = new Map<number, JobView>()
  #view: JobView | null = null
  #jobId: Hex = '0x'
  /** When a block was last replaced, ms. */
  reorganisedAt = Number.NEGATIVE_INFINITY
  #checks = 0
  #crashes = 0

  /** Lives through the world of a seed. @throws Error that names what is broken, and when */
  static async live(pool: ChainPool, seed: number, options: WorldOptions): Promise<Report> {
    const world = new World(seed, await pool.fresh(seed, chance(`chain ${seed}`)), options)
    const restore = installHost(world.schedule, chance(`host ${seed}`))
    const unhandled = (error: unknown): void => world.broken('a promise that nobody waits for', error)
    process.on('unhandledRejection', unhandled)
    try {
      return await world.#run()
    } finally {
      for (const { place } of world.members) if (place.life) place.life.alive = false
      await new Promise((resolve) => setImmediate(resolve))
      process.off('unhandledRejection', unhandled)
      restore()
    }
  }

  private constructor(seed: number, chain: WorldChain, options: WorldOptions) {
    this.seed = seed
    this.#chain = chain
    this.#options = options
    this.cast = drawCast(chance(`cast ${seed}`))
    this.plan = drawFaults(chance(`faults ${seed}`), this.cast.parts.length, options.finality)
    this.#random = chance(`world ${seed}`)
    this.#air = new Air(this.schedule, chance(`air ${seed}`), this.plan)
    const { spec } = this.cast
    this.bare = new BareRun(new SymbolicTrainer(spec.microBatches, spec.lanes), spec.steps)
    const peers = new Peers(this.schedule, this.#air)
    for (const [index, part] of this.cast.parts.entries()) this.members.push(this.#member(peers, index, part))
  }

  #member(peers: Peers, index: number, part: Part): Member {
    const { address } = this.#chain.accounts[index + 1] as { address: Hex }
    const place: Place = { index, name: `${part} ${index}`, life: undefined }
    const disk: Disk = new Disk({
      signed: (entry) => this.#signed(member, entry),
      written: () => this.#written(member),
    })
    const member: Member = {
      index,
      part,
      place,
      account: address,
      disk,
      peer: new PeerOf(peers, place, address, disk),
      lies: index === this.cast.liar,
      node: undefined,
      computed: [],
    }
    return member
  }

  get view(): JobView | null {
    return this.#view
  }

  /** The job after a block of the present chain. */
  viewAt(block: number): JobView | undefined {
    return this.#history.get(block)
  }

  async #run(): Promise<Report> {
    const { schedule, plan } = this
    await this.#submit()
    for (const member of this.members) this.#start(member)
    schedule.of(undefined, BLOCK_MS, () => this.#block())
    for (const { at, ms, who } of plan.crashes) {
      schedule.of(undefined, at, () => this.#crash(this.members[who] as Member, ms))
    }
    for (const { at, depth } of plan.reorgs) schedule.of(undefined, at, () => this.#reorganise(depth))
    schedule.of(undefined, plan.calmAt, () => {
      this.#air.weather = calm(plan.weather)
    })
    await schedule.run(
      () => this.#faults.length > 0 || this.#over(),
      plan.calmAt + BOUND_MS,
      () => this.#look(),
    )
    for (const fault of this.#faults) throw fault
    const { epoch, phase } = this.#view as JobView
    return {
      seed: this.seed,
      phase,
      liar: this.cast.liar !== undefined,
      epochs: epoch,
      blocks: this.#history.size,
      replaced: this.#chain.replaced,
      events: schedule.fired,
      checks: this.#checks,
      crashes: this.#crashes,
      log: this.#log.digest('hex'),
    }
  }

  /** The job is registered before anything goes wrong. */
  async #submit(): Promise<void> {
    const terms = createTerms(this.cast.spec, { prices: PRICES, periods: PERIODS }, SYMBOLIC_FACTS)
    const submitter = this.#chain.accounts[0] as { address: Hex }
    this.#jobId = await this.#chain.register(submitter.address, terms, quote(terms).escrow)
    this.#fold(await this.#chain.mine())
  }

  /** The job has ended, nobody is away, and everybody alive has its stake back. */
  #over(): boolean {
    const view = this.#view
    if (!view || !hasEnded(view) || this.schedule.now < this.plan.calmAt) return false
    return this.members.every(({ account, part }) => part === 'whistleblower' || !seated(view, account))
  }

  #start(member: Member): void {
    const { schedule } = this
    const clock = this.plan.clocks[member.index]
    const life = new Life(member.place.name, schedule.now, clock?.rate, clock?.offset)
    member.place.life = life
    this.trace(member.place.name, 'starts')
    schedule.as(life, () => {
      const { privateKey } = this.#chain.accounts[member.index + 1] as { privateKey: Hex }
      const provider = new WorldProvider(this.#chain, schedule, this.#air, member.place)
      const { deployment } = this.#chain
      const identity = identityOf(fromHex(privateKey, 32))
      const node = createNode(
        {
          log: this.#logger(member, life),
          signal: new AbortController().signal,
          identity,
          reader: new WorldReader(provider, deployment),
          sender: new AssaySender(provider, deployment, privateKey, { pollMs: 700 }),
          database: member.disk.database,
          ...member.peer.begin(),
        },
        provider,
        GRACE[member.part],
        { confirmations: this.plan.confirmations, pollMs: POLL_MS },
      )
      member.node = node
      node.announcer.introduce(member.part)
      this.#main(member, life, node).catch((error) => life.alive && this.broken(member.place.name, error))
    })
  }

  /** What the process of a role runs. */
  #main(member: Member, life: Life, node: RoleNode): Promise<void> {
    const { spec, rate, lie } = this.cast
    const workers = symbolicWorkers(spec, spec.lanes, member.disk, {
      work: () => this.schedule.wait(this.#air.time(this.#air.weather.work)),
      sync: () => this.schedule.wait(this.#air.disk()),
      computed: (step, replica, replicas) => {
        const cells = this.#view?.cells ?? []
        if (replicas !== cells.length || cells[replica] !== member.account) return
        member.computed.push({ life, epoch: this.#view?.epoch ?? 0, step })
      },
      lie: member.lies ? lie : undefined,
    })
    switch (member.part) {
      case 'coordinator':
        coordinate(node)
        return node.run()
      case 'solver':
        return runSolver(node, { workers })
      case 'verifier':
        return runVerifier(node, workers)
      case 'whistleblower':
        return runWhistleblower(node, workers, rate)
    }
  }

  #crash(member: Member, ms: number): void {
    const { life } = member.place
    if (!life?.alive) return
    this.#crashes++
    life.alive = false
    member.place.life = undefined
    member.node = undefined
    this.trace(member.place.name, 'is killed')
    this.schedule.of(undefined, ms, () => this.#start(member))
  }

  /** A durable write: it takes the disk's time, and may be the last thing that the process does. */
  #written(member: Member): void {
    const { life } = member.place
    if (!life) return
    life.frozenUntil = this.schedule.now + this.#air.disk()
    if (this.#air.breaks()) this.#crash(member, 100 + this.#random.below(5_000))
  }

  #signed(member: Member, signed: SignedEntry): void {
    this.trace(
      member.place.name,
      `signs ${signed.entry.epoch} ${signed.entry.stepFrom} ${to0x(signed.entry.rootAfter)}`,
    )
    for (const rule of ENTRY_RULES) this.#check(rule, () => rule(this, member, signed))
    this.signed.push(signed)
  }

  async #block(): Promise<void> {
    this.schedule.of(undefined, BLOCK_MS, () => this.#block())
    await this.#mine()
  }

  async #mine(): Promise<void> {
    const block = await this.#chain.mine()
    this.trace('chain', `${block.number} ${block.hash} ${block.events.map(({ name }) => name).join(' ')}`)
    this.#fold(block)
    await this.#tellTruth()
    for (const rule of BLOCK_RULES) this.#check(rule, () => rule(this, block.events))
    if (block.events.length > 0) await this.#judge()
  }

  /** Another chain, as long as the present one and by one block longer. */
  async #reorganise(depth: number): Promise<void> {
    const { number } = this.#chain.head
    // the job's own registration stays
    const possible = Math.min(depth, this.#history.size - 1)
    if (possible < 1) return
    await this.#chain.reorganise(possible)
    this.trace('chain', `takes ${possible} blocks back`)
    for (let block = number; block > number - possible; block--) this.#history.delete(block)
    this.#view = this.#history.get(number - possible) ?? null
    this.reorganisedAt = this.schedule.now
    for (let i = 0; i <= possible; i++) await this.#mine()
  }

  /** To the arbiter, which plays no games and forgets when blocks are taken back: whose claims are false. */
  async #tellTruth(): Promise<void> {
    const liar = this.members.find(({ lies }) => lies)?.account
    for (const { solver, slot, entryHash } of this.#view ? openDisputes(this.#view) : []) {
      const entry = slot.find((one) => one.entryHash === entryHash)?.entry
      if (solver === liar && entry && this.#lied(entry)) await this.#chain.oracle.falseClaim(entryHash)
    }
  }

  #lied({ stepFrom, stepTo }: Entry): boolean {
    const sum = new Uint8Array(Float32Array.of(1).buffer)
    const steps = Array.from({ length: stepTo - stepFrom }, (_, i) => stepFrom + i)
    return steps.some((step) => this.cast.lie(step, sum.slice()))
  }

  #fold(block: { readonly number: number; readonly events: readonly ChainEvent[] }): void {
    this.#view = applyEvents(this.#view, this.#jobId, block.events)
    if (this.#view) this.#history.set(block.number, this.#view)
  }

  /** The rules of the market, over what the contracts hold now. */
  async #judge(): Promise<void> {
    const submitter = this.#chain.accounts[0] as { address: Hex }
    const accounts = [submitter.address, ...this.members.map(({ account }) => account)]
    const reader = this.#chain.reader()
    const [job, free, seats, held] = await Promise.all([
      reader.jobOf(this.#jobId),
      Promise.all(accounts.map((account) => reader.balanceOf(account))),
      Promise.all(accounts.map((account) => reader.seatOf(this.#jobId, account))),
      this.#chain.held(),
    ])
    const snapshot: Snapshot = {
      block: this.#chain.head.number,
      events: this.#chain.events(),
      view: this.#view as JobView,
      job,
      held,
      free: new Map(accounts.map((account, i) => [account, free[i] as bigint])),
      seats: new Map(accounts.map((account, i) => [account, seats[i] as Seat])),
      honest: new Set(this.members.filter(({ lies }) => !lies).map(({ account }) => account)),
      roots: this.bare.roots.map((root) => to0x(root) as Hex),
      refusal: async (from, name, ...args) => {
        const data = await this.#chain.revertOf(from, name, ...args)
        return data === undefined ? undefined : ((parseRevert(data)?.name ?? 'Unknown') as never)
      },
    }
    for (const rule of INVARIANTS) await this.#check(rule, () => rule(snapshot))
  }

  /** After every event. */
  #look(): void {
    for (const rule of PROCESS_RULES) this.#check(rule, () => rule(this))
  }

  #check(rule: { readonly name: string }, holds: () => unknown): Promise<void> | undefined {
    this.#checks++
    try {
      const result = holds()
      if (result instanceof Promise) return result.catch((error) => this.broken(rule.name, error))
    } catch (error) {
      this.broken(rule.name, error)
    }
    return undefined
  }

  /** Something that must not happen has happened. */
  broken(where: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    const { now } = this.schedule
    this.trace(where, `BROKEN ${message}`)
    this.#faults.push(
      new Error(`${where}, at ${now} ms, block ${this.#chain.head.number}: ${message}`, { cause: error }),
    )
  }

  /** A line of the event log. */
  trace(who: string, what: string): void {
    const line = `${Math.round(this.schedule.now)} ${who}: ${what}`
    this.#log.update(`${line}\n`)
    this.#options.tell?.(line)
  }

  #logger(member: Member, life: Life): Logger {
    const say =
      (level: string) =>
      (fields: object, message: string): void => {
        if (!life.alive) return
        const told = { ...fields } as Record<string, unknown>
        this.trace(member.place.name, `${level} ${message} ${JSON.stringify(told, stringOf)}`)
        if ((level === 'error' || level === 'fatal') && !member.lies)
          this.broken(member.place.name, message + told.error)
      }
    const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
    return Object.fromEntries(levels.map((level) => [level, say(level)])) as unknown as Logger
  }
}

const stringOf = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

/** Whether an account has a stake left in a job. */
function seated(view: JobView, account: Hex): boolean {
  let stake = 0n
  for (const { account: of, reason, amount } of view.ledger) {
    if (of !== account) continue
    if (reason === 'Slash') stake += amount
    if (reason === 'Stake' || reason === 'Unstake') stake -= amount
  }
  return stake > 0n
}
