/** Verdicts: what was revealed is what had been committed to, and everything happened in its time. */

import { ASSAY } from '#contracts/codec.ts'
import { fromHex, to0x } from '#proto/bytes.ts'
import { verdictCommitment } from '#proto/draw.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import type { ProvenTransaction } from './blocks.ts'
import { entryPlace } from './entries.ts'
import { Findings, type Outcome } from './finding.ts'
import type { History, PlacedEvent } from './history.ts'
import { logPlace } from './record.ts'

/** How long a commitment is remembered: `window:epoch:index`, then the newest one. */
type Commitments = Map<string, { readonly verifier: Hex; readonly commitment: Hex }>

/**
 * Every revealed verdict, with the salt that its transaction shows, hashes to the commitment made before.
 * Why: who could change a verdict after seeing the others' would not need to replay anything.
 */
export function checkReveals(
  history: History,
  assay: Hex,
  transactions: ReadonlyMap<string, ProvenTransaction>,
): Outcome {
  const findings = new Findings()
  const commitments: Commitments = new Map()
  const hashes = new Map<string, Hex>()
  for (const window of history.windows)
    for (const [i, entry] of window.entries.entries())
      hashes.set(`${window.window}:${window.epoch}:${i}`, entry.entryHash)
  let reveals = 0
  let indirect = 0
  for (const event of history.events) {
    if (event.name !== 'VerdictCommitted' && event.name !== 'VerdictRevealed') continue
    const key = `${event.window}:${event.epoch}:${event.index}`
    if (event.name === 'VerdictCommitted') {
      commitments.set(key, event)
      continue
    }
    reveals++
    const place = `${entryPlace(event, event.index)}, verdict of ${event.verifier}`
    const committed = commitments.get(key)
    const entryHash = hashes.get(key)
    const sent = transactions.get(event.transactionHash)
    if (committed === undefined || entryHash === undefined) {
      findings.add(place, 'nothing was committed before it was revealed')
      continue
    }
    findings.same(place, 'who revealed it', event.verifier, committed.verifier)
    // Sent through another contract, its salt stands somewhere in that contract's call.
    if (sent === undefined || sent.to !== assay) indirect++
    else checkReveal(findings, place, event, committed.commitment, entryHash, sent)
  }
  const notes = indirect > 0 ? [`${indirect} reveals were sent through other contracts: their salts are not read`] : []
  return findings.outcome(`${reveals} reveals open their commitments`, notes)
}

function checkReveal(
  findings: Findings,
  place: string,
  event: Extract<PlacedEvent, { name: 'VerdictRevealed' }>,
  commitment: Hex,
  entryHash: Hex,
  sent: ProvenTransaction,
): void {
  findings.same(place, 'the sender of its transaction', sent.from, event.verifier)
  const call = ASSAY.interface.parseTransaction({ data: sent.data })
  if (call?.name !== 'revealVerdict') {
    findings.add(place, 'its transaction reveals nothing')
    return
  }
  const [jobId, epoch, window, index, accept, against, digest, salt] = call.args
  const shown = [jobId, Number(epoch), Number(window), Number(index), accept, Number(against), digest]
  const said = [event.jobId, event.epoch, event.window, event.index, event.accept, event.against, event.digest]
  findings.same(place, 'what its transaction says', shown, said)
  const opened = verdictCommitment({
    entryHash: fromHex(entryHash, 32),
    verifier: fromHex(event.verifier, 20),
    accept: event.accept,
    against: event.against,
    digest: fromHex(event.digest, 32),
    salt: fromHex(String(salt), 32),
  })
  findings.same(place, 'what it opens', to0x(opened), commitment)
}

/**
 * Every deadline was kept: verdicts and reveals in their periods, challenges open long enough, no window final before.
 * Why: a window that settles early could not have been challenged.
 */
export function checkTiming(history: History, job: JobView): Outcome {
  const findings = new Findings()
  const { verdictPeriod, revealPeriod, challengePeriod } = job.terms
  const since = new Map<string, { block: number; challengesUntil: number }>()
  /** Accusers that a ruling has just passed on to another entry: in time if they were so at first. */
  const passed = new Set<Hex>()
  let count = 0
  for (const event of history.events) {
    if (event.name === 'DisputeResolved')
      for (const { account, passage } of event.accusers) if (passage === 'Onward') passed.add(account)
    if (!('window' in event) || !('epoch' in event)) continue
    const key = `${event.window}:${event.epoch}`
    const times = since.get(key) ?? { block: 0, challengesUntil: 0 }
    const place = `${logPlace(event)} (${event.name} of window ${event.window})`
    const late = (until: number): void =>
      findings.expect(event.blockNumber <= until, place, () => `it came after block ${until}`)
    switch (event.name) {
      case 'SeedFixed':
      case 'Redrawn':
        since.set(key, { ...times, block: event.blockNumber })
        break
      case 'VerdictCommitted':
      case 'VerdictAbstained':
        late(times.block + verdictPeriod)
        break
      case 'VerdictRevealed':
        late(times.block + verdictPeriod + revealPeriod)
        break
      case 'WindowVerified':
        findings.same(place, 'the end of its challenges', event.challengesUntil, event.blockNumber + challengePeriod)
        since.set(key, { ...times, challengesUntil: event.challengesUntil })
        break
      case 'Challenged': {
        const onward = passed.delete(event.accuser)
        if (times.challengesUntil > 0 && !onward) late(times.challengesUntil)
        break
      }
      case 'WindowFinal':
        findings.expect(
          times.challengesUntil > 0 && event.blockNumber > times.challengesUntil,
          place,
          () => 'it settled before its challenges had ended',
        )
        break
      default:
        continue
    }
    count++
  }
  return findings.outcome(`${count} events in their periods`)
}
