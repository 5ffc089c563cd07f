/** Faults of peers, forgotten with a half-life: the score gossip ranks them by, and whom this peer shuns. */

/** Time after which half a fault is forgotten, milliseconds. */
const HALF_LIFE_MS = 60_000
/** Score of one fault; it grows with the square, as gossip's own penalties do. */
const FAULT_SCORE = -10
/** Below this score gossip ignores a peer, and the peer is disconnected: three faults within seconds. */
const SHUN_SCORE = -80
/** Peers remembered at most; the one longest without a fault goes first. */
const MAX_PEERS = 4_096

export class Reputation {
  private readonly faults = new Map<string, { weight: number; at: number }>()
  private readonly onShun: (peer: string) => void

  /** @param onShun called when a peer comes to be shunned */
  constructor(onShun: (peer: string) => void) {
    this.onShun = onShun
  }

  /** Counts one fault of `peer`. */
  fault(peer: string, now = Date.now()): void {
    const weight = this.weight(peer, now) + 1
    this.faults.delete(peer)
    this.faults.set(peer, { weight, at: now })
    for (const oldest of this.faults.keys()) {
      if (this.faults.size <= MAX_PEERS) break
      this.faults.delete(oldest)
    }
    if (this.shunned(peer, now)) this.onShun(peer)
  }

  /** 0 for a peer without faults, then -10, -40, -90, ..., rising again with time. */
  score(peer: string, now = Date.now()): number {
    const weight = this.weight(peer, now)
    return weight < 0.1 ? 0 : FAULT_SCORE * weight * weight
  }

  /** Whether no connection with `peer` is wanted now. */
  shunned(peer: string, now = Date.now()): boolean {
    return this.score(peer, now) < SHUN_SCORE
  }

  private weight(peer: string, now: number): number {
    const entry = this.faults.get(peer)
    return entry === undefined ? 0 : entry.weight * 2 ** ((entry.at - now) / HALF_LIFE_MS)
  }
}
