/**
 * Who is where: accounts and the peers they announced. Accounts with a seat in a known job are kept whatever others
 * announce; strangers share a bounded room, from which the one unheard longest goes first.
 */
import type { Provider } from '#proto/messages.ts'

/** Accounts without a seat that are remembered. */
const MAX_STRANGERS = 1_024
/** Accounts with a seat that are remembered: seats cost a stake, so this is a bound against mistakes. */
const MAX_SEATED = 8_192
/** An account that has not announced itself for so long is forgotten, milliseconds. */
const EXPIRY_MS = 10 * 60_000

interface Entry {
  readonly provider: Provider
  /** Monotonic time of its last announcement, milliseconds. */
  readonly heard: number
}

export class Directory {
  readonly #seated = new Map<string, Entry>()
  readonly #strangers = new Map<string, Entry>()
  readonly #hasSeat: (account: string) => boolean
  readonly #onSeat: (peer: string, seated: boolean) => void

  /**
   * @param hasSeat whether an account has a seat in a job that has not ended
   * @param onSeat told of peers whose account comes to have a seat, or has one no more
   */
  constructor(hasSeat: (account: string) => boolean, onSeat: (peer: string, seated: boolean) => void) {
    this.#hasSeat = hasSeat
    this.#onSeat = onSeat
  }

  /** Takes in what `account` announced of itself; says whether the account has a seat. */
  meet(account: string, provider: Provider, now = performance.now()): boolean {
    const seated = this.#hasSeat(account)
    const before = this.#seated.get(account)
    if (before !== undefined && (!seated || before.provider.peerId !== provider.peerId)) {
      this.#onSeat(before.provider.peerId, false)
    }
    this.#seated.delete(account)
    this.#strangers.delete(account)
    const room = seated ? this.#seated : this.#strangers
    room.set(account, { provider, heard: now })
    if (seated) this.#onSeat(provider.peerId, true)
    this.#prune(now)
    return seated
  }

  /** Peer id of an account that was heard of lately. */
  peerOf(account: string, now = performance.now()): string | undefined {
    const entry = this.#seated.get(account) ?? this.#strangers.get(account)
    return entry !== undefined && now - entry.heard < EXPIRY_MS ? entry.provider.peerId : undefined
  }

  /** Both rooms are in the order in which their accounts were heard of. */
  #prune(now: number): void {
    for (const [room, max] of [[this.#seated, MAX_SEATED] as const, [this.#strangers, MAX_STRANGERS] as const]) {
      for (const [account, { heard, provider }] of room) {
        if (room.size <= max && now - heard < EXPIRY_MS) break
        room.delete(account)
        if (room === this.#seated) this.#onSeat(provider.peerId, false)
      }
    }
  }
}
