/** Audits an entry of a committed window: brings the state before it, replays its steps, judges. */
import type { DrawnActivation } from '#proto/draw.ts'
import type { Entry } from '#proto/entry.ts'
import { check, fail } from '#proto/errors.ts'
import type { EntryView, WindowView } from '#proto/machines/job-view.ts'
import type { Announcer } from '#runtime/announcer.ts'
import { type Sources, slotEvidence, stateBefore } from '#runtime/before.ts'
import { type Judgement, judge } from '#runtime/judge.ts'
import type { StateKeeper } from '#runtime/keeper.ts'
import { sharedBytes } from '#runtime/rpc.ts'
import type { JobSession } from '#runtime/session.ts'
import type { Logger } from '#runtime/shell.ts'
import type { ContentStore } from '#runtime/store.ts'

export interface Audit {
  readonly judgement: Judgement
  /** Bytes of the wanted activation of the entry's last step. */
  readonly activation: Uint8Array | undefined
}

export interface AuditOptions {
  /** Asked when the audit's turn comes: what nobody needs any more is not replayed. */
  readonly wanted: () => boolean
  readonly activation?: DrawnActivation
  /** Whether there is time to wait for evidence that no solver of the slot shows: without it somebody else may be accused. */
  readonly patient?: () => boolean
}

/** Audits one entry at a time: a replay loads its own state into the session's engine. */
export class Auditor {
  readonly #sources: Sources
  readonly #log: Logger
  readonly #keeper: StateKeeper | undefined
  #last: Promise<unknown> = Promise.resolve()

  /** @param keeper keeps the states that audits bring and compute; undefined: they are dropped */
  constructor(store: ContentStore, announcer: Announcer, signal: AbortSignal, log: Logger, keeper?: StateKeeper) {
    this.#sources = { store, announcer, signal }
    this.#log = log
    this.#keeper = keeper
  }

  /**
   * Replays the entry at `index` of `window`. `against` in a rejection is an index of the window.
   * @throws AssayError `unavailable` when nobody serves the state before the entry, or evidence that can be waited for, `stale` when it is not wanted any more
   */
  audit(session: JobSession, window: WindowView, index: number, options: AuditOptions): Promise<Audit> {
    const audit = this.#last.then(() => {
      check(options.wanted(), 'stale', `window ${window.window} needs no audit any more`)
      return this.#replay(session, window, index, options)
    })
    this.#last = audit.catch(() => {})
    return audit
  }

  async #replay(session: JobSession, window: WindowView, index: number, options: AuditOptions): Promise<Audit> {
    const { activation: drawn, patient } = options
    const { entry } = window.entries[index] as EntryView
    const slot = window.entries.filter((other) => other.entry.stepFrom === entry.stepFrom)
    await this.#load(session, entry, slot)
    const replayed = await session.compute.call('replay', {
      stepFrom: entry.stepFrom,
      stepTo: entry.stepTo,
      replicas: slot.length,
      ...(drawn && {
        activations: [{ microBatch: drawn.microBatch, node: session.program.micro.inputs.length + drawn.node }],
      }),
    })
    // What checking costs: each replayed step is the work of all its replicas.
    this.#log.info({ job: session.jobId, stepFrom: entry.stepFrom, stepTo: entry.stepTo }, 'replayed')
    const [activation] = replayed.activations
    if (judge(replayed, entry, slot.length, undefined).accept) {
      await this.#keepResult(session, entry)
      return { judgement: { accept: true }, activation }
    }
    // Only a rejection needs to know who was wrong first.
    const evidence = await slotEvidence(this.#sources, slot)
    if (!evidence && patient?.()) fail('unavailable', 'no solver of the slot shows its evidence yet')
    const judgement = judge(replayed, entry, slot.length, evidence)
    if (judgement.accept) return { judgement, activation }
    const accused = slot[judgement.against] as EntryView
    return { judgement: { accept: false, against: window.entries.indexOf(accused) }, activation }
  }

  /** Brings the state before an entry to the engine: the init graph's output before step 0, else the claimed one. */
  async #load(session: JobSession, entry: Entry, slot: readonly EntryView[]): Promise<void> {
    const { stepFrom, rootBefore } = entry
    if (stepFrom === 0) {
      await session.compute.call('init', sharedBytes(session.stateBytes))
      return
    }
    const shared = await stateBefore(this.#sources, session, entry, slot)
    await session.compute.call('load', shared)
    this.#keeper?.keep(session, { epoch: entry.epoch, step: stepFrom, root: rootBefore }, shared)
  }

  /** The engine holds the state after the entry, and it is the claimed one. */
  async #keepResult(session: JobSession, { epoch, stepTo, rootAfter }: Entry): Promise<void> {
    if (!this.#keeper || this.#keeper.has(rootAfter)) return
    const shared = sharedBytes(session.stateBytes)
    await session.compute.call('state', shared)
    this.#keeper.keep(session, { epoch, step: stepTo, root: rootAfter }, shared)
  }
}
