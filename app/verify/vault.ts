/** Where a job's value is held - seats, escrow, bonds - and the line of the ledger for each movement (contracts/src/Vault.sol). */
import type { LedgerReason } from '#proto/machines/events.ts'
import type { Hex } from '#proto/terms.ts'

export const NO_WINDOW = 0xffffffff
export const NO_INDEX = 0xffff
export const BURN = `0x${'dead'.padStart(40, '0')}` as Hex

/** One line of the ledger; without a place where the events do not tell it. */
export interface Row {
  readonly account: Hex
  readonly amount: bigint
  readonly reason: LedgerReason
  readonly window?: number
  readonly index?: number
}

export interface Seat {
  stake: bigint
  reserved: bigint
  left: boolean
  /** Open disputes over the account's entries. */
  accused: number
}

export type Place = Pick<Row, 'window' | 'index'>

export class Vault {
  escrow = 0n
  /** Bonds of challengers in open disputes, wei. */
  bonds = 0n
  readonly seats = new Map<Hex, Seat>()
  #rows: Row[] = []

  /** The lines written since the last call. */
  drain(): readonly Row[] {
    const rows = this.#rows
    this.#rows = []
    return rows
  }

  seat(account: Hex): Seat {
    const seat = this.seats.get(account)
    if (seat === undefined) throw new Error(`${account} has no seat`)
    return seat
  }

  log({ window, index }: Place, account: Hex, amount: bigint, reason: LedgerReason): void {
    this.#rows.push({
      account,
      amount,
      reason,
      ...(window === undefined || index === undefined ? {} : { window, index }),
    })
  }

  credit(place: Place, account: Hex, amount: bigint, reason: LedgerReason): void {
    if (amount > 0n) this.log(place, account, amount, reason)
  }

  /** A credit from the escrow. */
  pay(place: Place, account: Hex, amount: bigint, reason: LedgerReason): void {
    this.escrow -= amount
    this.credit(place, account, amount, reason)
  }

  reserve(place: Place, account: Hex, amount: bigint): void {
    this.seat(account).reserved += amount
    this.log(place, account, -amount, 'Reserve')
  }

  release(place: Place, account: Hex, amount: bigint): void {
    if (amount === 0n) return
    this.seat(account).reserved -= amount
    this.log(place, account, amount, 'Release')
  }

  slash(place: Place, account: Hex, amount: bigint): bigint {
    const seat = this.seat(account)
    const available = seat.stake - seat.reserved
    const taken = amount < available ? amount : available
    if (taken === 0n) return 0n
    seat.stake -= taken
    this.log(place, account, -taken, 'Slash')
    return taken
  }

  burn(place: Place, amount: bigint): void {
    this.credit(place, BURN, amount, 'Burn')
  }
}
