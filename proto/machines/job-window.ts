/** How events change one window of a job. */
import { to0x } from '#proto/bytes.ts'
import { entryDigest } from '#proto/entry.ts'
import { check, fail } from '#proto/errors.ts'
import { committedEntries, type EventPlace, type JobEvent, type JobEventOf } from '#proto/machines/events.ts'
import { WINDOW_TRANSITIONS } from '#proto/machines/job-transitions.ts'
import type {
  DisputeView,
  EntryView,
  JobCounts,
  JobView,
  LedgerRow,
  VerdictView,
  WindowView,
} from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'

/** A view that is being built: nobody else holds it yet. */
export type Draft = { -readonly [K in keyof JobView]: JobView[K] } & {
  windows: Map<number, WindowView>
  disputes: Map<Hex, DisputeView>
  left: Set<Hex>
  unbonded: Set<Hex>
  summons: Map<number, number>
  strikes: Map<number, number>
  ledger: LedgerRow[]
}

type WindowEvent = Extract<JobEvent, { readonly window: number; readonly epoch: number }> & EventPlace

/** Moves one window by its transition table. Throws `wrong-state` for an event that cannot happen to it. */
export function windowEvent(job: Draft, event: Exclude<WindowEvent, { name: 'Summoned' | 'Challenged' }>): void {
  const before = job.windows.get(event.window)
  const from = before?.status ?? 'none'
  const row = WINDOW_TRANSITIONS.find((t) => t.event === event.name && t.from.includes(from))
  check(row !== undefined, 'wrong-state', `${event.name} cannot happen to window ${event.window}, which is ${from}`)
  const epoch = event.name === 'WindowCommitted' ? job.epoch : before?.epoch
  check(event.epoch === epoch, 'wrong-state', `${event.name} of epoch ${event.epoch}, not ${epoch}`)
  const window = event.name === 'WindowCommitted' ? committed(job, event) : changed(job, before as WindowView, event)
  job.windows.set(event.window, { ...window, status: row.to })
}

function committed(job: Draft, event: JobEventOf<'WindowCommitted'> & EventPlace): WindowView {
  check(event.window === job.nextWindow, 'wrong-state', `window ${event.window} is not the next, ${job.nextWindow}`)
  const signed = committedEntries(event)
  const [first, last] = [signed[0], signed.at(-1)]
  if (first === undefined || last === undefined) fail('wrong-state', `window ${event.window} has no entries`)
  job.nextWindow++
  job.clock = event.blockNumber
  job.summons.clear()
  job.strikes.clear()
  job.counts = { ...job.counts, entriesCommitted: job.counts.entriesCommitted + signed.length }
  return {
    window: event.window,
    status: 'committed',
    epoch: event.epoch,
    coordinator: event.coordinator,
    committedAt: event.blockNumber,
    seedRound: event.seedRound,
    rootBefore: to0x(first.entry.rootBefore) as Hex,
    rootAfter: to0x(last.entry.rootAfter) as Hex,
    entries: signed.map((one) => ({
      ...one,
      entryHash: to0x(entryDigest(one.entry)) as Hex,
      sampled: false,
      verdicts: [],
      accepted: false,
    })),
    seed: null,
    seededAt: 0,
    round: 0,
    challengesUntil: 0,
    lapsed: false,
  }
}

function changed(
  job: Draft,
  window: WindowView,
  event: Exclude<WindowEvent, { name: 'Summoned' | 'Challenged' | 'WindowCommitted' }>,
): WindowView {
  const count = (name: keyof JobCounts, by = 1): void => {
    job.counts = { ...job.counts, [name]: job.counts[name] + by }
  }
  switch (event.name) {
    case 'SeedFixed': {
      const entries = window.entries.map((entry, i) => ({ ...entry, sampled: bit(event.sampled, i) }))
      count('entriesSampled', entries.filter((entry) => entry.sampled).length)
      return { ...window, entries, seed: event.seed, seededAt: event.blockNumber }
    }
    case 'VerdictCommitted':
    case 'VerdictAbstained': {
      const { verifier } = event
      const said = { verifier, round: window.round }
      const verdict: VerdictView =
        event.name === 'VerdictAbstained'
          ? { ...said, status: 'abstained' }
          : { ...said, status: 'committed', commitment: event.commitment }
      return withEntry(window, event.index, (entry) => ({ ...entry, verdicts: [...entry.verdicts, verdict] }))
    }
    case 'VerdictRevealed':
      count(event.accept ? 'entriesAccepted' : 'entriesRejected')
      return withEntry(window, event.index, (entry) => revealed(entry, window.round, event))
    case 'Redrawn':
      return { ...window, round: event.round, seededAt: event.blockNumber }
    case 'WindowVerified':
      return { ...window, challengesUntil: event.challengesUntil }
    case 'WindowLapsed':
      count('windowsLapsed')
      return { ...window, lapsed: true }
    case 'WindowVoided':
      count('windowsVoided')
      return window
    case 'WindowFinal':
      check(event.window === job.finalWindows, 'wrong-state', `window ${event.window} is final out of order`)
      job.finalWindows++
      job.finalRoot = event.rootAfter
      job.clock = event.blockNumber
      return window
  }
}

function bit(mask: bigint, index: number): boolean {
  return ((mask >> BigInt(index)) & 1n) === 1n
}

function withEntry(window: WindowView, index: number, change: (entry: EntryView) => EntryView): WindowView {
  check(index < window.entries.length, 'wrong-state', `window ${window.window} has no entry ${index}`)
  return { ...window, entries: window.entries.map((entry, i) => (i === index ? change(entry) : entry)) }
}

function revealed(entry: EntryView, round: number, event: JobEventOf<'VerdictRevealed'>): EntryView {
  const { verifier, digest } = event
  const said = { verifier, round, digest }
  const open = (v: VerdictView): boolean => v.verifier === verifier && v.round === round && v.status === 'committed'
  check(entry.verdicts.some(open), 'wrong-state', `${verifier} reveals a verdict it has not committed`)
  const verdict: VerdictView = event.accept
    ? { ...said, status: 'accepted' }
    : { ...said, status: 'rejected', against: event.against }
  return {
    ...entry,
    verdicts: entry.verdicts.map((v) => (open(v) ? verdict : v)),
    accepted: entry.accepted || event.accept,
  }
}
