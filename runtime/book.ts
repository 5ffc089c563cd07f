/** The jobs of the contract, folded from its events: what every role decides from. */
import type { ChainEvent } from '#contracts/codec.ts'
import type { AssayReader } from '#contracts/reader.ts'
import { applyEvents } from '#proto/machines/job.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import type { Logger } from '#runtime/shell.ts'

/** How a chain is followed. */
export interface Pace {
  /** Blocks that must stand on top of a block before its events count. */
  readonly confirmations?: number | undefined
  /** Time between two looks at the chain, ms. */
  readonly pollMs?: number | undefined
}

export type BookListener = (view: JobView, block: number) => void

/** Follows the chain and keeps one view for each job. */
export class JobBook {
  readonly #views = new Map<Hex, JobView>()
  readonly #listeners: BookListener[] = []
  readonly #broken = new Set<Hex>()
  readonly #onRollback: (() => void)[] = []
  #block = 0
  #current = false

  /** Told of a job that this build cannot follow; it is not followed any more. */
  onBroken: (jobId: Hex, error: unknown) => void = () => {}

  get views(): ReadonlyMap<Hex, JobView> {
    return this.#views
  }

  /** Whether the views hold everything up to the chain's head, not only a part of its past. */
  get isCurrent(): boolean {
    return this.#current
  }

  /** The last block taken in. */
  get block(): number {
    return this.#block
  }

  /** Calls `listener` when the chain has taken back blocks: the views are gone, and are folded anew. */
  onRollback(listener: () => void): void {
    this.#onRollback.push(listener)
  }

  /** Calls `listener` with every job after every new block, not for the past while catching up; a job at which it throws is not followed any more. */
  onBlock(listener: BookListener): void {
    this.#listeners.push(listener)
  }

  /** Takes in the events of some blocks, the last one being `through`. `more`: later ones follow, so nobody is called. */
  apply(events: readonly ChainEvent[], through: number, more = false): void {
    const jobs = new Set<Hex>(this.#views.keys())
    for (const event of events) if ('jobId' in event && !/^0x0+$/.test(event.jobId)) jobs.add(event.jobId)
    for (const jobId of jobs) {
      if (!this.#broken.has(jobId)) this.#guard(jobId, () => this.#fold(jobId, events))
    }
    this.#block = through
    this.#current = !more
    if (more) return
    for (const view of this.#views.values()) {
      for (const listener of this.#listeners) this.#guard(view.jobId, () => listener(view, through))
    }
  }

  /** Forgets all blocks: they are told anew, from the first. */
  reset(): void {
    this.#views.clear()
    this.#broken.clear()
    this.#block = 0
    this.#current = false
    for (const listener of this.#onRollback) listener()
  }

  #fold(jobId: Hex, events: readonly ChainEvent[]): void {
    const view = applyEvents(this.#views.get(jobId) ?? null, jobId, events)
    if (view) this.#views.set(jobId, view)
  }

  /** One job's trouble is not the others': it is left alone from then on. */
  #guard(jobId: Hex, work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#broken.add(jobId)
      this.#views.delete(jobId)
      this.onBroken(jobId, error)
    }
  }

  /** Follows the chain from the contract's first block until `signal` ends it. */
  async follow(reader: AssayReader, log: Logger, signal: AbortSignal, pace: Pace = {}): Promise<void> {
    this.onBroken = (job, error) => log.error({ job, error: String(error) }, 'this job cannot be followed')
    await reader.follow(reader.deployment.fromBlock, (events, through, more) => this.apply(events, through, more), {
      ...pace,
      signal,
      onTrouble: (error, failures) => {
        if (failures % 20 === 1) log.warn({ error: String(error), failures }, 'the chain does not answer')
      },
      onRollback: (block) => {
        log.warn({ block }, 'the chain has taken back blocks: folding its events anew')
        this.reset()
      },
    })
  }
}

/** Whether nothing more will happen to a job. */
export function hasEnded(view: JobView): boolean {
  return view.phase === 'settled' || view.phase === 'cancelled' || view.phase === 'expired'
}
