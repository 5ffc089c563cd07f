/** One liar's trial: the job, the lie, the verdicts, the games and the rulings, then honest work to the end of the job. */
import type { EntryView, Hex, Ruling } from '#contracts/abi/types.generated.ts'
import { hex } from '#contracts/entries.ts'
import { longestGame } from '#pinpoint/game.ts'
import type { Player as Side, Statement } from '#pinpoint/types.ts'
import type { SignedEntry } from '#proto/entry.ts'
import type { ReceivedSum } from '#runtime/compute/dispute.ts'
import { caseOf } from '#runtime/pinpoint/case.ts'
import { EntryStatement } from '#runtime/pinpoint/statement.ts'
import { entryOf } from '../fork-sweep/fork.ts'
import { type Books, booksOf, wealthOf } from './books.ts'
import type { Actor } from './cast.ts'
import type { Account, Chain } from './chain.ts'
import { type Cast, type Committed, Course, castOf } from './course.ts'
import { type Forge, type Forged, flippedBit, nobodys, wrongReduction } from './forgeries.ts'
import { type Ground, type Place, stepsOf } from './ground.ts'
import { type Disputed, Honest, Liar, type Manner, type Player } from './players.ts'
import { type Decided, decidedGames } from './record.ts'
import { type Dispute, Table } from './table.ts'

export interface Verdict {
  readonly actor: Actor
  readonly rulings: readonly Ruling[]
  readonly games: readonly Decided[]
  readonly books: Books
  readonly crooked: ReadonlySet<Hex>
  readonly cast: Cast
  readonly gas: ReadonlyMap<Hex, number>
  readonly refused: number
  /** From the verdicts to the last ruling, in blocks. */
  readonly blocks: number
  /** From the last bonded challenge to the settlement of the window, in blocks; undefined if it is void, or there was none. */
  readonly delay: number | undefined
  /** What is not as it should be. */
  readonly faults: readonly string[]
}

let jobs = 0n

/** Whether the actor loses, and nobody else. @param seed names the places that are chosen by chance */
export async function trial(chain: Chain, ground: Ground, actor: Actor, seed: string): Promise<Verdict> {
  return await new Trial(chain, ground, actor, `${seed} ${actor.name}`).run()
}

class Trial {
  readonly #chain: Chain
  readonly #ground: Ground
  readonly #actor: Actor
  readonly #seed: string
  readonly #cast: Cast
  readonly #table: Table
  readonly #crooked = new Map<Hex, Manner>()
  readonly #forged = new Map<number, Forged>()
  readonly #disputes = new Map<Hex, Dispute>()
  readonly #rulings: Ruling[] = []
  readonly #games: Decided[] = []
  /** What was not as it should be on the way. */
  readonly #found: string[] = []
  /** Block of the last bonded challenge. */
  #challenged: number | undefined

  constructor(chain: Chain, ground: Ground, actor: Actor, seed: string) {
    this.#chain = chain
    this.#ground = ground
    this.#actor = actor
    this.#seed = seed
    this.#cast = castOf(chain)
    this.#table = new Table(chain, this.#cast.bystander.address)
  }

  async run(): Promise<Verdict> {
    const { accounts } = this.#chain
    const fromBlock = await this.#chain.head()
    const before = await wealthOf(this.#chain, accounts)
    const course = await Course.begin(this.#chain, this.#cast, this.#ground, ++jobs)
    const committed = await this.#commit(course)
    const drawn = await course.draw(committed)
    this.#corrupt(drawn)
    const accused = await this.#chain.head()
    await course.judge(committed, drawn, this.#actor.judging)
    await this.#sybils(course, committed)
    await this.#settleDisputes(course, committed)
    await this.#whistle(course, committed)
    const blocks = (await this.#chain.head()) - accused
    const delay = await this.#delay(course, committed)
    if (!(await course.finish())) this.#found.push('the job does not end in the honest state')
    const books = await booksOf(this.#chain, course.jobId, accounts, before, fromBlock)
    const { gas, refused } = this.#table
    const verdict: Omit<Verdict, 'faults'> = {
      ...{ actor: this.#actor, rulings: this.#rulings, games: this.#games, books, gas, blocks, delay },
      ...{ crooked: new Set(this.#crooked.keys()), cast: this.#cast },
      refused: [...refused.values()].reduce((sum, n) => sum + n, 0),
    }
    return { ...verdict, faults: [...this.#found, ...this.#faults(verdict)] }
  }

  /** Honest windows, then the one that is lied about. */
  async #commit(course: Course): Promise<Committed> {
    const { forge, windows, pair, hidden, alone, solver, crookedSolver, hands } = this.#actor
    let last: Committed | undefined
    for (let window = 0; window < windows - 1; window++) last = await course.pass()
    if (hands !== undefined && !(await course.refuses(hands, last))) this.#found.push(`the contract takes ${hands}`)
    const cells = await course.cells()
    const place: Place = { window: windows - 1, replica: hidden ? 1 : 0 }
    if (crookedSolver) this.#crooked.set(cells[0] as Hex, solver ?? {})
    if (forge === undefined) return await course.commit()
    this.#crooked.set(cells[place.replica] as Hex, solver ?? {})
    const forged = await forge(this.#ground, place, this.#seed)
    if (alone) {
      if (!(await course.disagrees(new Map([[0, forged]]))))
        this.#found.push('the contract takes entries that disagree')
      // Nothing of it is on the chain: it has lost its time.
      this.#crooked.clear()
      return await course.commit()
    }
    this.#forged.set(place.replica, forged)
    if (hidden) {
      this.#crooked.set(cells[0] as Hex, {})
      this.#forged.set(0, { statement: this.#deceived({ ...place, replica: 0 }, forged), change: {} })
    }
    if (pair) await this.#pairUp(cells, place, forged)
    return await course.commit(this.#forged)
  }

  /** The other cells claim what the first one does, which is not what follows from their own sums. */
  async #pairUp(cells: readonly Hex[], place: Place, { statement, change }: Forged): Promise<void> {
    const follows = await entryOf(statement, this.#ground.schedule(place), nobodys(this.#ground, place))
    const { rootAfter, lanesRoot, metricsRoot } = { ...follows, ...change }
    for (const [replica, cell] of cells.entries()) {
      if (replica === 0) continue
      this.#forged.set(replica, {
        statement: this.#ground.truth({ ...place, replica }),
        change: { rootAfter, lanesRoot, metricsRoot },
      })
      this.#crooked.set(cell, {})
    }
  }

  /** What follows from the sums that a cell was sent. */
  #deceived(place: Place, { sent }: Forged): Statement {
    const received = (step: number): Uint8Array | undefined => sent?.(step)
    return new EntryStatement({ ...this.#ground.source(place), received }, this.#ground.runner)
  }

  #corrupt(drawn: readonly Hex[]): void {
    const { judging, acceptor, challenger, sybils = 0 } = this.#actor
    if (judging === 'lazy') for (const verifier of drawn) this.#crooked.set(verifier, acceptor ?? {})
    if (judging === 'griefing') this.#crooked.set(drawn[0] as Hex, challenger ?? {})
    for (const { address } of this.#cast.sybils.slice(0, sybils)) this.#crooked.set(address, challenger ?? {})
  }

  async #sybils(course: Course, { window }: Committed): Promise<void> {
    const { sybils = 0, late, target = 0 } = this.#actor
    if (sybils === 0) return
    if (late) await this.#chain.reach((await course.view(window)).challengesUntil - 1)
    await this.#challenge(course, window, target, this.#cast.sybils.slice(0, sybils))
  }

  async #challenge(course: Course, window: number, index: number, accounts: readonly Account[]): Promise<void> {
    const { epoch } = await course.view(window)
    await this.#chain.block(
      ...accounts.map(
        ({ assay }) =>
          () =>
            assay.challenge(course.jobId, epoch, window, index),
      ),
    )
    this.#challenged = await this.#chain.head()
  }

  /** An honest whistleblower audits what was accepted, and challenges it if it is false. */
  async #whistle(course: Course, committed: Committed): Promise<void> {
    const { status } = await course.view(committed.window)
    if (status !== 'Committed' || (await course.audit(committed, 0)).judgement.accept) return
    await this.#challenge(course, committed.window, 0, [this.#cast.whistleblower])
    await this.#settleDisputes(course, committed)
  }

  async #delay(course: Course, { window }: Committed): Promise<number | undefined> {
    if ((await course.view(window)).status !== 'Committed' || this.#challenged === undefined) return undefined
    let settled = 0
    for (let next = await course.finalWindows(); next <= window; next++) settled = await course.settle(next)
    return settled - this.#challenged
  }

  /** Plays all games that are open, and carries out what they come to. */
  async #settleDisputes(course: Course, committed: Committed): Promise<void> {
    // An accuser that is passed on opens another one.
    for (let open = await this.#open(course, committed); open.length > 0; open = await this.#open(course, committed)) {
      await this.#table.play(open)
      for (const dispute of open) {
        await this.#chain.block(() => this.#cast.bystander.assay.resolve(dispute.entryHash))
        this.#rulings.push((await this.#chain.reader.disputeOf(dispute.entryHash)).ruling)
      }
    }
    // Games of claims that are accused again stay decided.
    this.#games.length = 0
    for (const dispute of this.#disputes.values()) {
      this.#games.push(...(await decidedGames(this.#chain, dispute, this.#table.began)))
    }
  }

  async #open(course: Course, { window, entries, hashes }: Committed): Promise<Dispute[]> {
    const open: Dispute[] = []
    for (const [replica, entryHash] of hashes.entries()) {
      const { disputed } = (await this.#chain.reader.entryOf(course.jobId, window, replica)) as EntryView
      // Of a window that is void by now it stays so.
      if (!disputed || (await this.#chain.reader.disputeOf(entryHash)).ruling !== 'Pending') continue
      const { spec, program, data: bytes } = this.#ground.job
      const { entry } = entries[replica] as SignedEntry
      const replicas = entries.length
      const about = caseOf({ spec, program, bytes, entry, replicas })
      const players = this.#players({ about, entry, replicas }, replica)
      const known = this.#disputes.get(entryHash)
      const fromBlock = known?.fromBlock ?? (await course.view(window)).committedAt
      const made: Dispute = { about, entry, replicas, entryHash, fromBlock, playerOf: await players }
      this.#disputes.set(entryHash, made)
      open.push(made)
    }
    return open
  }

  async #players(disputed: Disputed, replica: number) {
    const place = { window: this.#actor.windows - 1, replica }
    const truth = this.#ground.truth(place)
    const worlds = {
      asserter: [this.#forged.get(replica)?.statement ?? truth],
      challenger: [await this.#world(this.#attacked && replica === 0 ? flippedBit : undefined, place)],
    }
    const other = this.#actor.inconsistent ? [await this.#world(wrongReduction, place)] : []
    const honest = new Honest(this.#ground, disputed)
    const solver = new Honest(this.#ground, disputed, this.#received(replica))
    const liars = new Map<string, Player>()
    return (account: Hex, side: Side): Player => {
      const manner = this.#crooked.get(account)
      if (manner === undefined) return account === hex(disputed.entry.solver) ? solver : honest
      const key = `${account} ${side}`
      const player = liars.get(key) ?? new Liar(disputed, [...worlds[side], ...other], manner)
      liars.set(key, player)
      return player
    }
  }

  /** False sums that others have sent to a replica. */
  #received(replica: number): ReceivedSum[] {
    const { stepFrom, stepTo } = stepsOf(this.#actor.windows - 1)
    const sums: ReceivedSum[] = []
    for (const [from, { sent }] of this.#forged) {
      if (from === replica || sent === undefined) continue
      for (let step = stepFrom; step < stepTo; step++) {
        const bytes = sent(step)
        if (bytes !== undefined) sums.push({ step, sum: from, bytes })
      }
    }
    return sums
  }

  /** Whether crooked accounts challenge. */
  get #attacked(): boolean {
    return this.#actor.judging === 'griefing' || (this.#actor.sybils ?? 0) > 0
  }

  async #world(forge: Forge | undefined, place: Place): Promise<Statement> {
    return forge === undefined ? this.#ground.truth(place) : (await forge(this.#ground, place, this.#seed)).statement
  }

  #faults({ rulings, games, books, crooked, gas, cast, delay = 0 }: Omit<Verdict, 'faults'>): string[] {
    const { rulings: expected, ends } = this.#actor
    const faults = [...books.faults]
    const fault = (wrong: boolean, what: string): void => {
      if (wrong) faults.push(what)
    }
    const found = games.map(({ by, end }) => (by === 'proof' ? end : by))
    fault(rulings.join() !== expected.join(), `rulings ${rulings}, not ${expected}`)
    fault(ends !== undefined && found.join() !== ends.join(), `games end in ${found}, not ${ends}`)
    const { challengePeriod, responsePeriod } = this.#ground.terms
    const longest = longestGame(responsePeriod)
    for (const game of games) fault(game.blocks > longest, `a game of ${game.blocks} blocks`)
    // Where the solver has lost its seat, others had time to take theirs.
    const taking = games.some(({ winner }) => winner === 'challenger') ? responsePeriod : 0
    fault(delay > challengePeriod + 2 * longest + taking, `the window settles ${delay} blocks after it was challenged`)
    // Who was accused of what another has sent is not paid for saying so.
    const passing = games.filter(({ winner, by, end }) => winner === 'asserter' && by === 'proof' && end === 'inbound')
    const stood = new Set(passing.map(({ asserter }) => asserter))
    for (const [account, spent] of gas) {
      const due = BigInt(spent) * this.#ground.terms.gasPrice
      const paid = crooked.has(account) || stood.has(account) || account === cast.bystander.address
      fault(!paid && (books.of.get(account)?.awarded ?? 0n) < due, `${account} was not repaid its gas`)
    }
    let net = 0n
    for (const [account, { lost, awarded }] of books.of) {
      if (crooked.has(account)) {
        net += awarded - lost
        // In a league one may get what another loses.
        fault(lost === 0n && crooked.size === 1, `${account} has lied and lost nothing`)
      } else fault(lost > 0n, `${account} is honest and has lost ${lost}`)
    }
    fault(crooked.size > 0 && net >= 0n, 'lying has paid')
    return faults
  }
}
