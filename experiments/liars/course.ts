/** A job on the chain, from its registration to its last window: the moves of its honest and its crooked parties. */
import type { EntryView, Hex, WindowView } from '#contracts/abi/types.generated.ts'
import { hex } from '#contracts/entries.ts'
import { isContractError } from '#contracts/errors.ts'
import { commitmentOf, type Verdict } from '#contracts/sender.ts'
import { sumCount } from '#pinpoint/schedule.ts'
import type { Statement } from '#pinpoint/types.ts'
import { bytesEqual, fromHex } from '#proto/bytes.ts'
import { type Entry, entryDigest, type SignedEntry, signDigest, signEntry } from '#proto/entry.ts'
import { sha256 } from '#proto/hash.ts'
import type { Evidence } from '#runtime/judge.ts'
import { EntryStatement } from '#runtime/pinpoint/statement.ts'
import { entryOf } from '../fork-sweep/fork.ts'
import type { Account, Chain } from './chain.ts'
import type { Forged } from './forgeries.ts'
import type { Ground, Place } from './ground.ts'

/** Accounts by what they do in a job. */
export interface Cast {
  readonly submitter: Account
  readonly coordinator: Account
  readonly solvers: readonly Account[]
  readonly verifiers: readonly Account[]
  readonly whistleblower: Account
  /** Ends what others have abandoned. */
  readonly bystander: Account
  readonly sybils: readonly Account[]
}

export function castOf({ accounts }: Chain): Cast {
  const [submitter, coordinator, a, b, c, d, e, f, whistleblower, bystander, ...sybils] = accounts as [
    ...[Account, Account, Account, Account, Account, Account, Account, Account, Account, Account],
    ...Account[],
  ]
  return { submitter, coordinator, solvers: [a, b, c, d], verifiers: [e, f], whistleblower, bystander, sybils }
}

/** Entries of a window, and what they follow from. */
export interface Committed {
  readonly window: number
  readonly entries: readonly SignedEntry[]
  readonly hashes: readonly Hex[]
  /** By replica: what its solver has computed. */
  readonly statements: readonly Statement[]
  /** Replicas whose solvers serve no evidence. */
  readonly silent: ReadonlySet<number>
}

/** How a drawn verifier judges. */
export type Judging = 'honest' | 'lazy' | 'griefing'

export class Course {
  readonly jobId: Hex
  readonly #chain: Chain
  readonly #cast: Cast
  readonly #ground: Ground

  private constructor(chain: Chain, cast: Cast, ground: Ground, jobId: Hex) {
    this.#chain = chain
    this.#cast = cast
    this.#ground = ground
    this.jobId = jobId
  }

  /** Registers the job, bids with everybody and assigns. */
  static async begin(chain: Chain, cast: Cast, ground: Ground, nonce: bigint): Promise<Course> {
    const { reader } = chain
    const quote = await reader.quote(ground.terms)
    const { submitter, coordinator, solvers, verifiers } = cast
    const [registered] = await chain.block(() => submitter.assay.registerJob(ground.terms, nonce, quote.escrow))
    const { jobId } = registered as { jobId: Hex }
    await chain.block(
      ...solvers.map((one) => () => one.assay.bid(jobId, 'Solver', quote.solverStake)),
      ...verifiers.map((one) => () => one.assay.bid(jobId, 'Verifier', quote.verifierStake)),
      () => coordinator.assay.bid(jobId, 'Coordinator', quote.coordinatorStake),
    )
    await chain.reach((await reader.jobOf(jobId)).bidsClose + 3)
    await chain.block(() => submitter.assay.assign(jobId))
    return new Course(chain, cast, ground, jobId)
  }

  /** Solvers of the present epoch, by replica. */
  async cells(): Promise<readonly Hex[]> {
    const { reader } = this.#chain
    return await reader.cellsOf(this.jobId, (await reader.jobOf(this.jobId)).epoch)
  }

  /** Commits the next window. `forged` is what some replicas claim in the place of the truth. */
  async commit(forged: ReadonlyMap<number, Forged> = new Map()): Promise<Committed> {
    const { reader } = this.#chain
    const { nextWindow: window, epoch } = await reader.jobOf(this.jobId)
    const { entries, statements } = await this.#signed(window, epoch, forged)
    await this.#chain.block(() => this.#cast.coordinator.assay.commitWindow(this.jobId, epoch, window, entries))
    const views = await this.#views(window, entries.length)
    return {
      window,
      entries,
      hashes: views.map(({ entryHash }) => entryHash),
      statements,
      silent: new Set(forged.keys()),
    }
  }

  /** What all cells sign about a window. */
  async #signed(window: number, epoch: number, forged: ReadonlyMap<number, Forged>) {
    const cells = await this.cells()
    const statements = cells.map((_, replica) => this.#computed({ window, replica }, forged))
    const entries: SignedEntry[] = []
    for (const [replica, cell] of cells.entries()) {
      const place = { window, replica }
      const base = this.#ground.base(fromHex(this.jobId, 32), epoch, place, cell)
      const follows = await entryOf(statements[replica] as Statement, this.#ground.schedule(place), base)
      const entry: Entry = { ...follows, ...forged.get(replica)?.change }
      entries.push(signEntry(this.#chain.account(cell).key, entry))
    }
    return { entries, statements }
  }

  /**
   * Tries to commit entries for the next window that are those of the window before it, or that somebody else has signed.
   * @returns whether the contract refuses them
   */
  async refuses(hands: 'old entries' | 'foreign signatures', committed: Committed | undefined): Promise<boolean> {
    const { nextWindow: window, epoch } = await this.#chain.reader.jobOf(this.jobId)
    const cells = await this.cells()
    const foreign = cells.map((cell, replica): SignedEntry => {
      const entry = this.#ground.base(fromHex(this.jobId, 32), epoch, { window, replica }, cell)
      return { entry, signature: signDigest(this.#cast.bystander.key, entryDigest(entry)) }
    })
    const entries = hands === 'old entries' ? (committed?.entries ?? []) : foreign
    return await this.#refuses(epoch, window, entries, hands === 'old entries' ? 'WrongEntry' : 'BadSignature')
  }

  /** Tries to commit entries of the next window of which `forged` are false. @returns whether the contract refuses them for disagreeing */
  async disagrees(forged: ReadonlyMap<number, Forged>): Promise<boolean> {
    const { nextWindow: window, epoch } = await this.#chain.reader.jobOf(this.jobId)
    const { entries } = await this.#signed(window, epoch, forged)
    return await this.#refuses(epoch, window, entries, 'WrongEntry')
  }

  async #refuses(epoch: number, window: number, entries: readonly SignedEntry[], why: 'WrongEntry' | 'BadSignature') {
    const { assay } = this.#cast.coordinator
    const [sent] = await this.#chain.attempt([() => assay.commitWindow(this.jobId, epoch, window, entries)])
    return sent !== undefined && 'refused' in sent && isContractError(sent.refused, why)
  }

  /** What a solver has computed: a liar its lie, everybody else the truth about what it was sent. */
  #computed(place: Place, forged: ReadonlyMap<number, Forged>): Statement {
    const own = forged.get(place.replica)
    if (own !== undefined) return own.statement
    if (![...forged.values()].some(({ sent }) => sent !== undefined)) return this.#ground.truth(place)
    const received = (step: number, replica: number): Uint8Array | undefined => forged.get(replica)?.sent?.(step)
    return new EntryStatement({ ...this.#ground.source(place), received }, this.#ground.runner)
  }

  #views(window: number, count: number): Promise<readonly EntryView[]> {
    const indices = Array.from({ length: count }, (_, index) => index)
    return Promise.all(indices.map((index) => this.#chain.reader.entryOf(this.jobId, window, index)))
  }

  async finalWindows(): Promise<number> {
    return (await this.#chain.reader.jobOf(this.jobId)).finalWindows
  }

  view(window: number): Promise<WindowView> {
    return this.#chain.reader.windowOf(this.jobId, window)
  }

  /** Draws the verifiers of a committed window: by index of the entry. */
  async draw({ window, entries }: Committed): Promise<readonly Hex[]> {
    await this.#chain.reach((await this.view(window)).seedRound + 1)
    await this.#chain.block(() => this.#cast.bystander.assay.fixSeed(this.jobId, window))
    const drawn = await Promise.all(entries.map((_, index) => this.#chain.reader.drawn(this.jobId, window, index)))
    return drawn.map(({ verifier }) => verifier)
  }

  /** What an honest auditor finds about an entry, and its proof of replay. */
  async audit({ window, entries, statements, silent, hashes }: Committed, index: number) {
    const seed = fromHex((await this.view(window)).seed, 32)
    const open = entries.findIndex((_, replica) => !silent.has(replica))
    const sumRoots: Uint8Array[] = []
    for (let leaf = 0; open >= 0 && leaf < sumCount(this.#ground.schedule({ window, replica: open })); leaf++) {
      sumRoots.push(await (statements[open] as Statement).preimage({ level: 'results', of: 'sum' }, 0, leaf))
    }
    const evidence: Evidence | undefined = open < 0 ? undefined : { sumRoots, metrics: [] }
    const { entry } = entries[index] as SignedEntry
    return this.#ground.audit(entry, evidence, seed, fromHex(hashes[index] as Hex, 32))
  }

  /** All drawn verifiers commit and reveal. */
  async judge(committed: Committed, drawn: readonly Hex[], judging: Judging = 'honest'): Promise<void> {
    const { window, hashes } = committed
    const { epoch } = await this.view(window)
    const verdicts: Verdict[] = []
    for (const [index, verifier] of drawn.entries()) {
      const salt = hex(sha256(fromHex(hashes[index] as Hex), Uint8Array.of(index)))
      const { judgement, digest } = await this.audit(committed, index)
      if (judging === 'lazy') verdicts.push({ accept: true, against: index, digest: salt, salt })
      else if (judging === 'griefing') verdicts.push({ accept: false, against: index, digest: salt, salt })
      else {
        const against = judgement.accept ? index : judgement.against
        verdicts.push({ accept: judgement.accept, against, digest: hex(digest(verifier)), salt })
      }
    }
    const by = (index: number): Account => this.#chain.account(drawn[index] as Hex)
    await this.#chain.block(
      ...verdicts.map((verdict, index) => () => {
        const commitment = commitmentOf(hashes[index] as Hex, by(index).address, verdict)
        return by(index).assay.commitVerdict(this.jobId, epoch, window, index, commitment)
      }),
    )
    await this.#chain.block(
      ...verdicts.map(
        (verdict, index) => () => by(index).assay.revealVerdict(this.jobId, epoch, window, index, verdict),
      ),
    )
  }

  /** Waits until a window may settle, and settles it; returns the block. */
  async settle(window: number): Promise<number> {
    await this.#chain.reach((await this.view(window)).challengesUntil)
    const [sent] = await this.#chain.block(() => this.#cast.coordinator.assay.settleWindow(this.jobId, window))
    return (sent as { blockNumber: number }).blockNumber
  }

  /** Honest training of what is left, to the end of the job; whether its state is the honest one. */
  async finish(): Promise<boolean> {
    for (;;) {
      const { phase, nextWindow, finalWindows, totalWindows, finalRoot } = await this.#chain.reader.jobOf(this.jobId)
      if (phase === 'Settled') return bytesEqual(fromHex(finalRoot, 32), this.#ground.roots.at(-1) as Uint8Array)
      if (phase !== 'Active') throw new Error(`the job is ${phase}`)
      if (finalWindows < nextWindow) await this.settle(finalWindows)
      else if (nextWindow < totalWindows) await this.pass()
    }
  }

  /** One honest window, up to its verdicts. */
  async pass(): Promise<Committed> {
    const committed = await this.commit()
    await this.judge(committed, await this.draw(committed))
    return committed
  }
}
