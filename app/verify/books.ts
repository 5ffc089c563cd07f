/**
 * The contract's bookkeeping, repeated: from the events of a job that are not about money follows every movement of value
 * (contracts/src/Vault.sol and its callers; docs/spec/contract.md, "Ledger").
 */
import { fromHex } from '#proto/bytes.ts'
import { drawVerifier } from '#proto/draw.ts'
import { entryDigest } from '#proto/entry.ts'
import { committedEntries, type PoolMember } from '#proto/machines/events.ts'
import { GAME_GAS, type Hex, type JobTerms } from '#proto/terms.ts'
import type { PlacedEvent } from './history.ts'
import { NO_INDEX, NO_WINDOW, type Place, type Row, Vault } from './vault.ts'

interface EntryBook {
  readonly hash: Uint8Array
  verifier: Hex
  accepted: boolean
  disputed: boolean
  forfeited: boolean
  // bits of the window's masks
  sampled: boolean
  committed: boolean
  abstained: boolean
  settled: boolean
  rejected: boolean
}

interface WindowBook {
  readonly window: number
  readonly epoch: number
  readonly cells: readonly Hex[]
  readonly coordinator: Hex
  readonly entries: readonly EntryBook[]
  seed: Uint8Array
  round: number
  void: boolean
}

interface DisputeBook {
  readonly window: WindowBook
  readonly index: number
  readonly solver: Hex
  open: boolean
  /** Indices of drawn entries whose rejection is the accusation. */
  readonly rejections: Set<number>
}

type Resolved = Extract<PlacedEvent, { name: 'DisputeResolved' }>
type Accusers = Resolved['accusers']

const WHOLE: Place = { window: NO_WINDOW, index: NO_INDEX }

export class Books {
  readonly vault = new Vault()
  #terms: JobTerms | undefined
  #submitter: Hex = '0x'
  #pool: readonly PoolMember[] = []
  readonly #cells = new Map<number, readonly Hex[]>()
  readonly #windows = new Map<number, WindowBook>()
  readonly #disputes = new Map<Hex, DisputeBook>()
  #finalWindows = 0
  /** Index of a rejection that was just revealed: the accusation that follows rests on it. */
  #rejection: number | undefined
  /** Accusers that were just passed on, with the rejections behind it: their accusations follow, and take no bond. */
  readonly #onward = new Map<Hex, readonly number[]>()

  /** Takes in one event that is no ledger line; returns the movements that belong to it, in order. */
  take(event: PlacedEvent): readonly Row[] {
    this.#apply(event)
    return this.vault.drain()
  }

  get #t(): JobTerms {
    if (this.#terms === undefined) throw new Error('the job is not registered')
    return this.#terms
  }

  #apply(event: PlacedEvent): void {
    switch (event.name) {
      case 'JobRegistered':
        this.#terms = event.terms
        this.#submitter = event.submitter
        this.vault.escrow = event.escrow
        this.vault.log(WHOLE, event.submitter, -event.escrow, 'Escrow')
        break
      case 'JobToppedUp':
        this.vault.escrow += event.amount
        if (event.amount > 0n) this.vault.log(WHOLE, event.account, -event.amount, 'Escrow')
        break
      case 'JobCancelled':
      case 'JobExpired':
      case 'JobSettled':
        this.vault.credit(WHOLE, this.#submitter, this.vault.escrow, 'Refund')
        this.vault.escrow = 0n
        break
      case 'Bid':
        this.vault.log(WHOLE, event.account, -event.stake, 'Stake')
        this.vault.seats.set(event.account, { stake: event.stake, reserved: 0n, left: false, accused: 0 })
        break
      case 'Unbonded': {
        const seat = this.vault.seat(event.account)
        this.vault.credit(WHOLE, event.account, seat.stake, 'Unstake')
        seat.stake = 0n
        break
      }
      case 'PoolFixed':
        this.#pool = event.pool
        break
      case 'Assigned':
        this.#cells.set(event.epoch, event.cells)
        break
      case 'SolverLeft':
        this.vault.seat(event.solver).left = true
        break
      case 'WindowCommitted':
        this.#commit(event)
        break
      case 'WindowFinal':
        this.#settle(this.#window(event.window))
        break
      case 'WindowVoided':
        this.#voidWindow(this.#window(event.window), 0n)
        break
      case 'DisputeResolved':
        this.#resolve(event)
        break
      case 'Equivocated': {
        const lost = this.vault.slash({}, event.solver, this.#t.claimStake)
        this.vault.burn({}, lost - lost / 2n)
        const rest = this.#voidFrom(this.#finalWindows, lost / 2n, event.solver)
        this.vault.credit({}, event.reporter, rest, 'Bounty')
        break
      }
      default:
        this.#verification(event)
    }
  }

  #verification(event: PlacedEvent): void {
    switch (event.name) {
      case 'SeedFixed': {
        const window = this.#window(event.window)
        window.seed = fromHex(event.seed, 32)
        for (const [i, entry] of window.entries.entries()) entry.sampled = ((event.sampled >> BigInt(i)) & 1n) === 1n
        break
      }
      case 'VerdictCommitted': {
        const entry = this.#entry(event.window, event.index)
        this.vault.reserve(event, event.verifier, this.#t.verdictStake)
        entry.verifier = event.verifier
        entry.committed = true
        break
      }
      case 'VerdictAbstained':
        this.#entry(event.window, event.index).abstained = true
        break
      case 'VerdictRevealed': {
        const entry = this.#entry(event.window, event.index)
        if (event.accept) {
          entry.accepted = true
          entry.settled = true
        } else {
          entry.rejected = true
          this.#rejection = event.index
        }
        break
      }
      case 'Redrawn':
        this.#penalize(this.#window(event.window))
        this.#window(event.window).round = event.round
        for (const entry of this.#window(event.window).entries) entry.abstained = false
        break
      case 'WindowLapsed':
        this.#penalize(this.#window(event.window))
        break
      case 'Challenged':
        this.#accuse(event)
        break
      default:
    }
  }

  #commit(event: Extract<PlacedEvent, { name: 'WindowCommitted' }>): void {
    const cells = this.#cells.get(event.epoch) ?? []
    const entries = committedEntries(event).map(({ entry }) => ({
      hash: entryDigest(entry),
      verifier: '0x' as Hex,
      accepted: false,
      disputed: false,
      forfeited: false,
      sampled: false,
      committed: false,
      abstained: false,
      settled: false,
      rejected: false,
    }))
    const { window, epoch, coordinator } = event
    this.#windows.set(window, {
      window,
      epoch,
      cells,
      coordinator,
      entries,
      seed: new Uint8Array(32),
      round: 0,
      void: false,
    })
    const claims = BigInt(entries.length / cells.length)
    for (const [index, cell] of cells.entries())
      this.vault.reserve({ window, index }, cell, claims * this.#t.claimStake)
  }

  #settle(book: WindowBook): void {
    const { window, cells, entries, coordinator } = book
    const claims = BigInt(entries.length / cells.length)
    this.#finalWindows = window + 1
    for (const [index, cell] of cells.entries()) {
      const held = entries.filter((entry, i) => i % cells.length === index && !entry.forfeited).length
      this.vault.release({ window, index }, cell, BigInt(held) * this.#t.claimStake)
      this.vault.pay({ window, index }, cell, claims * this.#entryPay(cells.length), 'Payout')
    }
    for (const [index, entry] of entries.entries()) {
      if (!entry.settled || !entry.accepted) continue
      this.vault.release({ window, index }, entry.verifier, this.#t.verdictStake)
      this.vault.pay({ window, index }, entry.verifier, this.#t.verdictFee, 'VerdictFee')
    }
    this.vault.pay({ window, index: NO_INDEX }, coordinator, this.#t.windowFee, 'CoordinatorFee')
  }

  /** Verdicts.penalize: whoever was drawn and neither revealed nor abstained loses one verdict's stake. */
  #penalize(book: WindowBook): void {
    const { window, entries } = book
    const missing = [...entries.entries()].filter(([, entry]) => entry.sampled && !entry.settled && !entry.rejected)
    let lost = 0n
    for (const [index, entry] of missing) {
      if (entry.abstained) continue
      const pool = this.#pool.map(({ account, weight }) => ({ address: fromHex(account, 20), stake: weight }))
      const at = drawVerifier(book.seed, entry.hash, book.round, pool)
      const verifier = this.#pool[at ?? -1]?.account
      if (verifier === undefined) continue
      if (entry.committed) this.vault.release({ window, index }, verifier, this.#t.verdictStake)
      lost += this.vault.slash({ window, index }, verifier, this.#t.verdictStake)
    }
    this.vault.burn({ window, index: NO_INDEX }, lost)
    for (const [, entry] of missing) entry.committed = false
  }

  #accuse(event: Extract<PlacedEvent, { name: 'Challenged' }>): void {
    const rejection = this.#rejection
    this.#rejection = undefined
    const onward = this.#onward.get(event.accuser)
    this.#onward.delete(event.accuser)
    if (rejection === undefined && onward === undefined) {
      this.vault.log(event, event.accuser, -this.#t.challengeBond, 'Bond')
      this.vault.bonds += this.#t.challengeBond
    }
    let dispute = this.#disputes.get(event.entryHash)
    if (dispute?.open !== true) {
      const { index, solver } = event
      dispute = { window: this.#window(event.window), index, solver, open: true, rejections: new Set() }
      this.#disputes.set(event.entryHash, dispute)
      this.#entry(event.window, index).disputed = true
      this.vault.seat(solver).accused++
    }
    for (const index of onward ?? []) dispute.rejections.add(index)
    if (rejection !== undefined) dispute.rejections.add(rejection)
  }

  #resolve(event: Resolved): void {
    const dispute = this.#disputes.get(event.entryHash)
    if (dispute === undefined) throw new Error('a ruling on a dispute that nobody opened')
    dispute.open = false
    this.vault.seat(dispute.solver).accused--
    const live = !dispute.window.void && dispute.window.window >= this.#finalWindows
    if (event.ruling === 'Refuted') this.#refute(dispute, event.accusers, live)
    else this.#uphold(dispute, event, live)
  }

  #refute(dispute: DisputeBook, accusers: Accusers, live: boolean): void {
    const { solver } = dispute
    const spent = !live && this.vault.seat(solver).left
    const place = placeOf(dispute)
    const entry = entryOf(dispute)
    let lost = this.#forfeit(dispute)
    if (entry.accepted) {
      this.vault.release(place, entry.verifier, this.#t.verdictStake)
      lost += this.vault.slash(place, entry.verifier, this.#t.verdictStake)
    }
    lost += this.#settleAccusers(dispute, accusers)
    this.vault.burn(place, lost - lost / 2n)
    const winners = accusers.filter((accuser) => !accuser.lost)
    let rest = lost / 2n
    const used = winners.reduce((sum, { gas }) => sum + gas, 0n)
    const wanted = (used < GAME_GAS ? used : GAME_GAS) * this.#t.gasPrice
    const due = wanted < rest ? wanted : rest
    for (const { account, gas } of winners) {
      if (gas === 0n) continue
      this.vault.credit(place, account, (due * gas) / used, 'GasRefund')
      rest -= (due * gas) / used
    }
    if (!spent) rest = this.#voidFrom(this.#finalWindows, rest, solver)
    const share = winners.length === 0 ? 0n : rest / BigInt(winners.length)
    for (const { account } of winners) this.vault.credit(place, account, share, 'Bounty')
    this.vault.burn(place, rest - share * BigInt(winners.length))
  }

  #uphold(dispute: DisputeBook, { accusers, deserted }: Resolved, live: boolean): void {
    const place = placeOf(dispute)
    const entry = entryOf(dispute)
    for (const { account, passage } of accusers) {
      if (passage !== 'Onward') continue
      const rejections = rejectionsOf(dispute).filter(([, { verifier }]) => verifier === account)
      this.#onward.set(
        account,
        rejections.map(([index]) => index),
      )
    }
    let lost = this.#settleAccusers(dispute, accusers)
    if (deserted) {
      lost += this.#forfeit(dispute)
      entry.forfeited = true
    }
    this.vault.burn(place, lost - lost / 2n)
    this.vault.credit(place, deserted ? entry.verifier : dispute.solver, lost / 2n, 'Compensation')
    this.#releaseClaim(dispute, live)
    if (!live) return
    for (const [, rejecting] of rejectionsOf(dispute)) {
      if (passed(accusers, rejecting.verifier)) continue
      Object.assign(rejecting, { committed: false, rejected: false, settled: true })
    }
  }

  /** What is taken of the stake that the solver has reserved for the claim. */
  #forfeit(dispute: DisputeBook): bigint {
    if (entryOf(dispute).forfeited) return 0n
    this.vault.release(placeOf(dispute), dispute.solver, this.#t.claimStake)
    return this.vault.slash(placeOf(dispute), dispute.solver, this.#t.claimStake)
  }

  #releaseClaim(dispute: DisputeBook, live: boolean): void {
    const entry = entryOf(dispute)
    entry.disputed = false
    if (live) return
    if (!entry.forfeited) this.vault.release(placeOf(dispute), dispute.solver, this.#t.claimStake)
    if (entry.accepted) this.vault.release(placeOf(dispute), entry.verifier, this.#t.verdictStake)
  }

  /**
   * Bonds, then verdict stakes: returns what accusers that have lost lose; the others have theirs back, but for those that accuse
   * another entry from now on.
   */
  #settleAccusers(dispute: DisputeBook, accusers: Accusers): bigint {
    const place = placeOf(dispute)
    const { challengeBond, verdictStake } = this.#t
    let taken = 0n
    for (const { account, bonded, lost, passage } of accusers) {
      if (!bonded || passage === 'Onward') continue
      this.vault.bonds -= challengeBond
      if (lost && passage === 'None') {
        taken += challengeBond
        this.vault.log(place, account, -challengeBond, 'Forfeit')
      } else {
        this.vault.credit(place, account, challengeBond, 'BondReturn')
      }
    }
    for (const [, { verifier }] of rejectionsOf(dispute)) {
      if (passed(accusers, verifier)) continue
      this.vault.release(place, verifier, verdictStake)
      const { lost, passage } = accusers.find(({ account }) => account === verifier) ?? {}
      if (lost === true && passage === 'None') taken += this.vault.slash(place, verifier, verdictStake)
    }
    return taken
  }

  /** Plan.voidWindows: repays honest work from the pot; returns what is left of it. */
  #voidFrom(first: number, pot: bigint, guilty: Hex): bigint {
    let rest = pot
    const open = [...this.#windows.values()].filter((book) => book.window >= first && !book.void)
    for (const book of open.sort((a, b) => a.window - b.window)) rest = this.#voidWindow(book, rest, guilty)
    return rest
  }

  #voidWindow(book: WindowBook, pot: bigint, guilty?: Hex): bigint {
    if (book.void) return pot
    book.void = true
    const { window, cells, entries, coordinator } = book
    let rest = pot
    const repay = (place: Place, account: Hex, due: bigint): void => {
      const paid = due < rest ? due : rest
      this.vault.credit(place, account, paid, 'Compensation')
      rest -= paid
    }
    for (const [index, cell] of cells.entries()) {
      const unbound = (entry: EntryBook): boolean => !entry.disputed && !entry.forfeited
      const free = BigInt(entries.filter((entry, i) => i % cells.length === index && unbound(entry)).length)
      this.vault.release({ window, index }, cell, free * this.#t.claimStake)
      if (cell !== guilty && this.vault.seat(cell).accused === 0)
        repay({ window, index }, cell, free * this.#entryPay(cells.length))
    }
    for (const [index, entry] of entries.entries()) {
      if (!entry.committed || entry.rejected || (entry.accepted && entry.disputed)) continue
      this.vault.release({ window, index }, entry.verifier, this.#t.verdictStake)
      if (entry.accepted) repay({ window, index }, entry.verifier, this.#t.verdictFee)
    }
    repay({ window, index: NO_INDEX }, coordinator, this.#t.windowFee)
    return rest
  }

  #entryPay(replicas: number): bigint {
    return (this.#t.entryPrice * BigInt(this.#t.replicas)) / BigInt(replicas)
  }

  #window(window: number): WindowBook {
    const book = this.#windows.get(window)
    if (book === undefined) throw new Error(`window ${window} was never committed`)
    return book
  }

  #entry(window: number, index: number): EntryBook {
    const entry = this.#window(window).entries[index]
    if (entry === undefined) throw new Error(`window ${window} has no entry ${index}`)
    return entry
  }
}

function placeOf({ window, index }: DisputeBook): Place {
  return { window: window.window, index }
}

function entryOf({ window, index }: DisputeBook): EntryBook {
  return window.entries[index] as EntryBook
}

/** Rejections that a dispute rests on, ascending. */
function rejectionsOf({ window, rejections }: DisputeBook): [number, EntryBook][] {
  return [...window.entries.entries()].filter(([index]) => rejections.has(index))
}

/** Whether an account accuses another entry from now on. */
function passed(accusers: Accusers, account: Hex): boolean {
  return accusers.some((one) => one.account === account && one.passage === 'Onward')
}
