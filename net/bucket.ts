/** Token buckets: a rate with a burst, for one peer each and bounded in number. */

/** Tokens a second, and most that gather while nothing is taken. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Buckets remembered at most; the one unused longest goes first, and is full again when its key comes back. */
const MAX_BUCKETS = 8_192

/** One bucket of the same rate for every key. Times are of the monotonic clock, milliseconds. */
export class Buckets {
  private readonly rate: Rate
  private readonly levels = new Map<string, { level: number; at: number }>()

  constructor(rate: Rate) {
    this.rate = rate
  }

  /** Takes `cost` tokens if there are that many; says whether there were. */
  take(key: string, cost: number, now = performance.now()): boolean {
    const level = this.level(key, now)
    if (level < cost) return false
    this.set(key, level - cost, now)
    return true
  }

  /** Takes `cost` tokens even where they are missing: what follows waits until the debt is made up for. */
  charge(key: string, cost: number, now = performance.now()): void {
    this.set(key, this.level(key, now) - cost, now)
  }

  /** Whether the bucket holds anything at all. */
  open(key: string, now = performance.now()): boolean {
    return this.level(key, now) > 0
  }

  private level(key: string, now: number): number {
    const { perSecond, burst } = this.rate
    const entry = this.levels.get(key)
    return entry === undefined ? burst : Math.min(burst, entry.level + ((now - entry.at) / 1_000) * perSecond)
  }

  private set(key: string, level: number, now: number): void {
    this.levels.delete(key)
    this.levels.set(key, { level, at: now })
    if (this.levels.size > MAX_BUCKETS) this.levels.delete(this.levels.keys().next().value as string)
  }
}
