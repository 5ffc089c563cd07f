/** Which entries a whistleblower re-audits, its own secret choice, so that no verifier knows which acceptances it checks. Pure. */
import { fromHex } from '#proto/bytes.ts'
import { sha256 } from '#proto/hash.ts'
import { type JobView, openDisputes, type WindowView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'

/** What audits found, by the audited entry: the entry of its window to accuse, null for none. */
export type Findings = ReadonlyMap<Hex, { readonly against: number | null }>

export type WhistleblowerAction = {
  readonly key: string
  readonly type: 'audit' | 'challenge'
  readonly job: JobView
  readonly window: number
  readonly index: number
}

/** Whether `secret` picks an entry at `rate` (0 to 1). */
export function picks(secret: Uint8Array, entryHash: string, rate: number): boolean {
  const digest = sha256(secret, fromHex(entryHash, 32))
  const draw = new DataView(digest.buffer, digest.byteOffset).getUint32(0) / 2 ** 32
  return draw < rate
}

/** Whether a window may still be challenged, now or later. */
export function isOpen({ status }: WindowView): boolean {
  return status !== 'final' && status !== 'void'
}

/**
 * Whether an accusation of one's own is needed. Others may lose theirs, on purpose too: once they have, and before they could after
 * the last block for challenges.
 */
function isNeeded(
  job: JobView,
  { window, challengesUntil }: WindowView,
  accused: Hex,
  me: Hex,
  block: number,
): boolean {
  const dispute = job.disputes.get(accused)
  // One refuted claim voids whatever is not final: a game at a time is enough, and each window's own before its time is over.
  const mine = openDisputes(job).filter(({ accusers }) => accusers.includes(me))
  const waits = isLate(job, challengesUntil, block) ? mine.some((one) => one.window === window) : mine.length > 0
  if (waits) return false
  if (dispute === undefined) return true
  if (dispute.accusers.includes(me) || dispute.beaten.includes(me)) return false
  return dispute.ruling === 'Upheld' || (dispute.ruling === 'Pending' && isLate(job, challengesUntil, block))
}

/** The second half of a challenge period: who still waits for evidence, or for the accusations of others, goes ahead without. */
export function isLate({ terms }: JobView, challengesUntil: number, block: number): boolean {
  return block >= challengesUntil - Math.floor(terms.challengePeriod / 2)
}

/** Where a window stands, for whoever has to challenge it in time. */
function stageOf(job: JobView, { status, challengesUntil }: WindowView, block: number): string {
  if (status !== 'verified') return 'open'
  return `${challengesUntil}:${isLate(job, challengesUntil, block) ? 'late' : 'early'}`
}

/**
 * Audits as soon as a window is committed; challenges once the verifiers have let the window pass, since what they reject
 * themselves needs no whistleblower.
 */
export function decide(
  job: JobView,
  me: Hex,
  findings: Findings,
  secret: Uint8Array,
  rate: number,
  block: number,
): WhistleblowerAction[] {
  const actions: WhistleblowerAction[] = []
  for (const view of job.windows.values()) {
    if (!isOpen(view)) continue
    for (const [index, { entryHash }] of view.entries.entries()) {
      // Tried anew, however often it failed before, when the challenge period begins, in its second half, and when others have lost.
      const moment = `${stageOf(job, view, block)}:${job.disputes.get(entryHash)?.beaten.length ?? 0}`
      const of = (type: 'audit' | 'challenge', accused: number): WhistleblowerAction => ({
        key: `${view.entries[accused]?.entryHash}:${type}:${moment}`,
        type,
        job,
        window: view.window,
        index: accused,
      })
      const finding = findings.get(entryHash)
      if (finding === undefined && picks(secret, entryHash, rate)) actions.push(of('audit', index))
      const against = finding?.against ?? null
      const late = view.status !== 'verified' || block >= view.challengesUntil
      if (against === null || late) continue
      const accused = view.entries[against]
      if (accused && isNeeded(job, view, accused.entryHash, me, block)) actions.push(of('challenge', against))
    }
  }
  return actions
}
