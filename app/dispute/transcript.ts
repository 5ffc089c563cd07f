/** The transcript of a dispute: who plays, each game, the ruling and what it has cost whom, from the chain alone. */
import type { ClaimEvent } from '#contracts/claims.ts'
import type { LedgerReason, Ruling } from '#proto/machines/events.ts'
import type { Hex } from '#proto/terms.ts'
import { callsOf, openOf } from './calls.ts'
import { type GameTranscript, gameOf } from './game.ts'
import { type Parties, partiesOf } from './parties.ts'
import type { DisputeRecord } from './record.ts'

/** A movement of value in a transaction that accused the entry or carried the ruling out. */
export interface Movement {
  readonly account: Hex
  /** Wei, signed. */
  readonly amount: bigint
  readonly reason: LedgerReason
  readonly block: number
}

export interface Transcript extends Parties {
  readonly claimId: Hex
  readonly entryHash: Hex
  readonly jobId: Hex
  /** Place of the entry in the job; null if the court does not say. */
  readonly window: number | null
  readonly index: number | null
  /** As its moves show it; null before the first one. */
  readonly replica: number | null
  readonly steps: readonly [number, number] | null
  readonly responsePeriod: number
  readonly openedAt: number
  readonly ruling: Ruling
  /** Block in which the court carried it out; null before, and again once another challenger has joined. */
  readonly resolvedAt: number | null
  readonly games: readonly GameTranscript[]
  readonly ledger: readonly Movement[]
}

/** The ruling as the arbiter gives it in block `head`: docs/spec/pinpoint.md, Seats. */
function rulingAt({ events, opened, head }: DisputeRecord, { seats, challengers }: Parties): Ruling {
  if (seats.some(({ lost }) => lost === null)) {
    return challengers.some(({ lost }) => lost === null) ? 'Pending' : 'Upheld'
  }
  const acceptors = events.filter(({ name }) => name === 'AcceptorAdded')
  return acceptors.length >= seats.length && head <= defendUntil(opened, events) ? 'Pending' : 'Refuted'
}

/** Last block for acceptors to take a seat; 0 while none was lost. */
function defendUntil({ responsePeriod }: { readonly responsePeriod: number }, events: readonly ClaimEvent[]): number {
  let until = 0
  for (const event of events) {
    if (event.name === 'SeatLost') until = event.defendUntil
    else if (event.name === 'AcceptorAdded' && until !== 0) until = event.blockNumber + responsePeriod
  }
  return until
}

/** The transcript of a record. Nothing in it is checked beyond what the chain has: that is `replayOf`. */
export function transcriptOf(record: DisputeRecord): Transcript {
  const { opened, job } = record
  const parties = partiesOf(record)
  const calls = callsOf(record)
  const open = openOf(record, calls.values())
  const games = parties.seats.flatMap((seat) =>
    parties.challengers.flatMap((challenger) => {
      // Who has lost before the other came never met it.
      const met = (seat.lost ?? Infinity) >= challenger.since && (challenger.lost ?? Infinity) >= seat.since
      return met ? [gameOf({ record, calls, open, seat, challenger })] : []
    }),
  )
  const accused = job.find((event) => event.name === 'Challenged' && event.entryHash === opened.entryHash)
  const resolved = job.findLast((event) => event.name === 'DisputeResolved' && event.entryHash === opened.entryHash)
  const again = parties.challengers.some(({ since }) => resolved !== undefined && since > resolved.blockNumber)
  const place = accused?.name === 'Challenged' ? { window: accused.window, index: accused.index } : null
  return {
    ...{ claimId: opened.claimId, entryHash: opened.entryHash, jobId: opened.jobId },
    ...{ window: open?.entry.window ?? place?.window ?? null, index: place?.index ?? null },
    replica: open?.entry.replica ?? null,
    steps: open === undefined ? null : [open.entry.stepFrom, open.entry.stepTo],
    ...{ responsePeriod: opened.responsePeriod, openedAt: opened.blockNumber },
    ruling: rulingAt(record, parties),
    resolvedAt: again ? null : (resolved?.blockNumber ?? null),
    ...{ ...parties, games, ledger: ledgerOf(record) },
  }
}

/** What moved when the entry was accused, and when the ruling was carried out. */
function ledgerOf({ opened, job }: DisputeRecord): Movement[] {
  const behind = new Set(
    job.flatMap((event) => {
      const about = event.name === 'Challenged' || event.name === 'DisputeResolved'
      return about && event.entryHash === opened.entryHash ? [event.transactionHash] : []
    }),
  )
  return job.flatMap((event): Movement[] => {
    if (event.name !== 'Ledger' || !behind.has(event.transactionHash)) return []
    const { account, amount, reason, blockNumber: block } = event
    return [{ account, amount, reason, block }]
  })
}
