/** For each invariant a forgery of an honest job's end that breaks it: a rule that cannot fire guards nothing. */
import type { ChainEvent } from '#contracts/codec.ts'
import type { LedgerReason } from '#proto/machines/events.ts'
import type { WindowView } from '#proto/machines/job-view.ts'
import type { Snapshot } from '#test/sim/invariants.ts'

type LedgerEvent = ChainEvent & { readonly name: 'Ledger' }

/** One more line of the ledger, like the first payout but for what is changed. */
function line(now: Snapshot, reason: LedgerReason, amount: bigint): ChainEvent {
  const payout = now.events.find((event): event is LedgerEvent => event.name === 'Ledger' && event.reason === 'Payout')
  if (!payout) throw new Error('nobody was paid')
  return { ...payout, reason, amount }
}

function withLines(now: Snapshot, ...lines: readonly ChainEvent[]): Snapshot {
  return { ...now, events: [...now.events, ...lines] }
}

/** Changes the first window. */
function withWindow(now: Snapshot, change: (window: WindowView) => Partial<WindowView>): Snapshot {
  const windows = new Map(now.view.windows)
  const first = windows.get(0) as WindowView
  windows.set(0, { ...first, ...change(first) })
  return { ...now, view: { ...now.view, windows } }
}

export const BREACHES: Readonly<Record<string, (now: Snapshot) => Snapshot>> = {
  solvency: (now) => ({ ...now, held: now.held - 1n }),
  ledgerBalances: (now) => ({ ...now, free: new Map([...now.free].map(([account, free]) => [account, free + 1n])) }),
  nobodyPaidTwice: (now) => withLines(now, line(now, 'Payout', 1n)),
  honestNeverSlashed: (now) => withLines(now, line(now, 'Slash', -1n)),
  endedJobsOweNothing: (now) => ({ ...now, job: { ...now.job, escrow: 1n } }),
  finalRootsHonest: (now) => withWindow(now, ({ rootBefore }) => ({ rootAfter: rootBefore })),
  orderedSettlement: (now) => ({ ...now, events: now.events.filter((e) => e.name !== 'WindowFinal' || e.window > 0) }),
  sampledJudged: (now) =>
    withWindow(now, ({ entries }) => ({ entries: entries.map((entry) => ({ ...entry, accepted: false })) })),
  newcomersSampled: (now) =>
    withWindow(now, ({ entries }) => ({ entries: entries.map((entry) => ({ ...entry, sampled: false })) })),
  undrawnVerdictsRefused: (now) => {
    const seeded = withWindow(now, () => ({ status: 'seeded', seededAt: now.block }))
    return { ...seeded, refusal: () => Promise.resolve(undefined) }
  },
  slashesBurn: (now) => withLines(now, line(now, 'Slash', -4n), line(now, 'Bounty', 4n)),
}
