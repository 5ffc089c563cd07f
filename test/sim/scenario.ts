/** One job in a market, from its registration to its end, with the invariants checked after every block that changed something. */
import type { Hex } from '#contracts/abi/types.generated.ts'
import { to0x } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import type { JobSpec } from '#proto/job.ts'
import { type JobView, openDisputes } from '#proto/machines/job-view.ts'
import { createTerms, type Periods, type Prices } from '#proto/terms.ts'
import { hasEnded } from '#runtime/book.ts'
import type { Trainer } from '#runtime/trainer.ts'
import { Troupe } from '#test/sim/actors.ts'
import type { BareRun } from '#test/sim/bare.ts'
import { SimChain } from '#test/sim/chain.ts'
import type { Chance } from '#test/sim/chance.ts'
import { checkInvariants, type Snapshot } from '#test/sim/invariants.ts'
import { Market, type SimNode } from '#test/sim/market.ts'
import { SYMBOLIC_FACTS } from '#test/sim/symbolic.ts'

const PRICES: Prices = {
  entryPrice: 1_000n,
  verdictFee: 400n,
  windowFee: 500n,
  verdictStake: 9_000_000n,
  challengeBond: 7_000_000n,
  coordinatorBond: 50_000n,
  gasPrice: 1n,
}
const PERIODS: Periods = {
  bidPeriod: 25,
  commitPeriod: 40,
  verdictPeriod: 40,
  revealPeriod: 25,
  challengePeriod: 20,
  responsePeriod: 25,
  jobPeriod: 2_500,
}
const MAX_BLOCKS = 700

/** Engines for a whole file of scenarios, one for each solver and one for all audits; each must be free when it is used. */
export interface Stage {
  readonly spec: JobSpec
  readonly bare: BareRun
  readonly solvers: readonly Trainer[]
  readonly audits: Trainer
}

export class Scenario {
  readonly troupe: Troupe
  readonly market: Market
  readonly chain: SimChain
  /** Processes that break the protocol or are to die: everybody else is honest. */
  readonly faulty = new Set<SimNode>()
  readonly #stage: Stage
  readonly #told = new Set<Hex>()
  readonly #roots: readonly Hex[]
  /** What was checked last. */
  snapshot: Snapshot | undefined
  jobId: Hex = '0x'

  private constructor(stage: Stage, chain: SimChain, random: Chance) {
    this.#stage = stage
    this.#roots = stage.bare.roots.map((root) => to0x(root) as Hex)
    this.chain = chain
    this.market = new Market(chain, random)
    this.troupe = new Troupe(this.market, stage.spec, random, stage.audits)
  }

  /** Runs `play` with a chain of its own. */
  static async run(stage: Stage, random: Chance, seed: number, play: (s: Scenario) => Promise<void>): Promise<void> {
    const chain = await SimChain.start(seed)
    const scenario = new Scenario(stage, chain, random)
    try {
      await play(scenario)
    } finally {
      scenario.troupe.stop()
      await chain.stop()
    }
  }

  /** @param changes of the periods, which otherwise leave time enough for processes that lag and queue */
  async submit(changes: Partial<Periods> = {}): Promise<void> {
    const periods = { ...PERIODS, ...changes }
    this.jobId = await this.market.submit(createTerms(this.#stage.spec, { prices: PRICES, periods }, SYMBOLIC_FACTS))
    await this.market.step()
  }

  get view(): JobView {
    return this.market.view(this.jobId)
  }

  /** The final state's root in the bare run. */
  get honestRoot(): Hex {
    return this.#roots.at(-1) as Hex
  }

  /** Makes blocks until `done`, or, without it, until the job has ended and everybody alive has its stake back. */
  async until(done: (view: JobView) => boolean = (view) => this.#over(view)): Promise<JobView> {
    for (let blocks = 0; !done(this.view); blocks++) {
      if (blocks > MAX_BLOCKS) fail('timeout', `nothing comes of it in ${MAX_BLOCKS} blocks: ${this.story()}`)
      const before = this.chain.events.length
      await this.market.step()
      if (this.chain.events.length === before) continue
      await this.#tellTruth()
      await this.#check()
    }
    return this.view
  }

  /** To the arbiter, which plays no games: whose claims are false, and who is not there to play. */
  async #tellTruth(): Promise<void> {
    const { oracle } = this.chain
    for (const { me, alive } of this.market.nodes) if (!alive) await oracle.absent(me)
    for (const dispute of openDisputes(this.view)) {
      if (this.#told.has(dispute.entryHash)) continue
      this.#told.add(dispute.entryHash)
      if (this.troupe.isFalse(dispute)) await oracle.falseClaim(dispute.entryHash)
    }
  }

  /** Nobody alive waits for its stake any more. */
  #over(view: JobView): boolean {
    const living = this.market.nodes.filter(({ alive }) => alive).map(({ me }) => me)
    return hasEnded(view) && living.every((account) => this.#seat(view, account) === 0n)
  }

  #seat(view: JobView, account: Hex): bigint {
    const lines = view.ledger.filter((line) => line.account === account)
    const sum = (reason: string): bigint =>
      lines.filter((line) => line.reason === reason).reduce((total, { amount }) => total + amount, 0n)
    return sum('Slash') - sum('Stake') - sum('Unstake')
  }

  async #check(): Promise<void> {
    const { chain, market, jobId } = this
    const { reader } = chain
    const { accounts } = market
    const [job, held, free, seats] = await Promise.all([
      reader.jobOf(jobId),
      chain.held(),
      Promise.all(accounts.map((account) => reader.balanceOf(account))),
      Promise.all(accounts.map((account) => reader.seatOf(jobId, account))),
    ])
    const honest = market.nodes.filter((node) => !this.faulty.has(node)).map(({ me }) => me)
    this.snapshot = {
      block: chain.block,
      events: chain.events,
      view: this.view,
      job,
      held,
      free: new Map(accounts.map((account, i) => [account, free[i] as bigint])),
      seats: new Map(accounts.map((account, i) => [account, seats[i] as (typeof seats)[number]])),
      honest: new Set(honest),
      roots: this.#roots,
      refusal: (from, name, ...args) => chain.refusal(from, name, ...args),
    }
    await checkInvariants(this.snapshot)
  }

  /** What was lost, in wei. */
  slashed(node: SimNode): bigint {
    const lines = this.view.ledger.filter(({ account, reason }) => account === node.me && reason === 'Slash')
    return -lines.reduce((sum, { amount }) => sum + amount, 0n)
  }

  /** The events of the job in a line each, for whoever reads a failure. */
  story(): string {
    const names = new Map(this.market.nodes.map(({ me, name }) => [me as string, name]))
    const told = this.chain.events.filter(({ name }) => name !== 'Ledger' && name !== 'Recorded')
    const lines = told.map(({ blockNumber, name, ...fields }) => {
      const shown = Object.entries(fields).flatMap(([key, value]) =>
        typeof value === 'number' || names.has(String(value)) ? [`${key} ${names.get(String(value)) ?? value}`] : [],
      )
      return `${blockNumber} ${name} ${shown.join(', ')}`
    })
    const refusals = this.market.refusals.map(({ node, action, error }) => `${node} ${action}: ${error}`)
    return [...lines, ...refusals.slice(-20)].join('\n')
  }
}
