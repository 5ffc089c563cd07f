/** What one peer may take of this one: requests at once and a second, bytes a second, memory held for it. */
import { AssayError } from '#proto/errors.ts'
import { Buckets } from './bucket.ts'
import type { NetLimits } from './limits.ts'

/** What a request in progress holds; given back with `end`. */
export interface Lease {
  /**
   * Takes memory for a request or response of `bytes`. A single one of any size is let through, for its own limit
   * stands elsewhere. Throws `rate-limited` when too much is held for this peer.
   */
  hold(bytes: number): void
  /** Charges `bytes` sent to the peer's share. */
  sent(bytes: number): void
  end(): void
}

interface Use {
  requests: number
  held: number
}

export class Quotas {
  private readonly limits: NetLimits
  readonly seated: (peer: string) => boolean
  private readonly uses = new Map<string, Use>()
  private readonly requests: Buckets
  private readonly bytes: Buckets

  /** @param seated peers that only the number of requests at once is limited for */
  constructor(limits: NetLimits, seated: (peer: string) => boolean) {
    this.limits = limits
    this.seated = seated
    this.requests = new Buckets(limits.requestRate)
    this.bytes = new Buckets(limits.servedBytes)
  }

  /** Lets a request of `peer` in. Throws `rate-limited`, saying what there is too much of. */
  begin(peer: string): Lease {
    const use = this.uses.get(peer) ?? { requests: 0, held: 0 }
    const free = this.seated(peer)
    if (use.requests >= this.limits.requestsPerPeer) refuse('too many requests at once')
    if (!free && !this.requests.take(peer, 1)) refuse('too many requests a second')
    if (!free && !this.bytes.open(peer)) refuse('too many bytes a second')
    this.uses.set(peer, use)
    use.requests++
    let mine = 0
    return {
      hold: (bytes) => {
        const tooMuch = !free && use.held > mine && use.held + bytes > this.limits.memoryPerPeer
        if (tooMuch) refuse(`${use.held} bytes are held for this peer`)
        use.held += bytes
        mine += bytes
      },
      sent: (bytes) => {
        if (!free) this.bytes.charge(peer, bytes)
      },
      end: () => {
        use.held -= mine
        use.requests--
        if (use.requests === 0) this.uses.delete(peer)
      },
    }
  }
}

function refuse(what: string): never {
  throw new AssayError('rate-limited', what, { next: 'Ask again a little later.' })
}
