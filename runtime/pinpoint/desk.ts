/** A disputed entry before the compute worker: opened there when it is first asked about, and anew wherever the worker was lost. */
import type { Facts } from '#pinpoint/types.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import { isAssayError } from '#proto/errors.ts'
import type { Hash } from '#proto/ids.ts'
import { exchangesOf } from '#proto/lanes.ts'
import type { EntryView } from '#proto/machines/job-view.ts'
import { type Sources, slotEvidence, stateBefore } from '#runtime/before.ts'
import type {
  ClaimLie,
  ClaimMethods,
  Decided,
  DecideRequest,
  PreimageRequest,
  ReceivedSum,
} from '#runtime/compute/dispute.ts'
import type { JobSession } from '#runtime/session.ts'

/** How often a claim is opened again for one question, after others have taken its place. */
const ATTEMPTS = 3

export interface DisputedEntry {
  readonly entry: Entry
  /** Entries of its slot, by replica. */
  readonly slot: readonly EntryView[]
  /** Whether this process has signed it: then it may have what its partners sent. */
  readonly own?: boolean
  /** Liars alone: what they defend in the place of the truth. */
  readonly lie?: ClaimLie | undefined
}

interface Opened {
  readonly session: JobSession
  readonly facts: Promise<Facts>
}

/** All methods throw `unavailable` when the job, or the state before the entry, is not to be had, and `worker-lost`. */
export class Desk {
  readonly digest: Hash
  readonly disputed: DisputedEntry
  readonly #sources: Sources
  readonly #session: () => Promise<JobSession>
  #opened: Opened | undefined

  /** @param session of the entry's job; another one when the worker of the last was lost */
  constructor(disputed: DisputedEntry, sources: Sources, session: () => Promise<JobSession>) {
    this.digest = entryDigest(disputed.entry)
    this.disputed = disputed
    this.#sources = sources
    this.#session = session
  }

  async facts(): Promise<Facts> {
    return await (await this.#open()).facts
  }

  /** Whether the entry is what this side holds to be true. */
  holds(): Promise<boolean> {
    return this.#ask('holds', this.digest)
  }

  decide(request: Omit<DecideRequest, 'entry'>): Promise<Decided> {
    return this.#ask('decide', { ...request, entry: this.digest })
  }

  /** @throws bad-input for a node that is not on the path, or not there */
  preimage(request: Omit<PreimageRequest, 'entry'>): Promise<Uint8Array> {
    return this.#ask('preimage', { ...request, entry: this.digest })
  }

  async close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await opened?.session.compute.call('closeClaim', this.digest).catch(() => {})
  }

  async #ask<K extends 'holds' | 'decide' | 'preimage'>(
    method: K,
    argument: Parameters<ClaimMethods[K]>[0],
  ): Promise<Awaited<ReturnType<ClaimMethods[K]>>> {
    for (let attempt = 1; ; attempt++) {
      const opened = await this.#open()
      await opened.facts
      try {
        return await opened.session.compute.call(method, argument as never)
      } catch (error) {
        if (!isAssayError(error, 'not-found') || attempt === ATTEMPTS) throw error
        if (this.#opened === opened) this.#opened = undefined
      }
    }
  }

  async #open(): Promise<Opened> {
    const session = await this.#session()
    if (this.#opened?.session === session) return this.#opened
    const opened = { session, facts: this.#bring(session) }
    this.#opened = opened
    opened.facts.catch(() => {
      if (this.#opened === opened) this.#opened = undefined
    })
    return opened
  }

  /** What the entry's solver was sent, which nobody else has. */
  async #received({ sumBytes }: JobSession): Promise<ReceivedSum[]> {
    const { entry, slot, own } = this.disputed
    const found: ReceivedSum[] = []
    if (!own) return found
    for (const { sum } of exchangesOf(entry.replica, slot.length)) {
      for (let step = entry.stepFrom; step < entry.stepTo; step++) {
        const file = await this.#sources.store.received.find(entry.jobId, entry.epoch, step, sum, sumBytes)
        if (file !== undefined) found.push({ step, sum, bytes: file })
      }
    }
    return found
  }

  async #bring(session: JobSession): Promise<Facts> {
    const { entry, slot, lie } = this.disputed
    const before = entry.stepFrom === 0 ? undefined : await stateBefore(this.#sources, session, entry, slot)
    const received = await this.#received(session)
    // What is under `lanesRoot`: which sums of those that came were used, and what others have joined.
    const sumRoots = slot.length > 1 ? (await slotEvidence(this.#sources, slot))?.sumRoots : undefined
    const known = { ...(before && { before }), ...(sumRoots && { sumRoots }), ...(lie && { lie }) }
    const claim = { entry, replicas: slot.length, received, ...known }
    return (await session.compute.call('openClaim', claim)).facts
  }
}
