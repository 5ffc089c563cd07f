/**
 * Faults of peers and the bans that follow from them (docs/spec/network.md, "Faults and bans"). A fault is something
 * that no honest peer does, whatever its load, its network or its restarts: silence, slowness, refusals and lost
 * connections are none.
 */

/** Every reason for which a peer is blamed: its weight, and what it means. */
export const FAULTS = {
  announcement: { weight: 1, meaning: 'sent an announcement that its rules reject' },
  flood: { weight: 0.5, meaning: 'sent far more announcements than its share' },
  request: { weight: 1, meaning: 'sent a malformed request' },
  blob: { weight: 1.5, meaning: 'sent bytes that are not those of the root asked for' },
  object: { weight: 1.5, meaning: 'sent an object that is malformed or not the one asked for' },
} as const

export type FaultReason = keyof typeof FAULTS

/** A peer that nothing is taken from and nothing given to. */
export interface Ban {
  readonly peer: string
  /** The fault that was too much. */
  readonly reason: FaultReason
  /** What exactly it was, for people. */
  readonly detail: string
  /** Number of this ban among those of the peer that are remembered, from 1. */
  readonly count: number
  /** Milliseconds since 1970. */
  readonly since: number
  readonly until: number
}

/** Where bans outlive the process. */
export interface BanStore {
  load(): readonly Ban[]
  save(bans: readonly Ban[]): void
}

/** Time after which half a fault is forgotten, milliseconds. */
const HALF_LIFE_MS = 60_000
/** Gossip's score of a single fault; it grows with the square of the weight, as gossip's own penalties do. */
const FAULT_SCORE = -10
/** Score of a banned peer: below gossip's graylist threshold of -80, so that not even its control messages are heard. */
const BAN_SCORE = -100
/** Weight of faults that bans: three of weight 1 within seconds. */
const BAN_WEIGHT = 2.8
/** The first ban; each further one lasts twice as long as the one before. */
const BAN_MS = 5 * 60_000
const LONGEST_BAN_MS = 6 * 3_600_000
/** A ban that ended is remembered for so long: another one counts up. */
const MEMORY_MS = 24 * 3_600_000
/** Peers with faults remembered at most; the one longest without a fault goes first. */
const MAX_PEERS = 4_096
/** Bans remembered at most; the oldest goes first. */
const MAX_BANS = 1_024
const MAX_DETAIL = 200

export class Reputation {
  private readonly faults = new Map<string, { weight: number; at: number }>()
  private readonly bans = new Map<string, Ban>()
  private readonly onBan: (ban: Ban) => void
  private readonly store: BanStore | undefined

  /** @param onBan called when a peer comes to be banned */
  constructor(onBan: (ban: Ban) => void, store?: BanStore, now = Date.now()) {
    this.onBan = onBan
    this.store = store
    for (const ban of store?.load() ?? []) {
      // Kept under a clock that was ahead, it would last for longer than any ban.
      if (ban.until <= now + LONGEST_BAN_MS) this.bans.set(ban.peer, ban)
    }
  }

  /** Counts one fault of `peer`; it adds up with those not yet forgotten. */
  fault(peer: string, reason: FaultReason, detail = '', now = Date.now()): void {
    if (this.banned(peer, now)) return
    const weight = this.weight(peer, now) + FAULTS[reason].weight
    this.faults.delete(peer)
    if (weight >= BAN_WEIGHT) {
      this.ban(peer, reason, detail, now)
      return
    }
    this.faults.set(peer, { weight, at: now })
    if (this.faults.size > MAX_PEERS) this.faults.delete(this.faults.keys().next().value as string)
  }

  /** 0 for a peer without faults, falling with the square of their weight and rising again with time; -100 when banned. */
  score(peer: string, now = Date.now()): number {
    if (this.banned(peer, now)) return BAN_SCORE
    const weight = this.weight(peer, now)
    return weight < 0.1 ? 0 : FAULT_SCORE * weight * weight
  }

  /** The ban of a peer, while it lasts. */
  banned(peer: string, now = Date.now()): Ban | undefined {
    const ban = this.bans.get(peer)
    return ban !== undefined && now < ban.until ? ban : undefined
  }

  /** The bans that last. */
  list(now = Date.now()): Ban[] {
    return [...this.bans.values()].filter(({ until }) => now < until)
  }

  private ban(peer: string, reason: FaultReason, detail: string, now: number): void {
    for (const { peer: old, until } of this.bans.values()) if (now > until + MEMORY_MS) this.bans.delete(old)
    const count = (this.bans.get(peer)?.count ?? 0) + 1
    const length = Math.min(LONGEST_BAN_MS, BAN_MS * 2 ** (count - 1))
    const ban = { peer, reason, detail: detail.slice(0, MAX_DETAIL), count, since: now, until: now + length }
    this.bans.delete(peer)
    this.bans.set(peer, ban)
    if (this.bans.size > MAX_BANS) this.bans.delete(this.bans.keys().next().value as string)
    this.store?.save([...this.bans.values()])
    this.onBan(ban)
  }

  private weight(peer: string, now: number): number {
    const entry = this.faults.get(peer)
    return entry === undefined ? 0 : entry.weight * 2 ** (Math.min(0, entry.at - now) / HALF_LIFE_MS)
  }
}
