/**
 * A whole market in one process: the real contracts, views, decisions and cells, with a scheduler that draws who acts next.
 * Time is counted in blocks; nothing waits for a clock.
 */
import type { AssaySender } from '#contracts/sender.ts'
import { fail } from '#proto/errors.ts'
import type { SeatRole } from '#proto/machines/events.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { type Hex, type JobTerms, quote } from '#proto/terms.ts'
import { hasEnded, JobBook } from '#runtime/book.ts'
import { Performer } from '#runtime/performer.ts'
import { type UpkeepAction, upkeep } from '#runtime/upkeep.ts'
import type { SimChain } from '#test/sim/chain.ts'
import type { Chance } from '#test/sim/chance.ts'
import { rest } from '#test/sim/clock.ts'

/** Blocks by which a process may lag behind the chain. */
const MAX_LAG = 2
/** Transactions of one block at most. */
const MAX_TOGETHER = 4
const DEPOSIT = 10n ** 18n

/** One process of the market: what runtime/node.ts gives a role, without the network. */
export class SimNode {
  readonly name: string
  readonly sender: AssaySender
  readonly me: Hex
  readonly book = new JobBook()
  alive = true
  readonly #market: Market
  #through = 0

  constructor(market: Market, name: string, sender: AssaySender, grace: number) {
    this.#market = market
    this.name = name
    this.sender = sender
    this.me = sender.address
    this.book.onBroken = (_, error) => market.broken(name, error)
    this.act(
      (job, block) => upkeep(job, block, grace, this.me),
      (action) => this.#upkeep(action),
    )
  }

  /** Decides and performs; what is decided waits for the scheduler. */
  act<A extends { readonly key: string }>(
    decide: (job: JobView, block: number) => A[],
    perform: (action: A) => Promise<unknown>,
  ): void {
    const performer = new Performer<A>(
      (action) => this.#market.schedule(this, () => perform(action)),
      (action, error, failures) => this.#market.refused(this.name, action.key, error, failures),
    )
    this.book.onBlock((job, block) => performer.offer(decide(job, block), block))
  }

  bidFor(role: SeatRole): void {
    this.act(
      (job, block) => (mayBid(job, role, this.me, block) ? [{ key: `${job.jobId}:bid:${job.bidsClose}`, job }] : []),
      ({ job }) => {
        const { solverStake, verifierStake, coordinatorStake } = quote(job.terms)
        const stake = role === 'Solver' ? solverStake : role === 'Verifier' ? verifierStake : coordinatorStake
        return this.sender.bid(job.jobId, role, stake)
      },
    )
  }

  /** Takes in the blocks up to `block`. */
  follow(block: number): void {
    if (!this.alive || block <= this.#through) return
    const { events } = this.#market.chain
    const fresh = events.filter(({ blockNumber }) => blockNumber > this.#through && blockNumber <= block)
    this.#through = block
    this.book.apply(fresh, block)
  }

  get through(): number {
    return this.#through
  }

  #upkeep(action: UpkeepAction): Promise<unknown> {
    switch (action.type) {
      case 'assign':
      case 'expire':
        return this.sender[action.type](action.jobId)
      case 'fixSeed':
      case 'redraw':
      case 'settleWindow':
        return this.sender[action.type](action.jobId, action.window)
      case 'resolve':
        return this.sender.resolve(action.entryHash)
      case 'replace':
        return this.sender.replace(action.jobId, action.replica)
      case 'unbond':
        return this.sender.unbond(action.jobId, action.account)
    }
  }
}

function mayBid(job: JobView, role: SeatRole, me: Hex, block: number): boolean {
  if (hasEnded(job) || job.phase === 'training' || block >= job.bidsClose) return false
  return !job.bids.some(({ account }) => account === me) && (role === 'Solver' || job.phase === 'bidding')
}

interface Task {
  readonly node: SimNode
  readonly since: number
  readonly run: () => Promise<void>
}

/** An action that the contract did not take, as it was when it was offered. */
export interface Refusal {
  readonly node: string
  readonly action: string
  readonly error: string
  readonly failures: number
}

export class Market {
  readonly chain: SimChain
  readonly nodes: SimNode[] = []
  readonly refusals: Refusal[] = []
  /** Everything on the chain, without lag. */
  readonly observer = new JobBook()
  readonly #random: Chance
  readonly #submitter: AssaySender
  #tasks: Task[] = []
  #observed = 0
  readonly #faults: Error[] = []
  #turns: (() => void)[] = []

  constructor(chain: SimChain, random: Chance) {
    this.chain = chain
    this.#submitter = chain.sender(chain.accounts[0] ?? fail('internal', 'the chain has no account'))
    this.#random = random
    this.observer.onBroken = (_, error) => this.broken('observer', error)
  }

  /** A process with the next account of the chain, funded in the contract. */
  async join(name: string, grace: number): Promise<SimNode> {
    const account = this.chain.accounts[this.nodes.length + 1]
    const sender = this.chain.sender(account ?? fail('internal', 'the chain has too few accounts'))
    await this.chain.mine([() => sender.deposit(DEPOSIT).then(() => {})])
    const node = new SimNode(this, name, sender, grace)
    this.nodes.push(node)
    return node
  }

  async submit(terms: JobTerms): Promise<Hex> {
    let jobId: Hex = '0x'
    await this.chain.mine([
      async () => {
        jobId = (await this.#submitter.registerJob(terms, 1n, quote(terms).escrow + 7n)).jobId
      },
    ])
    return jobId
  }

  /** Everybody who has anything in the contract. */
  get accounts(): readonly Hex[] {
    return [this.#submitter.address, ...this.nodes.map(({ me }) => me)]
  }

  /** The process's work waits for its turn; what a dead process wanted is forgotten. */
  schedule(node: SimNode, work: () => Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = async (): Promise<void> => {
        if (!node.alive) return
        await work().then(() => resolve(), reject)
      }
      this.#tasks.push({ node, since: this.chain.block, run })
    })
  }

  /** An action failed; it is tried again. */
  refused(node: string, action: string, error: unknown, failures: number): void {
    this.refusals.push({ node, action, error: String(error), failures })
  }

  /** A process met something that must not happen: the next step throws it. */
  broken(node: string, error: unknown): void {
    this.#faults.push(new Error(`${node}: ${error instanceof Error ? error.stack : String(error)}`))
  }

  /** Resolves when the next block is made. */
  nextBlock(): Promise<void> {
    return new Promise((resolve) => this.#turns.push(resolve))
  }

  /** Lets everybody look at the chain, and makes one block of what some of them want. */
  async step(): Promise<void> {
    for (const node of this.#random.shuffle(this.nodes)) {
      node.follow(Math.max(node.through, this.chain.block - this.#random.below(MAX_LAG + 1)))
    }
    await rest()
    await this.chain.mine(this.#choose().map(({ run }) => run))
    this.#observe()
    const turns = this.#turns
    this.#turns = []
    for (const turn of turns) turn()
    await rest()
    for (const fault of this.#faults) throw fault
  }

  /** Whose turn it is: anyone's, but nobody waits long. */
  #choose(): Task[] {
    this.#tasks = this.#tasks.filter(({ node }) => node.alive)
    const chosen = this.#random.shuffle(this.#tasks).slice(0, this.#random.below(MAX_TOGETHER + 1))
    const old = this.#tasks.find(({ since }) => since < this.chain.block - 4)
    if (old && !chosen.includes(old)) chosen.push(old)
    this.#tasks = this.#tasks.filter((task) => !chosen.includes(task))
    return chosen
  }

  #observe(): void {
    const fresh = this.chain.events.slice(this.#observed)
    this.#observed = this.chain.events.length
    this.observer.apply(fresh, this.chain.block)
  }

  view(jobId: Hex): JobView {
    return this.observer.views.get(jobId) ?? fail('internal', `no job ${jobId} on the chain`)
  }
}
