/** The roles of the market: real decisions, performed as the role processes perform them. And the ways in which they fail. */

import { commitmentOf, type Verdict } from '#contracts/sender.ts'
import { decide as coordinate } from '#coordinator/decide.ts'
import { AnnouncedEntries } from '#coordinator/entries.ts'
import { fromHex, to0x, toHex } from '#proto/bytes.ts'
import { drawActivation, replayDigest } from '#proto/draw.ts'
import { type SignedEntry, signEntry } from '#proto/entry.ts'
import { isAssayError } from '#proto/errors.ts'
import { sha256, taggedHash } from '#proto/hash.ts'
import type { JobSpec } from '#proto/job.ts'
import {
  type DisputeView,
  type EntryView,
  type JobView,
  trainableSteps,
  type WindowView,
} from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { hasEnded } from '#runtime/book.ts'
import { Database } from '#runtime/database.ts'
import { identityOf } from '#runtime/keys.ts'
import type { Trainer } from '#runtime/trainer.ts'
import { decide as answer } from '#solver/decide.ts'
import type { Lie } from '#solver/lies.ts'
import type { SumName } from '#solver/offers.ts'
import { agreedStates } from '#solver/resume.ts'
import { SimAuditor } from '#test/sim/auditor.ts'
import type { Chance } from '#test/sim/chance.ts'
import type { Market, SimNode } from '#test/sim/market.ts'
import { Disk, type SentSum, SimSolver } from '#test/sim/solver.ts'
import { decide as verify } from '#verifier/decide.ts'
import { decide as audit } from '#whistleblower/decide.ts'

/** Blocks for which a partner's sum is waited for, and between two announcements of an entry. */
const PATIENCE = 12
const REPEAT = 15
const OFFER_MS = 60_000

export interface SolverActor {
  readonly node: SimNode
  readonly disk: Disk
  process: SimSolver | undefined
  /** Entries of the current epoch. */
  signed: SignedEntry[]
}

/** What a verifier does with its judgement before it commits to it. */
export type Bend = (verdict: Pick<Verdict, 'accept' | 'against'>, index: number) => Pick<Verdict, 'accept' | 'against'>

export class Troupe {
  readonly market: Market
  readonly solvers: SolverActor[] = []
  readonly #spec: JobSpec
  readonly #random: Chance
  readonly #auditor: SimAuditor
  /** It knows what dead solvers had, too. */
  readonly #knower: SimAuditor
  readonly #entries: { readonly node: SimNode; readonly heard: AnnouncedEntries }[] = []

  /** @param engine for the audits of everybody */
  constructor(market: Market, spec: JobSpec, random: Chance, engine: Trainer) {
    this.market = market
    this.#spec = spec
    this.#random = random
    const auditor = (disks: () => Disk[]): SimAuditor =>
      new SimAuditor(engine, {
        state: (root) => first(disks(), (disk) => disk.states.get(toHex(root))),
        evidence: (hash) => first(disks(), (disk) => disk.evidence.get(hash.slice(2))),
      })
    this.#auditor = auditor(() => this.solvers.filter(({ node }) => node.alive).map(({ disk }) => disk))
    this.#knower = auditor(() => this.solvers.map(({ disk }) => disk))
  }

  async coordinator(name: string, grace: number): Promise<SimNode> {
    const node = await this.market.join(name, grace)
    const heard = new AnnouncedEntries()
    this.#entries.push({ node, heard })
    node.bidFor('Coordinator')
    node.act(
      (job, block) => coordinate(job, heard.pool, node.me, block),
      (action) => {
        switch (action.type) {
          case 'claimLease':
            return node.sender.claimLease(action.jobId)
          case 'summon':
          case 'replace':
            return node.sender[action.type](action.jobId, action.replica)
          case 'commitWindow':
            return node.sender.commitWindow(action.jobId, action.epoch, action.window, action.entries)
        }
      },
    )
    return node
  }

  /**
   * @param engine of this process alone
   * @param tamper its lie; `idle`: it answers the chain and never trains
   */
  async solver(name: string, engine: Trainer, tamper?: Lie | 'idle'): Promise<SolverActor> {
    const node = await this.market.join(name, 6)
    const actor: SolverActor = { node, disk: new Disk(), process: undefined, signed: [] }
    this.solvers.push(actor)
    node.bidFor('Solver')
    node.act(
      (job, block) => answer(job, node.me, block),
      ({ job, replica }) => node.sender.present(job.jobId, replica),
    )
    if (tamper === 'idle') return actor
    node.book.onBlock((job, block) => this.#train(actor, engine, job, block, tamper))
    return actor
  }

  async verifier(name: string, bend: Bend = (verdict) => verdict): Promise<SimNode> {
    const node = await this.market.join(name, 8)
    const database = new Database(':memory:')
    node.bidFor('Verifier')
    node.act(
      (job, block) => verify(job, node.me, block),
      async ({ type, job, window: at, index }) => {
        const window = job.windows.get(at) as WindowView
        const { entryHash } = window.entries[index] as EntryView
        const key = fromHex(entryHash, 32)
        if (type === 'reveal') {
          const verdict = JSON.parse(database.verdict(key, window.round) as string) as Verdict
          return node.sender.revealVerdict(job.jobId, window.epoch, at, index, verdict)
        }
        try {
          const kept = database.verdictOnce(key, window.round, () =>
            JSON.stringify(this.#judge(node.me, window, index, bend)),
          )
          const commitment = commitmentOf(entryHash, node.me, JSON.parse(kept) as Verdict)
          return node.sender.commitVerdict(job.jobId, window.epoch, at, index, commitment)
        } catch (error) {
          const patient = node.through < window.seededAt + job.terms.verdictPeriod / 2
          if (patient || !isAssayError(error, 'unavailable')) throw error
          return node.sender.abstain(job.jobId, window.epoch, at, index)
        }
      },
    )
    return node
  }

  #judge(me: Hex, window: WindowView, index: number, bend: Bend): Verdict {
    const seed = fromHex(window.seed as Hex, 32)
    const { entryHash } = window.entries[index] as EntryView
    const nodes = this.#auditor.nodes
    const drawn = drawActivation(seed, fromHex(entryHash, 32), this.#spec.microBatches, nodes)
    const { judgement, activation } = this.#auditor.audit(window, index, drawn)
    const honest = { accept: judgement.accept, against: judgement.accept ? index : judgement.against }
    const salt = taggedHash('sim/salt', (p) => p.b32(seed).b32(fromHex(entryHash, 32)))
    const digest = replayDigest(fromHex(me, 20), seed, activation ?? new Uint8Array(0))
    return { ...bend(honest, index), digest: to0x(digest) as Hex, salt: to0x(salt) as Hex }
  }

  /** Audits a share `rate` of all entries. With `slander` it accuses every entry that it audits. */
  async whistleblower(name: string, rate: number, slander = false): Promise<SimNode> {
    const node = await this.market.join(name, 10)
    const secret = sha256(new TextEncoder().encode(name))
    const findings = new Map<Hex, { against: number }>()
    node.act(
      (job, block) => audit(job, node.me, findings, secret, rate, block),
      async ({ type, job, window: at, index }) => {
        const window = job.windows.get(at) as WindowView
        if (type === 'challenge') return node.sender.challenge(job.jobId, window.epoch, at, index)
        const { judgement } = this.#auditor.audit(window, index)
        const against = judgement.accept ? index : judgement.against
        if (!judgement.accept || slander) findings.set((window.entries[index] as EntryView).entryHash, { against })
        return undefined
      },
    )
    return node
  }

  /** Whether the game about an accused entry, which is not played here, would refute it. */
  isFalse({ slot, entryHash }: DisputeView): boolean {
    const at = slot.findIndex((entry) => entry.entryHash === entryHash)
    const { judgement } = this.#knower.audit({ entries: slot }, at)
    return !judgement.accept && judgement.against === at
  }

  kill(actor: SimNode): void {
    actor.alive = false
    const solver = this.solvers.find(({ node }) => node === actor)
    solver?.process?.runner.stop()
  }

  stop(): void {
    for (const { process } of this.solvers) process?.runner.stop()
  }

  /** What a solver's process does at each block of a job: solver/training.ts. */
  #train(actor: SolverActor, engine: Trainer, job: JobView, block: number, tamper?: Lie): void {
    const { node } = actor
    const replica = job.cells.indexOf(node.me)
    if (hasEnded(job)) {
      actor.process?.runner.stop()
      return
    }
    if (replica >= 0) actor.process ??= this.#open(actor, engine, job.jobId, tamper)
    const { process } = actor
    if (!process) return
    if (job.epoch > process.epoch) {
      actor.signed = []
      if (replica < 0 || job.phase !== 'training') process.leave(job.epoch)
      else void this.#enter(actor, process, job, replica)
    }
    if (job.phase !== 'training' || replica < 0) return
    process.runner.open(trainableSteps(job))
    if (block % REPEAT !== 0) return
    for (const signed of actor.signed) if (signed.entry.window >= job.nextWindow) void this.#announce(node, signed)
  }

  async #enter(actor: SolverActor, process: SimSolver, job: JobView, replica: number): Promise<void> {
    const { node } = actor
    const cell = { epoch: job.epoch, replica, replicas: job.cells.length }
    try {
      await process.enter(cell, agreedStates(job), () => trainableSteps(node.book.views.get(job.jobId) ?? job))
    } catch (error) {
      this.market.broken(node.name, error)
    }
  }

  #open(actor: SolverActor, engine: Trainer, jobId: Hex, tamper?: Lie): SimSolver {
    const { node, disk } = actor
    const { key, address } = identityOf(fromHex(this.market.chain.keyOf(node.me), 32))
    const process: SimSolver = new SimSolver(
      { jobId: fromHex(jobId, 32), account: address },
      this.#spec,
      engine,
      disk,
      {
        work: async () => {
          if (!node.alive) await new Promise(() => {})
        },
        fetchSum: (name, partner) => this.#fetchSum(node, process, jobId, name, partner),
        fetchState: (root) => this.#fetchState(node, root),
        sign: (entry) => signEntry(key, entry),
        signed: (signed) => {
          if (signed.entry.epoch !== process.epoch) return
          actor.signed.push(signed)
          void this.#announce(node, signed)
        },
        onError: (error) => this.market.broken(node.name, error),
        ...(tamper && { tamper }),
      },
    )
    return process
  }

  /** By gossip, to every coordinator, some blocks later or never; it is announced again. */
  async #announce(from: SimNode, signed: SignedEntry): Promise<void> {
    for (const { node, heard } of this.#entries) {
      if (this.#random.bool(0.1)) continue
      for (let blocks = this.#random.below(3); blocks > 0; blocks--) await this.market.nextBlock()
      const job = node.book.views.get(to0x(signed.entry.jobId) as Hex)
      if (!from.alive || !node.alive || !job) continue
      try {
        const conflict = heard.add(job, signed)
        if (conflict) this.market.broken(from.name, 'two signed entries for one range')
      } catch (error) {
        if (!isAssayError(error, 'stale') && !isAssayError(error, 'bad-entry')) throw error
      }
    }
  }

  async #fetchSum(
    node: SimNode,
    process: SimSolver,
    jobId: Hex,
    name: SumName,
    partner: number,
  ): Promise<SentSum | undefined> {
    for (let blocks = 0; blocks < PATIENCE && node.alive && name.epoch === process.epoch; blocks++) {
      const account = node.book.views.get(jobId)?.cells[partner]
      const other = this.solvers.find((solver) => solver.node.me === account)
      if (other?.node.alive) {
        const sent = await other.process?.offered(name, OFFER_MS)
        if (sent === 'past') return undefined
        if (sent) return sent
      }
      await this.market.nextBlock()
    }
    return undefined
  }

  async #fetchState(node: SimNode, root: Uint8Array): Promise<Uint8Array> {
    for (;;) {
      const alive = this.solvers.filter((solver) => solver.node.alive && solver.node !== node)
      const state = first(alive, ({ disk }) => disk.states.get(toHex(root)))
      if (state) return state
      await this.market.nextBlock()
    }
  }
}

function first<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item)
    if (found !== undefined) return found
  }
  return undefined
}
